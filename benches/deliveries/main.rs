//! What delivering costs: `cargo bench --bench deliveries`. Prints the tables of `docs/performance.md` that tell of it.
//!
//! News waits in the logs of a Redis, as the subjects of leads hand it over; the engine of one server (`engine`, a process of its own)
//! brings it to a receiver on loopback that only counts. Measured is that beside a thousand dead destinations (`dead`), beside `BullMQ` on
//! the same Redis (`bullmq`), and with a long backlog, memory second by second (`backlog`).
#![expect(clippy::indexing_slicing, clippy::panic, reason = "a bench that panics has failed")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "figures for people"
)]

mod backlog;
mod bullmq;
mod counter;
mod dead;
mod engine;
#[path = "../../tests/it/harness/mod.rs"]
mod harness;
#[path = "../load/latency.rs"]
#[expect(dead_code, reason = "the load bench uses the rest")]
mod latency;
#[path = "../load/machine.rs"]
mod machine;
mod queue;
#[path = "../../tests/it/redis_server.rs"]
mod redis_server;
#[path = "../load/table.rs"]
#[expect(dead_code, reason = "the load bench uses the rest")]
mod table;

use clap::{Parser, ValueEnum};

/// The tables of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// A healthy destination alone, and beside dead ones
    Dead,
    /// Beside `BullMQ` on the same Redis
    Bullmq,
    /// A long backlog, and the memory that the server takes meanwhile
    Backlog,
}

/// Measures deliveries on this machine.
#[derive(Debug, Parser)]
pub struct Args {
    /// Which tables to make
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Part::value_variants().to_vec())]
    pub parts: Vec<Part>,

    /// News that is brought to the healthy destination at once
    #[arg(long, default_value_t = 20_000)]
    pub news: usize,

    /// Dead destinations: a third each refuses connections, hangs, and breaks off
    #[arg(long, default_value_t = 1_000)]
    pub dead: usize,

    /// News that waits for each of them
    #[arg(long, default_value_t = 3)]
    pub dead_news: usize,

    /// How much news is under way at once to the healthy destination, and how many jobs at once `BullMQ` works
    #[arg(long, value_delimiter = ',', default_values_t = [8, 32])]
    pub concurrency: Vec<usize>,

    /// News in the long backlog
    #[arg(long, default_value_t = 300_000)]
    pub backlog: usize,

    /// Runs the engine of a server; the bench starts itself so
    #[arg(long, hide = true)]
    pub engine: Option<String>,

    /// What cargo passes to benches
    #[arg(long, hide = true)]
    pub bench: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    if let Some(orders) = &args.engine {
        return runtime.block_on(engine::serve(orders));
    }
    println!("Machine: {}.\n", machine::describe());
    for part in &args.parts {
        match part {
            Part::Dead => print!("{}", runtime.block_on(dead::table(&args))?),
            Part::Bullmq => print!("{}", runtime.block_on(bullmq::table(&args))?),
            Part::Backlog => print!("{}", runtime.block_on(backlog::table(&args))?),
        }
    }
    Ok(())
}
