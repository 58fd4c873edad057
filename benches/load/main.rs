//! The load bench: `make bench` or `cargo bench --bench load`. Prints the table of `docs/performance.md`.
//!
//! Generator, server, Redis and the receiver that stands for the CRM share the machine. For each store (`stand`): the highest rate
//! of single events and of batches (closed loop) and whose CPU they take, the latency of acknowledgements at half of that rate
//! (open loop, measured from the moment at which a request was due, so that a stall is counted for all that it delayed), the
//! time from an event to its lead at the webhook, and how far applying is behind the log. Then leads delivered a second (`flood`),
//! few users and a million of them with the memory and the bytes that they take (`many`), several servers on one Redis and a Redis
//! Cluster (`several`). Beside them, in the same run, a bare actix echo of the same body, `redis-benchmark`, and an earlier build of
//! the server (`program`).
#![expect(clippy::indexing_slicing, clippy::panic, reason = "a bench that panics has failed")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "figures for people"
)]

mod args;
mod closed;
mod cpu;
mod echo;
mod flood;
#[path = "../../tests/it/harness/mod.rs"]
mod harness;
mod lag;
mod latency;
mod leads;
mod machine;
mod many;
mod measure;
mod open;
mod people;
mod program;
mod receiver;
#[path = "../../tests/it/redis_server.rs"]
mod redis_server;
mod redis_tool;
mod report;
mod several;
mod sizes;
mod stand;
mod story;
mod table;
mod world;

use clap::Parser as _;

fn main() -> anyhow::Result<()> {
    let args = args::Args::parse();
    if let Some(port) = args.serve_echo {
        return echo::serve(port);
    }
    world::keep_files_on_disk()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure::all(&args))
}
