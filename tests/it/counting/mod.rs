//! The model that keeps counting honest: random streams of events (duplicates, late ones, merges, the clock at the edges of
//! windows, a store that fails in the middle) give the figures that a slow, obviously right reference gives.

mod faulty;
mod reference;
mod stream;
mod world;

use std::sync::Arc;
use std::time::Duration;

use handraiser::identity::Partitions;
use handraiser::store::memory::MemoryStore;
use handraiser::store::{SharedStore, StoreOptions};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use self::faulty::FaultyStore;
use self::stream::{Op, ops};
use self::world::World;
use crate::redis_conformance::{clustered, single};
use crate::store_conformance::Opened;
use crate::store_conformance::stores::embedded;

/// Cases of a property; `HANDRAISER_MODEL_CASES` sets another number (`make model` runs tens of thousands).
fn cases(default: u32) -> u32 {
    std::env::var("HANDRAISER_MODEL_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Runs random streams and compares every figure with the reference. Each case gets an empty store from `open`.
pub fn agrees_with_reference(runtime: &tokio::runtime::Runtime, open: &dyn Fn() -> Opened, cases: u32) {
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&ops(), |ops: Vec<Op>| {
        let Opened { store, guard } = open();
        let checked = runtime.block_on(async { World::new(store).check(&ops).await });
        drop(guard);
        checked.map_err(TestCaseError::fail)
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime starts")
}

fn memory() -> SharedStore {
    Arc::new(MemoryStore::new(options()))
}

fn opened(store: SharedStore) -> Opened {
    Opened { store, guard: Box::new(()) }
}

/// What a store needs for these streams: their clock runs over months.
pub fn options() -> StoreOptions {
    let partitions = Partitions::new(4).expect("4 is not zero");
    StoreOptions { partitions, remember: Duration::from_secs(10 * 365 * 86_400), ..StoreOptions::default() }
}

#[tokio::test]
async fn an_engine_that_is_dropped_lets_go_of_its_store() {
    let store = memory();
    drop(World::new(Arc::clone(&store)));
    let let_go = async {
        while Arc::strong_count(&store) > 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), let_go).await.expect("its workers end");
}

#[test]
fn the_engine_counts_as_the_reference_does() {
    agrees_with_reference(&runtime(), &|| opened(memory()), cases(2000));
}

#[test]
fn a_store_that_fails_in_the_middle_changes_no_figure() {
    agrees_with_reference(&runtime(), &|| opened(Arc::new(FaultyStore::new(memory(), 7))), cases(300));
}

#[test]
fn the_embedded_store_changes_no_figure() {
    let runtime = runtime();
    agrees_with_reference(&runtime, &|| runtime.block_on(embedded(options())), cases(150));
}

#[test]
fn an_embedded_store_that_fails_in_the_middle_changes_no_figure() {
    let runtime = runtime();
    let open = || {
        let Opened { store, guard } = runtime.block_on(embedded(options()));
        Opened { store: Arc::new(FaultyStore::new(store, 11)), guard }
    };
    agrees_with_reference(&runtime, &open, cases(60));
}

#[test]
fn redis_changes_no_figure() {
    let runtime = runtime();
    agrees_with_reference(&runtime, &|| runtime.block_on(single(options())), cases(150));
}

#[test]
fn a_redis_cluster_changes_no_figure() {
    let runtime = runtime();
    agrees_with_reference(&runtime, &|| runtime.block_on(clustered(options())), cases(50));
}
