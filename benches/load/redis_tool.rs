//! What Redis itself does here, asked by its own tool.

use std::process::Command;

use anyhow::Context as _;

use crate::args::Args;
use crate::measure::kept;
use crate::table::{Table, thousands};

pub fn table(args: &Args) -> Table {
    let mut table = Table::new(["redis-benchmark, HINCRBY", "one by one, requests/s", "pipelined by 16, requests/s"]);
    for store in args.only.iter().filter_map(|target| target.store()) {
        for redis in store.redis() {
            let label = format!("{}: redis-benchmark", store.label());
            eprintln!("{label}");
            let port = redis.address().port().to_string();
            let rate = |pipeline, requests| kept(&label, rate(&port, pipeline, requests)).unwrap_or_default();
            table.row([store.label(), rate("1", "200000"), rate("16", "1000000")]);
        }
    }
    table
}

fn rate(port: &str, pipeline: &str, requests: &str) -> anyhow::Result<String> {
    let output = Command::new("redis-benchmark")
        .args(["-p", port, "-c", "50", "-n", requests, "-P", pipeline, "-r", "10000", "--csv"])
        .args(["hincrby", "user:__rand_int__", "tasks", "1"])
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let rate = text.lines().last().and_then(|line| line.rsplit("\",\"").nth(6)).and_then(|rate| rate.parse().ok());
    rate.map(thousands).with_context(|| format!("it says: {text}"))
}
