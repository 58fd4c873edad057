//! The model that keeps counting honest: random streams of events (duplicates, late ones, merges, the clock at the edges of
//! windows, a store that fails in the middle) give the figures, and the leads, that a slow, obviously right reference gives.

mod faulty;
mod leads;
mod reference;
mod stream;
mod world;

use std::sync::Arc;
use std::time::Duration;

use handraiser::identity::Partitions;
use handraiser::store::memory::MemoryStore;
use handraiser::store::{SharedStore, StoreOptions, Together};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use self::faulty::FaultyStore;
use self::stream::{Op, Who, ops};
use self::world::World;
use crate::redis_conformance::{clustered, single};
use crate::store_conformance::Opened;
use crate::store_conformance::stores::embedded;

/// Cases of a property; `HANDRAISER_MODEL_CASES` sets another number (`make model-long` runs tens of thousands).
fn cases(default: u32) -> u32 {
    std::env::var("HANDRAISER_MODEL_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Runs random streams and compares every figure with the reference. Each case gets an empty store from `open`, and so many
/// `processes` that share it.
pub fn agrees_with_reference(
    runtime: &tokio::runtime::Runtime,
    open: &dyn Fn() -> Opened,
    processes: usize,
    cases: u32,
) {
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&ops(), |ops: Vec<Op>| {
        let Opened { store, guard } = open();
        let checked = runtime.block_on(async { World::new(store, processes).check(&ops).await });
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
    drop(World::new(Arc::clone(&store), 1));
    let let_go = async {
        while Arc::strong_count(&store) > 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), let_go).await.expect("its workers end");
}

#[test]
fn the_engine_counts_as_the_reference_does() {
    agrees_with_reference(&runtime(), &|| opened(memory()), 1, cases(2000));
}

#[test]
fn a_store_that_fails_in_the_middle_changes_no_figure() {
    agrees_with_reference(&runtime(), &|| opened(Arc::new(FaultyStore::new(memory(), 7))), 1, cases(300));
}

/// What each of them remembers of the records is stale all the time.
#[test]
fn processes_that_share_a_store_change_no_figure() {
    agrees_with_reference(&runtime(), &|| opened(memory()), 3, cases(500));
}

#[test]
fn processes_that_share_a_failing_store_which_takes_one_trip_change_no_figure() {
    let open = || opened(Arc::new(FaultyStore::new(memory(), 11).taking(Together::OneTrip)));
    agrees_with_reference(&runtime(), &open, 3, cases(500));
}

/// Each process builds on what it knows of the records, and is told too late that another one changed them.
#[test]
fn processes_that_count_for_the_same_subjects_at_once_lose_nothing() {
    let runtime = runtime();
    for seed in 0..10 {
        let store = FaultyStore::new(memory(), seed).taking(Together::OneTrip);
        runtime.block_on(async { World::new(Arc::new(store), 3).check_at_once(30).await }).expect("counts");
    }
    let Opened { store, guard } = runtime.block_on(single(options()));
    runtime.block_on(async { World::new(store, 3).check_at_once(60).await }).expect("counts");
    drop(guard);
}

/// A user known by four ids is forgotten by one of them, again and again until the store has done it.
#[test]
fn a_deletion_that_fails_in_the_middle_is_finished_by_the_next() {
    runtime().block_on(async {
        for seed in 0..200 {
            let world = World::new(Arc::new(FaultyStore::new(memory(), seed)), 1);
            let used = |n| Op::Use { who: Who::Anonymous(n), name: 0, account: Some(0), value: 1, late: 0 };
            let ops = (0..3).flat_map(|n| [used(n), Op::Identify { anonymous: n, user: 0 }]).collect::<Vec<_>>();
            world.check(&ops).await.expect("counts");
            let left = world.forget(&["a1", "u0", "a0", "a2"]).await;
            assert!(left.is_empty(), "seed {seed}: {left:?} are still known");
        }
    });
}

#[test]
fn the_embedded_store_changes_no_figure() {
    let runtime = runtime();
    agrees_with_reference(&runtime, &|| runtime.block_on(embedded(options())), 1, cases(150));
}

#[test]
fn an_embedded_store_that_fails_in_the_middle_changes_no_figure() {
    let runtime = runtime();
    let open = || {
        let Opened { store, guard } = runtime.block_on(embedded(options()));
        Opened { store: Arc::new(FaultyStore::new(store, 11)), guard }
    };
    agrees_with_reference(&runtime, &open, 1, cases(60));
}

#[test]
fn redis_changes_no_figure() {
    let runtime = runtime();
    agrees_with_reference(&runtime, &|| runtime.block_on(single(options())), 2, cases(150));
}

#[test]
fn a_redis_cluster_changes_no_figure() {
    let runtime = runtime();
    agrees_with_reference(&runtime, &|| runtime.block_on(clustered(options())), 2, cases(50));
}
