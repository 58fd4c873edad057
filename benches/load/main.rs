//! The load bench: `make bench` or `cargo bench --bench load`. Prints the table of `docs/performance.md`.
//!
//! Generator, server, Redis and the receiver that stands for the CRM share the machine. For each store: the highest rate of
//! single events and of batches (closed loop), the latency of acknowledgements at half of that rate (open loop, measured
//! from the moment at which a request was due, so that a stall is counted for all that it delayed), the time from an event
//! to its lead at the webhook, and the bytes that a subject takes. Beside them, in the same run, a bare actix echo of the
//! same body, and `redis-benchmark`.
#![expect(clippy::indexing_slicing, clippy::panic, reason = "a bench that panics has failed")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "figures for people"
)]

mod args;
mod closed;
mod echo;
#[path = "../../tests/it/harness/mod.rs"]
mod harness;
mod latency;
mod leads;
mod measure;
mod open;
mod sizes;
mod story;
mod table;
mod world;

use clap::Parser as _;

fn main() -> anyhow::Result<()> {
    let args = args::Args::parse();
    if let Some(port) = args.serve_echo {
        return echo::serve(port);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let report = measure::all(&args).await?;
        println!("{}", table::render(&report));
        Ok(())
    })
}
