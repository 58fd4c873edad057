//! What is claimed, when, in which order, and by how many hands.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

#[tokio::test]
async fn finds_what_was_there_before_it_started_in_every_partition() {
    let bench = Bench::new(|_| Doing::Answer(done().into()));
    for partition in 0..64 {
        bench.add(partition, vec![entry(&format!("e{partition}"), None, START)]).await;
    }
    let runner = bench.start(4, SLOW);
    bench.until(EntryState::Done, 64).await;
    runner.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_wake_is_heard_without_a_poll_and_a_poll_finds_what_nobody_woke() {
    let mut bench = Bench::new(|_| Doing::Answer(done().into()));
    let runner = bench.start(4, SLOW);
    bench.add(7, vec![entry("woken", None, START)]).await;
    bench.wake(7);
    assert_eq!(bench.next().await, "woken");
    runner.drain(PATIENCE).await;

    let runner = bench.start(4, QUICK);
    bench.add(8, vec![entry("polled", None, START)]).await;
    assert_eq!(bench.next().await, "polled");
    runner.drain(PATIENCE).await;
}

#[tokio::test]
async fn an_entry_is_not_worked_before_it_is_due() {
    let mut bench = Bench::new(|_| Doing::Answer(done().into()));
    bench.add(1, vec![entry("later", None, START.plus(60_000)), entry("now", None, START)]).await;
    let runner = bench.start(4, QUICK);
    assert_eq!(bench.next().await, "now");
    bench.until(EntryState::Done, 1).await;
    assert_eq!(bench.rows(EntryState::Pending).await.len(), 1);
    bench.around.clock.advance(60_000);
    assert_eq!(bench.next().await, "later");
    runner.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_lane_is_worked_in_order_and_waits_for_a_retry() {
    let failed = AtomicBool::new(false);
    let mut bench = Bench::new(move |claimed| {
        if claimed.entry.id == "a1" && !failed.swap(true, Ordering::SeqCst) {
            let due = START.plus(1_000);
            return Doing::Answer(Outcome::Retry { due, attempts: 1, error: "once".to_owned() }.into());
        }
        Doing::Answer(done().into())
    });
    let lane = |id: &str, lane: &str| entry(id, Some(lane), START);
    bench.add(3, vec![lane("a1", "a"), lane("a2", "a"), lane("b1", "b"), lane("b2", "b")]).await;
    let runner = bench.start(1, QUICK);
    let mut first = vec![bench.next().await, bench.next().await, bench.next().await];
    first.sort();
    assert_eq!(first, ["a1", "b1", "b2"], "a2 waits for a1; lane b doesn't");
    bench.until(EntryState::Done, 2).await;
    bench.around.clock.advance(1_000);
    assert_eq!([bench.next().await, bench.next().await], ["a1", "a2"]);
    runner.drain(PATIENCE).await;
}

#[tokio::test]
async fn no_more_entries_are_claimed_than_there_are_hands() {
    let gate = Arc::new(Notify::new());
    let waiting = Arc::clone(&gate);
    let mut bench = Bench::new(move |_| Doing::Wait(Arc::clone(&waiting)));
    bench.add(0, (0..10).map(|n| entry(&n.to_string(), None, START)).collect()).await;
    let runner = bench.start(3, QUICK);
    for _ in 0..3 {
        bench.next().await;
    }
    let free = bench.around.store.claim(PartitionId(0), &queue(), START, SLOW, 100).await.expect("the store answers");
    assert_eq!(free.claimed.len(), 7, "three are being worked, and none is claimed and waiting");
    runner.shared.phase.send_replace(Phase::Abandoning);
}

#[tokio::test]
async fn an_entry_of_a_worker_that_died_is_worked_when_its_lease_runs_out() {
    let mut bench = Bench::new(|_| Doing::Answer(done().into()));
    bench.add(0, vec![entry("orphan", None, START)]).await;
    let lease = Duration::from_secs(45);
    let taken = bench.around.store.claim(PartitionId(0), &queue(), START, lease, 1).await.expect("the store answers");
    assert_eq!(taken.claimed.len(), 1);
    let runner = bench.start(1, QUICK);
    bench.around.clock.advance(45_000);
    assert_eq!(bench.next().await, "orphan");
    bench.until(EntryState::Done, 1).await;
    // The one who was thought dead comes back: its lease is void.
    let late = Commit { settle: vec![settle(&taken.claimed[0], done())], now: START, ..Commit::default() };
    assert!(bench.around.store.commit(late).await.is_err());
    runner.drain(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_processes_over_one_store_work_everything_exactly_once() {
    let store: SharedStore = Arc::new(MemoryStore::new(StoreOptions::default()));
    let counts = Arc::new(Mutex::new(BTreeMap::<String, usize>::new()));
    let benches: Vec<_> = (0..4)
        .map(|_| {
            let counts = Arc::clone(&counts);
            Bench::over(Arc::clone(&store), move |claimed| {
                *counts.lock().expect("free").entry(claimed.entry.id.clone()).or_default() += 1;
                Doing::Answer(done().into())
            })
        })
        .collect();
    for partition in 0..64 {
        let lane = |n: usize| Some(["a", "b", "c"][n % 3]);
        let entries = (0..20).map(|n| entry(&format!("{partition}-{n}"), lane(n), START)).collect();
        benches[0].add(partition, entries).await;
    }
    let runners: Vec<_> = benches.iter().map(|bench| bench.start(3, QUICK)).collect();
    benches[0].until(EntryState::Pending, 0).await;
    for runner in runners {
        runner.drain(PATIENCE).await;
    }
    let counts = counts.lock().expect("free");
    assert_eq!(counts.len(), 64 * 20);
    assert!(counts.values().all(|count| *count == 1));
}
