//! A store that goes away and comes back.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;
use crate::cdp::MessageHash;
use crate::identity::{Partitions, RecordKey};
use crate::store::{CommitError, Forgotten, LeadQuery, LeadRow, Note, QueueStats, Record, Rejected, Replay, Store};

/// A store that can be taken away, and counts how often it was asked for work.
struct Flaky {
    inner: MemoryStore,
    down: AtomicBool,
    claims: AtomicUsize,
}

impl Flaky {
    fn new() -> Arc<Self> {
        let inner = MemoryStore::new(StoreOptions::default());
        Arc::new(Self { inner, down: AtomicBool::new(false), claims: AtomicUsize::new(0) })
    }

    fn up(&self) -> Result<&MemoryStore, StoreError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("it was taken away".to_owned()));
        }
        Ok(&self.inner)
    }
}

#[async_trait]
impl Store for Flaky {
    fn partitions(&self) -> Partitions {
        self.inner.partitions()
    }
    async fn load(&self, p: PartitionId, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        self.up()?.load(p, keys).await
    }
    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        self.up()?.commit(commit).await
    }
    async fn seen(&self, p: PartitionId, messages: &[MessageHash]) -> Result<Vec<Option<Note>>, StoreError> {
        self.up()?.seen(p, messages).await
    }
    async fn claim(
        &self,
        partition: PartitionId,
        queue: &QueueName,
        now: Millis,
        lease: Duration,
        limit: usize,
    ) -> Result<Claims, StoreError> {
        self.claims.fetch_add(1, Ordering::SeqCst);
        self.up()?.claim(partition, queue, now, lease, limit).await
    }
    async fn entries(&self, query: &EntryQuery) -> Result<Vec<EntryRow>, StoreError> {
        self.inner.entries(query).await
    }
    async fn replay(&self, which: &Replay, now: Millis) -> Result<usize, StoreError> {
        self.up()?.replay(which, now).await
    }
    async fn queue_stats(&self, now: Millis) -> Result<Vec<QueueStats>, StoreError> {
        self.up()?.queue_stats(now).await
    }
    async fn leads(&self, query: &LeadQuery) -> Result<Vec<LeadRow>, StoreError> {
        self.up()?.leads(query).await
    }
    async fn lead(&self, id: &str) -> Result<Option<LeadRow>, StoreError> {
        self.up()?.lead(id).await
    }
    async fn reject(&self, rejected: Vec<Rejected>) -> Result<(), StoreError> {
        self.up()?.reject(rejected).await
    }
    async fn rejected(&self, limit: usize) -> Result<Vec<Rejected>, StoreError> {
        self.up()?.rejected(limit).await
    }
    async fn forget(&self, key: &RecordKey) -> Result<Forgotten, StoreError> {
        self.up()?.forget(key).await
    }
    async fn ping(&self) -> Result<(), StoreError> {
        self.up().map(drop)
    }
}

#[tokio::test]
async fn a_store_that_goes_away_and_comes_back_is_worked_on() {
    let store = Flaky::new();
    let mut bench = Bench::over(Arc::clone(&store) as SharedStore, |_| Doing::Answer(done().into()));
    store.down.store(true, Ordering::SeqCst);
    let runner = bench.start(4, QUICK);
    within(async {
        while store.claims.load(Ordering::SeqCst) < 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    store.down.store(false, Ordering::SeqCst);
    bench.add(9, vec![entry("after the outage", None, START)]).await;
    assert_eq!(bench.next().await, "after the outage");
    bench.until(EntryState::Done, 1).await;
    runner.drain(PATIENCE).await;
}

#[tokio::test]
async fn an_outcome_is_committed_when_the_store_is_back_and_the_entry_is_worked_once() {
    let store = Flaky::new();
    let gate = Arc::new(Notify::new());
    let waiting = Arc::clone(&gate);
    let mut bench = Bench::over(Arc::clone(&store) as SharedStore, move |_| Doing::Wait(Arc::clone(&waiting)));
    bench.add(0, vec![entry("e", None, START)]).await;
    let runner = bench.start(1, QUICK);
    bench.next().await;
    store.down.store(true, Ordering::SeqCst);
    gate.notify_one();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(bench.rows(EntryState::Done).await.len(), 0);
    store.down.store(false, Ordering::SeqCst);
    bench.until(EntryState::Done, 1).await;
    assert!(bench.seen.try_recv().is_err(), "it was not worked again");
    runner.drain(PATIENCE).await;
}

#[tokio::test]
async fn an_idle_queue_costs_thirteen_calls_a_second_at_the_default_poll() {
    let store = Flaky::new();
    let bench = Bench::over(Arc::clone(&store) as SharedStore, |_| Doing::Answer(done().into()));
    // A hundredth of the default poll: the calls of 5 s within 50 ms.
    let poll = Settings::default().poll / 100;
    let runner = bench.start(4, poll);
    tokio::time::sleep(poll * 10).await;
    let per_poll = store.claims.load(Ordering::SeqCst).saturating_sub(64) / 10;
    runner.drain(PATIENCE).await;
    assert!(per_poll <= 64, "{per_poll} calls in one interval of 64 partitions");
}
