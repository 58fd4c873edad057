//! The runner on the in-memory store. Nothing sleeps for a result: every test waits for what it expects, within a limit.

mod claiming;
mod failing;
mod outage;
mod stopping;

use std::future::Future;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::*;
use crate::store::memory::MemoryStore;
use crate::store::{Claimed, Commit, Entry, EntryQuery, EntryRow, EntryState, Outcome, StoreOptions};

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
