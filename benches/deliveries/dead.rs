//! What dead destinations cost a healthy one: its deliveries a second, and how long each takes from the log to the receiver, alone and
//! beside them.

use std::time::{Duration, Instant};

use crate::Args;
use crate::counter::Counter;
use crate::engine::{Graveyard, Orders};
use crate::latency::Latencies;
use crate::machine::resident_bytes;
use crate::queue;
use crate::redis_server::Server as Redis;
use crate::table::{Table, latencies, megabytes, thousands};

/// How long the dead ones are tried before anything is measured: breakers are open then, and connections hang.
const DYING: Duration = Duration::from_secs(20);
/// News one by one, each due by the clock.
const EVERY: Duration = Duration::from_millis(5);
const ONE_BY_ONE: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(120);

pub async fn table(args: &Args) -> anyhow::Result<Table> {
    let mut table = Table::new([
        "a healthy destination",
        "deliveries/s",
        "log → receiver p50",
        "p99",
        "p99.9",
        "max",
        "news",
        "resident MB",
    ]);
    // Twice each, alternately: what the machine does beside it shows.
    for dead in [0, args.dead, 0, args.dead] {
        let label = if dead == 0 { "alone".to_owned() } else { format!("beside {} dead ones", thousands(dead as f64)) };
        eprintln!("{label}");
        let row = one(args, dead).await?;
        let [rate, p50, p99, p999, max, news, resident] = row;
        table.row([label, rate, p50, p99, p999, max, news, resident]);
    }
    Ok(table)
}

async fn one(args: &Args, dead: usize) -> anyhow::Result<[String; 7]> {
    let (directory, redis, graves) = (tempfile::tempdir()?, Redis::start(&[]), Graveyard::open()?);
    let warm = 500;
    let counter = Counter::start(warm + args.news + ONE_BY_ONE)?;
    let orders = Orders {
        redis: redis.url(),
        healthy: counter.address,
        concurrency: args.concurrency.first().copied().unwrap_or(8),
        dead: (0..dead).map(|n| graves.addresses[n % graves.addresses.len()]).collect(),
    };
    let store = queue::open(&redis.url()).await?;
    for number in 0..dead {
        queue::hand_over(&store, &queue::dead(number), 0..args.dead_news).await?;
    }
    let engine = orders.start(directory.path())?;
    queue::hand_over(&store, "healthy", 0..warm).await?;
    counter.reached(warm, PATIENCE).await?;
    tokio::time::sleep(DYING).await;

    let start = Instant::now();
    queue::hand_over(&store, "healthy", warm..warm + args.news).await?;
    let last = counter.reached(warm + args.news, PATIENCE).await?;
    let rate = args.news as f64 / last.duration_since(start).as_secs_f64();

    let begin = warm + args.news;
    let mut ticks = tokio::time::interval(EVERY);
    let mut due = Vec::new();
    for number in begin..begin + ONE_BY_ONE {
        due.push((number, ticks.tick().await.into_std()));
        queue::hand_over(&store, "healthy", number..number + 1).await?;
    }
    counter.reached(begin + ONE_BY_ONE, PATIENCE).await?;
    let mut all = Latencies::default();
    for (number, due) in due {
        counter.came(number).into_iter().for_each(|came| all.add(came.saturating_duration_since(due)));
    }
    let [p50, p99, p999, max, count] = latencies(&all.summary());
    Ok([thousands(rate), p50, p99, p999, max, count, megabytes(resident_bytes(engine.id()))])
}
