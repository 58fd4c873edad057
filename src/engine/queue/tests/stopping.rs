//! What is left alone, and what a stop waits for.

use super::*;

#[tokio::test]
async fn a_parked_queue_is_left_alone_until_it_opens() {
    let mut bench = Bench::new(|_| Doing::Answer(done().into()));
    *bench.handler.parked.lock().expect("free") = Some(START.plus(5_000));
    bench.add(0, vec![entry("e", None, START)]).await;
    let runner = bench.start(1, QUICK);
    bench.wake(0);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let row = bench.rows(EntryState::Pending).await.remove(0);
    assert_eq!((row.entry.attempts, row.entry.last_error), (0, None), "not even claimed");
    assert!(bench.seen.try_recv().is_err());
    bench.around.clock.advance(5_000);
    assert_eq!(bench.next().await, "e");
    runner.drain(PATIENCE).await;
}

#[tokio::test]
async fn a_drain_finishes_what_is_under_way_and_takes_nothing_new() {
    let gate = Arc::new(Notify::new());
    let waiting = Arc::clone(&gate);
    let mut bench = Bench::new(move |_| Doing::Wait(Arc::clone(&waiting)));
    bench.add(0, vec![entry("under way", None, START), entry("not begun", None, START)]).await;
    let runner = bench.start(1, QUICK);
    bench.next().await;
    let drained = tokio::spawn(runner.drain(PATIENCE));
    gate.notify_one();
    within(drained).await.expect("it drains");
    assert_eq!(bench.rows(EntryState::Done).await.len(), 1);
    assert_eq!(bench.rows(EntryState::Pending).await.len(), 1);
}

#[tokio::test]
async fn a_drain_gives_back_what_does_not_finish_in_time() {
    let mut bench = Bench::new(|_| Doing::Wait(Arc::new(Notify::new())));
    bench.add(0, vec![entry("stubborn", None, START)]).await;
    let runner = bench.start(1, QUICK);
    bench.next().await;
    within(runner.drain(Duration::from_millis(10))).await;
    let claims = bench.around.store.claim(PartitionId(0), &queue(), START, SLOW, 9).await.expect("the store answers");
    assert_eq!(claims.claimed.len(), 1, "free at once, not when its lease would have run out");
    assert_eq!(claims.claimed[0].entry.attempts, 0);
}
