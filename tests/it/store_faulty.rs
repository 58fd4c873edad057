//! The store that fails by plan: what it does to its callers, what it must never do, and that a seed repeats it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use handraiser::ids::{Position, ShardId};
use handraiser::store::*;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::faulty_store::{Fault, FaultPlan, FaultyStore};
use crate::store_conformance::messages::drive;
use crate::store_conformance::options;
use crate::store_conformance::support::*;

/// The stores of both kinds, the second with messages that take their time.
fn worlds(seed: u64) -> [SharedStore; 2] {
    [
        Arc::new(MemoryStore::new(options())),
        Arc::new(MemoryStore::with_relays(options(), seed, Duration::from_millis(300))),
    ]
}

fn faulty(inner: &SharedStore, seed: u64, plan: FaultPlan) -> Arc<FaultyStore> {
    Arc::new(FaultyStore::new(Arc::clone(inner), seed, plan))
}

/// A server that counts what it finds in the logs of its shards, one entry a step, and tells another shard of each.
struct Owner {
    name: String,
    store: Arc<FaultyStore>,
    trace: Vec<String>,
}

impl Owner {
    async fn work(mut self, until: Instant) -> Vec<String> {
        let mut holding = Vec::new();
        while Instant::now() < until {
            match self.store.heartbeat(&self.name, &holding, "").await {
                Ok(told) => holding = told.shards,
                Err(error) => self.tell(error),
            }
            let beaten = Instant::now();
            while beaten.elapsed() < HEARTBEAT {
                for shard in &holding {
                    self.step(*shard).await;
                }
                sleep(Duration::from_millis(20)).await;
            }
        }
        self.trace
    }

    async fn step(&mut self, shard: ShardId) {
        let Ok(progress) = self.store.progress(&[shard]).await else { return };
        let Progress { position: from, end, .. } = progress[0];
        if from == end {
            return;
        }
        // Messages are counted as well, but nobody is told of them.
        let Ok(found) = self.store.read(&[(shard, from)], 1, Duration::ZERO).await else { return };
        let Some(entry) = found.first().and_then(|(_, entries)| entries.first()) else { return };
        let to = ShardId((shard.0 + 1) % self.store.shards().count());
        let told = Append { shard: to, payload: [b"told ", &*entry.payload].concat().into() };
        let messages = if entry.payload.starts_with(b"told ") { Vec::new() } else { vec![told] };
        let commit = Commit { ids: vec![from.0], messages, ..Commit::new(shard, from, from.next(), now()) };
        match self.store.commit(vec![commit]).await {
            Ok(()) => self.tell(format!("{shard} {from}")),
            Err(error) => self.tell(error),
        }
    }

    fn tell(&mut self, what: impl ToString) {
        self.trace.push(format!("{} {}", self.name, what.to_string()));
    }
}

/// Three servers and a sender on one store, and what each of them met. `None` of what a sender was promised may be missing.
async fn run(inner: &SharedStore, seed: u64) -> (Vec<Vec<String>>, BTreeMap<Fault, u64>, Vec<(ShardId, u64)>) {
    let begun = Instant::now();
    let (mut stores, mut tasks) = (Vec::new(), Vec::new());
    for server in 0..3 {
        // Heartbeats are few: often enough that silences happen, whatever the dice say.
        let plan = FaultPlan { silences: 80, ..FaultPlan::default() };
        let store = faulty(inner, seed * 100 + server, plan);
        stores.push(Arc::clone(&store));
        let owner = Owner { name: format!("server{server}"), store, trace: Vec::new() };
        tasks.push(tokio::spawn(owner.work(begun + Duration::from_secs(60))));
    }
    let sender = faulty(inner, seed * 100 + 99, FaultPlan::default());
    let (mut promised, mut trace) = (Vec::new(), Vec::new());
    for n in 0..400_u16 {
        let shards = [ShardId(n % 8), ShardId((n + 3) % 8)];
        match sender.append(shards.map(|shard| entry(shard, n.to_string())).to_vec()).await {
            Ok(positions) => promised.extend(shards.into_iter().zip(positions.iter().map(|position| position.0))),
            Err(error) => trace.push(error.to_string()),
        }
        sleep(Duration::from_millis(50)).await;
    }
    let mut traces = vec![trace];
    for task in tasks {
        traces.push(task.await.expect("the server stops"));
    }
    let mut happened = sender.happened();
    for (fault, count) in stores.iter().flat_map(|store| store.happened()) {
        *happened.entry(fault).or_default() += count;
    }
    (traces, happened, promised)
}

#[tokio::test(start_paused = true)]
async fn nothing_promised_is_lost_and_every_entry_is_applied_once() {
    for (seed, inner) in (1..).zip(worlds(1)) {
        let (_, happened, promised) = run(&inner, seed).await;
        let faults =
            [Fault::Refused, Fault::Lost, Fault::Late, Fault::Torn, Fault::Delayed, Fault::Silenced, Fault::Moved];
        for fault in faults {
            assert!(happened.get(&fault).is_some_and(|count| *count > 2), "{fault:?} hardly happened: {happened:?}");
        }
        let (mut told, mut applied) = (0, 0);
        for shard in inner.shards().all() {
            drive(&inner, shard, |_| Vec::new()).await;
            let (position, end) = progress(&inner, shard).await;
            assert_eq!(position, end);
            assert!(promised.iter().all(|(of, at)| *of != shard || *at <= end), "an entry in {shard} is gone");
            let mut ids: Vec<_> = remembered(&inner, shard).await.into_iter().flat_map(|(_, ids)| ids).collect();
            let all = ids.len();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), all, "an entry of {shard} was applied twice");
            applied += all;
            told += usize::try_from(end).unwrap();
        }
        assert!(applied > promised.len() && applied <= told, "{applied} of {told} entries");
    }
}

#[tokio::test(start_paused = true)]
async fn a_seed_repeats_everything() {
    let [first, again, other] = [7, 7, 8];
    let mut traces = Vec::new();
    for seed in [first, again, other] {
        for inner in worlds(seed) {
            traces.push(run(&inner, seed).await);
        }
    }
    assert!(traces[0].0.iter().all(|trace| trace.len() > 5), "little happened");
    assert_eq!(traces[0], traces[2]);
    assert_eq!(traces[1], traces[3]);
    assert_ne!(traces[0], traces[4]);
    assert_ne!(traces[1], traces[5]);
}

#[tokio::test(start_paused = true)]
async fn messages_arrive_once_and_in_order_whatever_fails() {
    for seed in 0..20 {
        for inner in worlds(seed) {
            let mut tasks = JoinSet::new();
            let senders = [ShardId(0), ShardId(1), ShardId(7)];
            for sender in senders {
                append(&inner, entries(sender, 100)).await;
                let plan = FaultPlan { refused: 50, lost: 100, late: 100, ..FaultPlan::default() };
                let store: SharedStore = faulty(&inner, seed * 100 + u64::from(sender.0), plan);
                tasks.spawn(async move {
                    drive(&store, sender, |step| vec![entry(THERE, format!("{sender} {step:02}"))]).await;
                });
            }
            tasks.join_all().await;
            let found = texts(&arrived(&inner, THERE, 0, 300).await);
            for sender in senders {
                let of_sender = found.iter().filter(|text| text.starts_with(&format!("{sender} ")));
                let expected: Vec<_> = (0..100).map(|step| format!("{sender} {step:02}")).collect();
                assert_eq!(of_sender.cloned().collect::<Vec<_>>(), expected);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn messages_of_different_shards_overtake_each_other() {
    let [_, inner] = worlds(3);
    for n in 0..20 {
        for sender in [0, 1] {
            let messages = vec![entry(THERE, format!("{n:02} from {sender}"))];
            ok(&inner, Commit { messages, ..stay(ShardId(sender)) }).await;
        }
        sleep(Duration::from_millis(20)).await;
    }
    let found = texts(&arrived(&inner, THERE, 0, 40).await);
    assert!(!found.is_sorted(), "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn who_falls_silent_loses_its_shards_and_works_on() {
    let [inner, _] = worlds(0);
    let silent = faulty(&inner, 1, FaultPlan::NONE);
    let other = faulty(&inner, 2, FaultPlan::NONE);
    append(&inner, entries(HERE, 3)).await;
    assert_eq!(silent.heartbeat("silent", &[], "").await.expect("it owns all").shards.len(), 8);
    silent.replan(FaultPlan { silences: 1_000, silence: 3 * LEASE, ..FaultPlan::NONE });
    let begun = Instant::now();
    while begun.elapsed() <= LEASE {
        silent.heartbeat("silent", &[], "").await.expect_err("it is silent");
        sleep(HEARTBEAT).await;
    }
    assert_eq!(other.heartbeat("other", &[], "").await.expect("it owns all").shards.len(), 8);
    // Nobody told the first one, and until somebody commits nothing is wrong with that.
    silent.commit(vec![step(0, 1)]).await.expect("it is the first");
    assert_eq!(moved(other.commit(vec![step(0, 2)]).await), [HERE]);
    other.commit(vec![step(1, 2)]).await.expect("it begins again");
    assert_eq!(moved(silent.commit(vec![step(1, 3)]).await), [HERE]);
    silent.replan(FaultPlan::NONE);
    assert_eq!(silent.heartbeat("silent", &[], "").await.expect("it is heard again").shards, []);
}

#[tokio::test(start_paused = true)]
async fn a_torn_append_is_told_as_an_error() {
    let [inner, _] = worlds(0);
    let store = faulty(&inner, 5, FaultPlan { torn: 1_000, ..FaultPlan::NONE });
    for n in 1..=50 {
        let torn = store.append([HERE, THERE, ShardId(0), HERE].map(|shard| entry(shard, "x")).to_vec()).await;
        assert!(matches!(torn, Err(StoreError::Unavailable(_))), "{torn:?}");
        assert_eq!(progress(&inner, HERE).await.1, 2 * n, "the first shard has all of its entries");
        assert_eq!(progress(&inner, ShardId(0)).await.1, 0, "the last one has none");
    }
    let there = progress(&inner, THERE).await.1;
    assert!((1..50).contains(&there), "{there} of 50");
    assert_eq!(store.append(vec![entry(THERE, "whole")]).await, Ok(vec![Position(there + 1)]));
}
