//! Random configurations of the whole language on the engine itself: several servers, faults and kills, every store.

use std::sync::Arc;

use handraiser::ids::Shards;
use handraiser::store::StoreOptions;

use super::cluster::{Cluster, Setting};
use super::language::random::{self, Focus};
use super::language::{play, rules, shuffle, start};
use super::{GOOD_DAY, apart, cases, first_seed, paused};
use crate::faulty_store::FaultPlan;
use crate::redis_conformance;
use crate::store_conformance::{Opened, stores};

fn holds(setting: &Setting, cases: u32, is_shuffled: bool) {
    let first = first_seed();
    for seed in first..first + u64::from(cases) {
        for focus in [Focus::Readings, Focus::Leads, Focus::Others] {
            // How often a lead moved depends on the order of things.
            if is_shuffled && focus == Focus::Leads {
                continue;
            }
            let (product, steps) = (random::product(focus, seed), random::story(focus, seed));
            let rules = rules(&product);
            let outcome = paused(async {
                let mut cluster = Cluster::new(setting, seed, rules, start(seed));
                if is_shuffled {
                    shuffle(focus, (seed, 3), &product, &steps, &mut cluster).await
                } else {
                    play(focus, &product, &steps, &mut cluster).await
                }
            });
            let again = format!("HANDRAISER_MODEL_SEED={seed} HANDRAISER_MODEL_CASES=1");
            assert!(outcome.is_ok(), "{}\n{outcome:?}\nrepeat it with {again}\n{steps:?}", product.yaml());
        }
    }
}

#[test]
fn a_server_says_what_the_list_of_events_says() {
    holds(&GOOD_DAY, cases(30), false);
}

#[test]
fn several_servers_under_faults_and_kills_say_it_too() {
    holds(&Setting { servers: 3, appliers: 2, faults: FaultPlan::default(), ..GOOD_DAY }, cases(20), false);
}

#[test]
fn in_any_order_several_servers_come_to_the_same() {
    holds(&Setting { servers: 3, appliers: 2, faults: FaultPlan::default(), ..GOOD_DAY }, cases(20), true);
}

#[test]
fn in_any_order_shards_that_commit_apart_come_to_the_same() {
    holds(&Setting { store: apart, servers: 2, faults: FaultPlan::default(), ..GOOD_DAY }, cases(20), true);
}

/// Plays stories on a store that takes its time.
async fn stored(seed: u64, open: impl AsyncFn() -> Opened) {
    for focus in [Focus::Readings, Focus::Leads, Focus::Others] {
        let (product, steps) = (random::product(focus, seed), random::story(focus, seed));
        let opened = open().await;
        let store = Arc::clone(&opened.store);
        let mut cluster = Cluster::by_the_wall_clock(store, seed, rules(&product), start(seed));
        let outcome = play(focus, &product, &steps, &mut cluster).await;
        assert!(outcome.is_ok(), "seed {seed}: {}\n{outcome:?}\n{steps:?}", product.yaml());
    }
}

fn options() -> StoreOptions {
    StoreOptions { shards: Shards::new(2).expect("2 is not zero"), ..StoreOptions::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_store_keeps_all_of_it() {
    for seed in first_seed()..first_seed() + 6 {
        stored(seed, async || stores::embedded(options()).await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_keeps_all_of_it() {
    for seed in first_seed()..first_seed() + 6 {
        stored(seed, async || redis_conformance::single(options()).await).await;
    }
}
