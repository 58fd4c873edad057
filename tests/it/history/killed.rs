//! Servers that are killed and a store that fails, several at a time: what is told of the past is what was counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use handraiser::config::load_text;
use handraiser::engine::{Engine, EngineSettings};
use handraiser::event::Event;
use handraiser::history::Archive;
use handraiser::ids::{RecordKey, Shards};
use handraiser::store::{MemoryStore, SharedStore, StoreOptions};
use handraiser::time::{Clock, Millis};

use super::{archive, hasty, past, told};
use crate::faulty_store::{FaultPlan, FaultyStore};
use crate::harness::events::blank;
use crate::harness::settings;

const CONFIGURATION: &str = "
sources: { app: { write_key: k } }
counters: { tasks: { of: user, event: Task Created }, all_tasks: { of: account, event: Task Created } }
definitions: [ { name: busy, of: user, intent: [ tasks >= 1000000 ] } ]
routes: [ { name: all, to: self_serve } ]
";
const USERS: usize = 12;

/// Much goes wrong, and each time for a moment.
pub const ROUGH: FaultPlan = FaultPlan {
    refused: 20,
    lost: 30,
    late: 10,
    late_by: Duration::from_millis(300),
    torn: 50,
    delayed: 200,
    delay: Duration::from_millis(5),
    silences: 0,
    silence: Duration::ZERO,
    ..FaultPlan::NONE
};

pub struct NoCrm;

#[async_trait::async_trait]
impl handraiser::engine::Dispatcher for NoCrm {
    fn admission(&self, _: &str, _: Millis) -> handraiser::engine::Admission {
        handraiser::engine::Admission::Open(1)
    }

    async fn deliver(
        &self,
        _: &str,
        _: &handraiser::record::News,
        _: &handraiser::engine::Before,
    ) -> handraiser::apply::Attempt {
        unreachable!("there are no destinations")
    }

    async fn read_back(&self, _: &str, _: Millis, _: i64) -> handraiser::apply::message::ReadBack {
        unreachable!("there are no destinations")
    }

    fn deadline(&self, _: &str) -> Duration {
        Duration::from_secs(1)
    }

    fn failed(&self, _: &str, _: &handraiser::record::News, _: &str) -> handraiser::apply::Attempt {
        unreachable!("there are no destinations")
    }
}

fn task(round: usize, user: usize) -> Arc<Event> {
    let event = blank(&format!("m{round}-{user}"), Clock::System.now());
    Arc::new(Event {
        user_id: Some(format!("user-{user}").into()),
        context_group_id: Some(format!("account-{}", user % 3).into()),
        name: Some("Task Created".into()),
        ..event
    })
}

/// Servers on one store and one archive; each is killed now and then, and sees the store through faults of its own.
pub async fn campaign(store: SharedStore, archive: &Archive, servers: usize, rounds: usize) {
    let config = load_text("test.yaml", CONFIGURATION, &|_| None).expect("a configuration").config;
    let start = |number: usize, store: &SharedStore| {
        let settings =
            EngineSettings { history: Some(hasty(archive)), ..settings::engine(&format!("server-{number}")) };
        let rules = Arc::new(ArcSwap::new(Arc::clone(&config.rules)));
        Engine::start(Arc::clone(store), rules, Clock::System, Arc::new(NoCrm), settings)
    };
    let faulty = |seed: u64| Arc::new(FaultyStore::new(Arc::clone(&store), seed, ROUGH)) as SharedStore;
    let mut running: Vec<Engine> = (0..servers).map(|number| start(number, &faulty(number as u64))).collect();
    for round in 0..rounds {
        let events: Vec<_> = (0..USERS).map(|user| task(round, user)).collect();
        // As senders do: again until somebody has it.
        for attempt in 0.. {
            let engine = &running[(round + attempt) % servers];
            if engine.submit(events.clone(), Vec::new()).await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(Duration::from_millis(40)).await;
        if round % 6 == 5 {
            let number = round / 6 % servers;
            running[number] = start(number, &faulty(1_000 + round as u64));
        }
    }
    drop(running);
    let last = start(999, &store);
    last.settle().await.expect("everything is applied");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let told = told(&past(archive, &store).await);
    let expected: BTreeSet<(RecordKey, String)> = (0..rounds)
        .flat_map(|round| (0..USERS).map(move |user| (round, user)))
        .flat_map(|(round, user)| {
            let id = format!("m{round}-{user}");
            [
                (RecordKey::user(&format!("user-{user}")), id.clone()),
                (RecordKey::account(&format!("account-{}", user % 3)), id),
            ]
        })
        .collect();
    let missing: Vec<_> = expected.iter().filter(|one| !told.contains_key(one)).collect();
    assert_eq!(missing, Vec::<&(RecordKey, String)>::new(), "lost");
    let more: BTreeMap<_, _> = told.iter().filter(|(one, times)| **times != 1 || !expected.contains(one)).collect();
    assert_eq!(more, BTreeMap::new(), "doubled, or never counted");
    for user in 0..USERS {
        let explained =
            last.explain(&RecordKey::user(&format!("user-{user}"))).await.expect("an answer").expect("known");
        assert_eq!(explained.counters["tasks"].as_f64(), Some(rounds as f64), "what is told is what was counted");
    }
}

pub fn options() -> StoreOptions {
    StoreOptions { shards: Shards::new(4).expect("4 is not zero"), ..StoreOptions::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server_that_is_killed_again_and_again() {
    let (_directory, archive) = archive();
    campaign(Arc::new(MemoryStore::new(options())), &archive, 1, 40).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_that_share_a_directory() {
    let (_directory, archive) = archive();
    campaign(Arc::new(MemoryStore::new(options())), &archive, 3, 60).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_whose_shards_commit_apart() {
    let (_directory, archive) = archive();
    campaign(Arc::new(MemoryStore::apart(options())), &archive, 3, 60).await;
}
