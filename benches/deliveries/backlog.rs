//! A long backlog that a destination takes once it is back: how fast, and what memory the server takes meanwhile, second by second.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::Args;
use crate::counter::Counter;
use crate::engine::Orders;
use crate::machine::resident_bytes;
use crate::queue;
use crate::redis_server::Server as Redis;
use crate::table::{Table, megabytes, thousands};

/// Longer than this it is not waited for; what came by then is told.
const PATIENCE: Duration = Duration::from_secs(300);

pub async fn table(args: &Args) -> anyhow::Result<Table> {
    let (directory, redis) = (tempfile::tempdir()?, Redis::start(&[]));
    let counter = Counter::start(args.backlog)?;
    let orders = Orders { redis: redis.url(), healthy: counter.address, concurrency: 32, dead: Vec::new() };
    let store = queue::open(&redis.url()).await?;
    eprintln!("a backlog of {}", thousands(args.backlog as f64));
    queue::hand_over(&store, "healthy", 0..args.backlog).await?;
    let engine = orders.start(directory.path())?;
    let (start, mut csv, mut samples) = (Instant::now(), String::from("seconds,delivered,resident_mb\n"), Vec::new());
    while counter.count() < args.backlog && start.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (delivered, resident) = (counter.count(), resident_bytes(engine.id()));
        let _ = writeln!(csv, "{:.0},{delivered},{}", start.elapsed().as_secs_f64(), megabytes(resident));
        samples.push(resident);
    }
    let place = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("backlog.csv");
    std::fs::write(&place, csv)?;
    println!("Memory second by second: {}\n", place.display());
    let mut table = Table::new([
        "backlog",
        "delivered",
        "seconds",
        "deliveries/s",
        "resident MB after a tenth",
        "half",
        "at the end",
        "most",
    ]);
    let at = |share: f64| {
        samples.get((share * samples.len().saturating_sub(1) as f64) as usize).copied().unwrap_or_default()
    };
    let (delivered, seconds) = (counter.count() as f64, start.elapsed().as_secs_f64());
    table.row([
        thousands(args.backlog as f64),
        thousands(delivered),
        format!("{seconds:.0}"),
        thousands(delivered / seconds),
        megabytes(at(0.1)),
        megabytes(at(0.5)),
        megabytes(at(1.0)),
        megabytes(samples.iter().copied().max().unwrap_or_default()),
    ]);
    Ok(table)
}
