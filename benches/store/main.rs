//! The stores by themselves: `cargo bench --bench store`. Prints commits per second, latencies, CPU and bytes.
//!
//! 64 committers, one for each partition, commit as the engine does: what they know of a record they keep, so that nothing
//! is loaded. An event is one remembered message and two changed fields (about 170 bytes) of a random subject. The embedded
//! store writes below `target/`, synced before each answer.
#![expect(clippy::indexing_slicing, reason = "a bench that panics has failed")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "figures for people"
)]

mod process;
mod sizes;
mod work;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use handraiser::store::embedded::Tuning;
use handraiser::store::{EmbeddedStore, MemoryStore, SharedStore, StoreOptions};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A directory on the disk where the project is built, not in a memory-backed `/tmp`.
fn directory() -> tempfile::TempDir {
    let below = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    tempfile::tempdir_in(below).expect("a directory can be made")
}

fn embedded(directory: &tempfile::TempDir) -> SharedStore {
    let path = directory.path().join("store.db");
    let opened = EmbeddedStore::open(&path, StoreOptions::default(), Tuning::default());
    Arc::new(opened.expect("the store opens"))
}

/// Seconds for each row of the table: `HANDRAISER_BENCH_SECONDS`, by default 4.
fn seconds() -> Duration {
    let given = std::env::var("HANDRAISER_BENCH_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(given.unwrap_or(4))
}

/// A line of a Markdown table.
fn line(cells: impl IntoIterator<Item = impl std::fmt::Display>) {
    let cells: Vec<String> = cells.into_iter().map(|cell| cell.to_string()).collect();
    println!("| {} |", cells.join(" | "));
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime can be made").block_on(async {
        throughput().await;
        println!();
        sizes::print().await;
    });
}

async fn throughput() {
    line(["store", "events a commit", "commits/s", "events/s", "µs CPU an event", "p50 ms", "p99 ms", "max ms"]);
    line(["---", "--:", "--:", "--:", "--:", "--:", "--:", "--:"]);
    for batch in [1, 10, 100, 1_000] {
        let store: SharedStore = Arc::new(MemoryStore::default());
        line(work::run(&store, batch, 200, seconds()).await.row("memory", batch));
    }
    for batch in [1, 10, 100, 1_000] {
        let directory = directory();
        line(work::run(&embedded(&directory), batch, 200, seconds()).await.row("embedded", batch));
    }
    // Long enough for several checkpoints over more subjects than the cache holds.
    let directory = directory();
    let outcome = work::run(&embedded(&directory), 100, 10_000, seconds() * 6).await;
    line(outcome.row("embedded, 640,000 subjects", 100));
}
