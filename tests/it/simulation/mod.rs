//! The whole engine in a deterministic simulation: several servers over one store, every fault that the store's contract allows,
//! kills, servers that are thought dead and go on working, an order of events that a seed decides. In the end figures, leads and
//! deliveries are what a slow, obviously right reference says. Time is tokio's paused clock, all chance comes from the seed.

mod backtest;
mod bare;
mod cluster;
mod crm;
mod language;
mod leads;
mod live;
mod losses;
mod meanwhile;
mod moving;
mod order;
mod reference;
mod stories;
mod stream;
mod teams;
mod world;

use std::sync::Arc;
use std::time::Duration;

use handraiser::ids::Shards;
use handraiser::store::{MemoryStore, StoreOptions};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use self::cluster::{CRM_TAKES, Setting};
use self::stream::{Op, ops};
use self::world::World;
use crate::faulty_store::FaultPlan;

/// Cases of a property; `HANDRAISER_MODEL_CASES` sets another number (`make model-long` runs hundreds of thousands).
fn cases(default: u32) -> u32 {
    std::env::var("HANDRAISER_MODEL_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The seed of the first case; `HANDRAISER_MODEL_SEED` sets another one, so that a failing case can be run by itself.
fn first_seed() -> u64 {
    std::env::var("HANDRAISER_MODEL_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// A stream of events by its seed.
fn stream(seed: u64) -> Vec<Op> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    ops().new_tree(&mut runner).expect("the strategy makes streams").current()
}

/// Plays one stream; what is wrong comes back as text.
fn play(setting: &Setting, seed: u64, ops: &[Op]) -> Result<(), String> {
    paused(async { World::new(setting, seed).check(ops).await })
}

/// Under a paused clock: time passes when everybody waits.
fn paused(playing: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime starts").block_on(async {
        let long = Duration::from_secs(90 * 86_400);
        tokio::time::timeout(long, playing).await.unwrap_or_else(|_| Err("it never ends".to_owned()))
    })
}

/// The shortest stream that still goes wrong when single steps are left out of it.
fn shortened(setting: &Setting, seed: u64, mut ops: Vec<Op>, mut wrong: String) -> (Vec<Op>, String) {
    let mut at = ops.len();
    while let Some(last) = at.checked_sub(1) {
        at = last;
        let without: Vec<Op> = [&ops[..at], &ops[at + 1..]].concat();
        if let Err(what) = play(setting, seed, &without) {
            (ops, wrong) = (without, what);
        }
    }
    (ops, wrong)
}

/// Plays streams and compares everything with the reference. A failure names the seed that reproduces it.
fn holds(setting: &Setting, cases: u32) {
    let first = first_seed();
    for seed in first..first + u64::from(cases) {
        let ops = stream(seed);
        if let Err(what) = play(setting, seed, &ops) {
            let (ops, what) = shortened(setting, seed, ops, what);
            panic!("{what}\nrepeat it with HANDRAISER_MODEL_SEED={seed} HANDRAISER_MODEL_CASES=1\n{ops:?}");
        }
    }
}

fn options() -> StoreOptions {
    StoreOptions { shards: Shards::new(4).expect("4 is not zero"), ..StoreOptions::default() }
}

fn together(_: u64) -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new(options()))
}

fn apart(seed: u64) -> Arc<MemoryStore> {
    Arc::new(MemoryStore::with_relays(options(), seed, Duration::from_millis(500)))
}

const GOOD_DAY: Setting = Setting {
    store: together,
    servers: 1,
    appliers: 1,
    faults: FaultPlan::NONE,
    crm_takes: CRM_TAKES,
    one_per_account: false,
    loses: false,
};

#[test]
fn one_server_counts_and_decides_as_the_reference_does() {
    holds(&GOOD_DAY, cases(1_000));
}

#[test]
fn several_workers_change_nothing() {
    holds(&Setting { appliers: 3, ..GOOD_DAY }, cases(300));
}

#[test]
fn several_servers_change_nothing() {
    holds(&Setting { servers: 3, appliers: 2, ..GOOD_DAY }, cases(300));
}

#[test]
fn faults_and_kills_change_nothing() {
    holds(&Setting { faults: FaultPlan::default(), ..GOOD_DAY }, cases(500));
}

#[test]
fn faults_and_kills_of_several_servers_change_nothing() {
    holds(&Setting { servers: 3, appliers: 2, faults: FaultPlan::default(), ..GOOD_DAY }, cases(500));
}

#[test]
fn defects_that_panic_change_nothing() {
    let defects = FaultPlan { panics: 20, moved: 20, ..FaultPlan::NONE };
    holds(&Setting { servers: 2, appliers: 2, faults: defects, ..GOOD_DAY }, cases(100));
    holds(&Setting { store: apart, servers: 2, faults: defects, ..GOOD_DAY }, cases(50));
}

#[test]
fn shards_that_commit_apart_change_nothing() {
    holds(&Setting { store: apart, servers: 2, ..GOOD_DAY }, cases(300));
}

#[test]
fn faults_and_kills_of_shards_that_commit_apart_change_nothing() {
    holds(&Setting { store: apart, servers: 3, faults: FaultPlan::default(), ..GOOD_DAY }, cases(500));
}

#[test]
fn an_account_has_one_lead_under_faults_and_kills_of_several_servers() {
    let joining = Setting { servers: 3, appliers: 2, faults: FaultPlan::default(), one_per_account: true, ..GOOD_DAY };
    holds(&joining, cases(200));
    holds(&Setting { store: apart, appliers: 1, ..joining }, cases(100));
}

#[test]
fn a_store_that_loses_the_last_of_it_counts_what_it_kept() {
    holds(&Setting { loses: true, ..GOOD_DAY }, cases(300));
}

#[test]
fn a_store_that_loses_the_last_of_it_counts_what_it_kept_under_faults_and_kills() {
    // What is late would bring back what is lost.
    let delay = Duration::from_millis(50);
    let faults = FaultPlan { refused: 20, lost: 20, torn: 50, delayed: 200, delay, ..FaultPlan::NONE };
    holds(&Setting { servers: 3, appliers: 2, faults, loses: true, ..GOOD_DAY }, cases(300));
    holds(&Setting { store: apart, servers: 2, faults, loses: true, ..GOOD_DAY }, cases(100));
}
