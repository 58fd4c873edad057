//! Handlers that panic, hang, meet trouble in the store or a conflict.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;
use crate::engine::queue::handler::FAILURES;
use crate::identity::RecordKey;
use crate::store::{FieldList, Write};

#[tokio::test]
async fn a_panic_costs_one_attempt_and_neither_a_hand_nor_the_worker() {
    let mut bench = Bench::new(|claimed| match claimed.entry.id.as_str() {
        "bad" => Doing::Panic,
        _ => Doing::Answer(done().into()),
    });
    bench.add(0, vec![entry("bad", None, START), entry("good", None, START)]).await;
    let runner = bench.start(1, QUICK);
    assert_eq!([bench.next().await, bench.next().await], ["bad", "good"]);
    bench.until(EntryState::Done, 1).await;
    let rows = bench.until(EntryState::Pending, 1).await;
    assert_eq!(rows[0].entry.attempts, 1);
    assert_eq!(rows[0].entry.last_error.as_deref(), Some("the handler panicked: on purpose"));

    // It panics every time: in the end it is dead, and an operator sees it.
    for _ in 1..FAILURES {
        bench.around.clock.advance(60_000);
        assert_eq!(bench.next().await, "bad");
    }
    let rows = bench.until(EntryState::Dead, 1).await;
    assert_eq!(rows[0].entry.attempts, FAILURES);
    runner.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_handler_that_hangs_is_cut_at_its_deadline() {
    let mut bench = Bench::new(|_| Doing::Hang);
    bench.add(0, vec![entry("hangs", None, START)]).await;
    let runner = bench.start(1, SLOW);
    assert_eq!(bench.next().await, "hangs");
    let failed = |rows: &[EntryRow]| rows[0].entry.attempts == 1;
    let rows = within(async {
        loop {
            let rows = bench.rows(EntryState::Pending).await;
            if failed(&rows) {
                return rows;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(rows[0].entry.last_error.as_deref(), Some("the handler took longer than 0.3 s"));
    runner.drain(PATIENCE).await;
}

#[tokio::test]
async fn trouble_in_the_store_counts_no_attempt() {
    let failed = AtomicBool::new(false);
    let mut bench =
        Bench::new(
            move |_| {
                if failed.swap(true, Ordering::SeqCst) { Doing::Answer(done().into()) } else { Doing::StoreDown }
            },
        );
    bench.add(0, vec![entry("e", None, START)]).await;
    let runner = bench.start(1, QUICK);
    bench.next().await;
    bench.around.clock.advance(2_000);
    bench.next().await;
    let rows = bench.until(EntryState::Done, 1).await;
    assert_eq!(rows[0].entry.attempts, 0);
    runner.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_commit_that_meets_a_conflict_has_the_handler_look_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let key = RecordKey::team("t");
    let mut bench = Bench::new(move |claimed| {
        // Twice with a version that isn't true, then with the true one.
        let expected = if count.fetch_add(1, Ordering::SeqCst) < 2 { 9 } else { 0 };
        let write =
            Write { key: key.clone(), expected, version: expected + 1, set: FieldList::default(), unset: Vec::new() };
        let mut follow_up = entry("follow-up", None, START.plus(60_000));
        follow_up.queue = QueueName::new("next");
        Doing::Answer(
            Commit {
                partition: claimed.partition,
                now: START,
                writes: vec![write],
                enqueue: vec![follow_up],
                settle: vec![settle(claimed, done())],
                ..Commit::default()
            }
            .into(),
        )
    });
    let ear = bench.around.wakes.receiver(&QueueName::new("next"));
    bench.add(5, vec![entry("e", None, START)]).await;
    let runner = bench.start(1, SLOW);
    bench.next().await;
    bench.until(EntryState::Done, 1).await;
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    assert!(within(ear.woken()).await.contains(&PartitionId(5)), "whoever waits for the next step hears of it");
    runner.drain(PATIENCE).await;
}
