//! The runner on the in-memory store. Nothing sleeps for a result: every test waits for what it expects, within a limit.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::handler::FAILURES;
use super::*;
use crate::cdp::MessageHash;
use crate::identity::{Partitions, RecordKey};
use crate::store::memory::MemoryStore;
use crate::store::{
    Claimed, Commit, CommitError, Entry, EntryQuery, EntryRow, EntryState, Forgotten, LeadQuery, LeadRow, Note,
    Outcome, QueueStats, Record, Rejected, Replay, Store, StoreOptions,
};

const START: Millis = Millis(1_795_262_400_000);
const PATIENCE: Duration = Duration::from_secs(20);

type Behaviour = Box<dyn Fn(&Claimed) -> Doing + Send + Sync>;

enum Doing {
    Answer(Work),
    Panic,
    Hang,
    StoreDown,
    /// Until the test lets it go on.
    Wait(Arc<Notify>),
}

/// Tells the test what it was asked, and does as it was told.
struct Scripted {
    seen: mpsc::UnboundedSender<String>,
    behaviour: Behaviour,
    parked: Mutex<Option<Millis>>,
}

#[async_trait]
impl Handler for Scripted {
    async fn handle(&self, claimed: &Claimed) -> Result<Work, StoreError> {
        self.seen.send(claimed.entry.id.clone()).expect("the test listens");
        match (self.behaviour)(claimed) {
            Doing::Answer(work) => Ok(work),
            Doing::Panic => panic!("on purpose"),
            Doing::Hang => std::future::pending().await,
            Doing::StoreDown => Err(StoreError::Unavailable("gone".to_owned())),
            Doing::Wait(gate) => {
                gate.notified().await;
                Ok(done().into())
            }
        }
    }

    fn deadline(&self) -> Duration {
        Duration::from_millis(300)
    }

    fn admission(&self, now: Millis) -> Admission {
        match *self.parked.lock().expect("no panic while held") {
            Some(until) if until > now => Admission::Parked(until),
            _ => Admission::Open,
        }
    }
}

fn done() -> Outcome {
    Outcome::Done { keep: true }
}

fn queue() -> QueueName {
    QueueName::new("work")
}

fn entry(id: &str, lane: Option<&str>, due: Millis) -> Entry {
    Entry {
        id: id.to_owned(),
        queue: queue(),
        lane: lane.map(str::to_owned),
        subject: "user:1".to_owned(),
        due,
        created: START,
        attempts: 0,
        last_error: None,
        payload: "{}".to_owned(),
    }
}

/// A store, a hand-turned clock, and what the handler was asked.
struct Bench {
    around: Surroundings,
    seen: mpsc::UnboundedReceiver<String>,
    handler: Arc<Scripted>,
}

impl Bench {
    fn new(behaviour: impl Fn(&Claimed) -> Doing + Send + Sync + 'static) -> Self {
        Self::over(Arc::new(MemoryStore::new(StoreOptions::default())), behaviour)
    }

    fn over(store: SharedStore, behaviour: impl Fn(&Claimed) -> Doing + Send + Sync + 'static) -> Self {
        let (sender, seen) = mpsc::unbounded_channel();
        let handler = Scripted { seen: sender, behaviour: Box::new(behaviour), parked: Mutex::default() };
        let around = Surroundings { store, clock: Clock::manual(START), wakes: Wakes::default() };
        Self { around, seen, handler: Arc::new(handler) }
    }

    fn start(&self, concurrency: usize, poll: Duration) -> Runner {
        let handler = Arc::clone(&self.handler) as Arc<dyn Handler>;
        Runner::start(queue(), self.around.clone(), handler, Settings { concurrency, poll })
    }

    /// Adds entries without waking anybody, as another process does.
    async fn add(&self, partition: u16, entries: Vec<Entry>) {
        let partition = PartitionId(partition);
        let commit = Commit { partition, now: START, enqueue: entries, ..Commit::default() };
        self.around.store.commit(commit).await.expect("the store takes it");
    }

    fn wake(&self, partition: u16) {
        self.around.wakes.wake(&queue(), PartitionId(partition));
    }

    async fn next(&mut self) -> String {
        within(self.seen.recv()).await.expect("the handler is there")
    }

    async fn rows(&self, state: EntryState) -> Vec<EntryRow> {
        let query = EntryQuery { state, queue: Some(queue()), queue_prefix: None, limit: 1_000 };
        self.around.store.entries(&query).await.expect("the store answers")
    }

    /// Waits until so many entries are in `state`.
    async fn until(&self, state: EntryState, count: usize) -> Vec<EntryRow> {
        within(async {
            loop {
                let rows = self.rows(state).await;
                if rows.len() == count {
                    return rows;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it happens in time")
}

const SLOW: Duration = Duration::from_secs(3_600);
const QUICK: Duration = Duration::from_millis(20);

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
    let mut bench = Bench::new(move |_| match failed.swap(true, Ordering::SeqCst) {
        false => Doing::StoreDown,
        true => Doing::Answer(done().into()),
    });
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

#[tokio::test]
async fn a_commit_that_meets_a_conflict_has_the_handler_look_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let key = crate::identity::RecordKey::team("t");
    let mut bench = Bench::new(move |claimed| {
        // Twice with a version that isn't true, then with the true one.
        let expected = if count.fetch_add(1, Ordering::SeqCst) < 2 { 9 } else { 0 };
        let write = crate::store::Write { key: key.clone(), expected, set: Vec::new(), unset: Vec::new() };
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
