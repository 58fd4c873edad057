//! A full queue is brought to a receiver by the engine, and by a worker of `BullMQ` on the same Redis: the same payload, the same receiver,
//! as much under way at once.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::Args;
use crate::counter::Counter;
use crate::engine::Orders;
use crate::harness::Process;
use crate::queue;
use crate::redis_server::Server as Redis;
use crate::table::{Table, thousands};

const PATIENCE: Duration = Duration::from_secs(180);
/// What a server does only once, it has done.
const WARM: usize = 500;

pub async fn table(args: &Args) -> anyhow::Result<Table> {
    let mut table =
        Table::new(["a full queue, at once under way", "Handraiser, deliveries/s", "BullMQ, deliveries/s", "times"]);
    let directory = installed()?;
    for concurrency in &args.concurrency {
        for durable in [false, true] {
            let appendonly = ["--appendonly", "yes", "--appendfsync", "everysec"];
            let redis = Redis::start(if durable { &appendonly } else { &[] });
            let label =
                format!("{concurrency}, Redis {}", if durable { "with appendfsync everysec" } else { "in memory" });
            eprintln!("{label}");
            let ours = ours(args, &redis, *concurrency).await?;
            let theirs = theirs(args, &redis, *concurrency, &directory).await?;
            table.row([label, thousands(ours), thousands(theirs), format!("{:.2}", ours / theirs)]);
        }
    }
    Ok(table)
}

async fn ours(args: &Args, redis: &Redis, concurrency: usize) -> anyhow::Result<f64> {
    let (directory, counter) = (tempfile::tempdir()?, Counter::start(WARM + args.news)?);
    let orders = Orders { redis: redis.url(), healthy: counter.address, concurrency, dead: Vec::new() };
    let store = queue::open(&redis.url()).await?;
    queue::hand_over(&store, "healthy", 0..WARM + args.news).await?;
    let _engine = orders.start(directory.path())?;
    rate(&counter, args.news).await
}

async fn theirs(args: &Args, redis: &Redis, concurrency: usize, directory: &Path) -> anyhow::Result<f64> {
    let counter = Counter::start(WARM + args.news)?;
    let script = |role: &str| {
        let mut node = Command::new("node");
        node.arg(directory.join("bullmq.mjs")).arg(role).arg(redis.url());
        node
    };
    let mut adding = script("add").stdin(Stdio::piped()).spawn().context("node can't be run")?;
    let mut input = adding.stdin.take().context("the input is a pipe")?;
    for number in 0..WARM + args.news {
        writeln!(input, "{}", queue::payload(number).1)?;
    }
    drop(input);
    ensure!(adding.wait()?.success(), "the jobs can't be added");
    let mut worker = script("work");
    worker.arg(format!("http://{}/leads", counter.address)).arg(concurrency.to_string());
    let _worker = Process::start(&mut worker, &directory.join("worker.log"));
    rate(&counter, args.news).await
}

/// Deliveries a second, once it is under way.
async fn rate(counter: &Counter, news: usize) -> anyhow::Result<f64> {
    counter.reached(WARM, PATIENCE).await?;
    let (start, already) = (Instant::now(), counter.count());
    let last = counter.reached(WARM + news, PATIENCE).await?;
    Ok((WARM + news - already) as f64 / last.duration_since(start).as_secs_f64())
}

/// `BullMQ`, pinned, in the target directory.
fn installed() -> anyhow::Result<std::path::PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/deliveries/bullmq");
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bullmq");
    std::fs::create_dir_all(&directory)?;
    for file in ["package.json", "package-lock.json", "bullmq.mjs"] {
        std::fs::copy(source.join(file), directory.join(file))?;
    }
    let mut npm = Command::new("npm");
    npm.current_dir(&directory).args(["install", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"]);
    let output = npm.output().context("npm can't be run; install it with `apt-get install --yes nodejs npm`")?;
    ensure!(output.status.success(), "npm: {}", String::from_utf8_lossy(&output.stderr));
    Ok(directory)
}
