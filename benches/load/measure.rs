//! What is measured, in which order.

use std::process::Command;
use std::time::Duration;

use crate::args::{Args, Target};
use crate::closed::{self, Rate};
use crate::harness::hooks::Receiver;
use crate::latency::Summary;
use crate::sizes::{self, Size};
use crate::story::Request;
use crate::world::World;
use crate::{leads, open};

#[derive(Debug)]
pub struct Report {
    pub rows: Vec<Row>,
    pub redis: Vec<(String, String)>,
    pub seconds: u64,
    pub connections: usize,
    pub batch: usize,
}

/// All figures of one target.
#[derive(Debug)]
pub struct Row {
    pub target: Target,
    pub single: Rate,
    pub batch: Rate,
    pub ack: Option<Summary>,
    pub ack_rate: f64,
    pub lead: Option<Summary>,
    pub size: Option<Size>,
}

pub async fn all(args: &Args) -> anyhow::Result<Report> {
    let mut rows = Vec::new();
    for target in &args.only {
        rows.push(one(args, *target).await?);
    }
    let mut redis = Vec::new();
    for target in args.only.iter().filter(|target| target.appendfsync().is_some()) {
        redis.extend(redis_benchmark(*target).await?);
    }
    Ok(Report { rows, redis, seconds: args.seconds, connections: args.connections, batch: args.batch })
}

async fn one(args: &Args, target: Target) -> anyhow::Result<Row> {
    let length = Duration::from_secs(args.seconds);
    let crm = Receiver::start(|_| 200).await;
    let world = World::start(target, &crm.url()).await?;
    let address = world.address;
    let singles = |seed: u64| -> Vec<Request> {
        (0..args.connections as u64).map(|n| Request::single(address, args.users, (seed + n) * 7919)).collect()
    };
    let batches: Vec<Request> = (0..args.batch_connections as u64)
        .map(|n| Request::batch(address, args.batch, args.users, (500 + n) * 7919))
        .collect();

    say(target, "warming up");
    closed::run(&[address], singles(1), Duration::from_secs(2)).await?;
    say(target, "single events");
    let single = closed::run(&[address], singles(100), length).await?;
    say(target, "batches");
    let batch = closed::run(&[address], batches, length).await?;
    let mut row = Row { target, single, batch, ack: None, ack_rate: 0.0, lead: None, size: None };
    if args.throughput_only {
        return Ok(row);
    }
    row.ack_rate = single.requests_per_second / 2.0;
    say(target, "latency at half of the highest rate");
    row.ack = Some(open::run(address, singles(200), row.ack_rate, length).await?);
    if target != Target::Echo {
        say(target, "from event to webhook");
        row.lead = Some(leads::run(address, &crm, args.leads_per_second, length).await?);
        drop(world);
        say(target, "bytes per subject");
        row.size = Some(sizes::run(target, args.users).await?);
    }
    Ok(row)
}

fn say(target: Target, what: &str) {
    eprintln!("{}: {what}", target.label());
}

/// What Redis itself does here, asked by its own tool: name of the measurement and requests a second.
async fn redis_benchmark(target: Target) -> anyhow::Result<Vec<(String, String)>> {
    let redis = crate::harness::Redis::start(target.appendfsync().unwrap_or("always")).await;
    let port = redis.port().to_string();
    let mut rows = Vec::new();
    for (name, pipeline, requests) in [("one by one", "1", "200000"), ("pipelined by 16", "16", "1000000")] {
        eprintln!("redis-benchmark, {}, {name}", target.label());
        let output = Command::new("redis-benchmark")
            .args(["-p", &port, "-c", "50", "-n", requests, "-P", pipeline, "-r", "10000", "--csv"])
            .args(["hincrby", "user:__rand_int__", "tasks", "1"])
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let rate = text.lines().last().and_then(|line| line.rsplit("\",\"").nth(6)).unwrap_or("?").to_owned();
        rows.push((format!("HINCRBY {name}, {}", target.label()), rate));
    }
    Ok(rows)
}
