//! Load → apply → evaluate → commit: the part that ties the pure core to a store.
//!
//! [`Engine::submit`] makes a job of each event and hands it to a worker: one for everything, or one for each partition where
//! partitions can fail apart ([`Together`]). A worker takes what arrived while its last commit was under way and makes a
//! [`round`] of it: each event's part in the user's record, then its part in the account's, then, where a decision needs both,
//! the user's decision. All of that is applied in memory and committed together, so that one round trip carries many events
//! under load and one event when idle. A request is answered when all parts of all its events are durable.

mod apply;
mod arrivals;
pub mod background;
mod cache;
mod explain;
mod forget;
mod job;
mod mailbox;
mod merge;
pub mod queue;
pub mod queues;
mod round;
pub mod route_worker;
mod setup;
mod step;
mod ticket;
mod wake;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::oneshot;

pub use merge::MergeHandler;
pub use wake::{WakeReceiver, Wakes};

use crate::cdp::{Call, Event};
use crate::config::Config;
use crate::identity::{PartitionId, RecordKey};
use crate::store::{Forgotten, SharedStore, StoreError, Together};
use crate::subject::Subject;
use crate::time::Clock;
use cache::Cache;
use job::{AccountPart, Job, Task};
use mailbox::{Mailbox, Senders};
use setup::Setup;
use ticket::Ticket;
use worker::Worker;

/// The configuration in force; a reload swaps it.
pub type SharedConfig = Arc<ArcSwap<Config>>;

/// How many records the workers remember in all.
const CACHED_RECORDS: usize = 200_000;
/// How many merges a job follows before it takes the record it stands at for the user. A link points at the end of the chain
/// when it is made, so that a chain grows only when its end is merged away in turn; nobody turns out to be somebody else so
/// often. (Two users who turn out to be each other in the same instant make a ring, which has no end.)
const MAX_HOPS: u8 = 64;

/// Applies events. Cheap to clone. Its workers end when the last clone is dropped.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    _senders: Arc<Senders>,
}

struct Shared {
    store: SharedStore,
    config: SharedConfig,
    setup: ArcSwapOption<Setup>,
    clock: Clock,
    wakes: Wakes,
    /// One for each group of partitions; see [`Shared::group_of`].
    mailboxes: Arc<[Mailbox]>,
    open: AtomicUsize,
    draining: AtomicBool,
}

/// What became of the events of one request, all of it durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Applied now.
    pub applied: usize,
    /// Known already, by their message ids; harmless.
    pub duplicates: usize,
}

/// Why events could not be applied; none of the request may be acknowledged.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EngineError {
    /// The store could not be read, or did not commit.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server is stopping; another one will take the retry.
    #[error("the server is draining")]
    Draining,
}

impl Engine {
    /// An engine over `store`, with its workers.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn new(store: SharedStore, config: SharedConfig, clock: Clock, wakes: Wakes) -> Self {
        let partitions = store.partitions().count();
        let workers = if store.together() == Together::Apart { partitions } else { 1 };
        let mailboxes: Arc<[Mailbox]> = (0..workers).map(|_| Mailbox::default()).collect();
        let shared = Arc::new(Shared {
            store,
            config,
            setup: ArcSwapOption::empty(),
            clock,
            wakes,
            mailboxes: Arc::clone(&mailboxes),
            open: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
        });
        for worker in 0..usize::from(workers) {
            let cache = Cache::new(CACHED_RECORDS / usize::from(workers), partitions / workers);
            tokio::spawn(Worker::new(Arc::clone(&shared), worker, cache).run());
        }
        Self { shared, _senders: Arc::new(Senders(mailboxes)) }
    }

    /// Applies events and returns when they and all their consequences are durable.
    ///
    /// # Errors
    /// When the store can't commit. Some of the events may have been applied then; sending all of them again is harmless.
    pub async fn submit<E: Into<Arc<Event>>>(&self, events: Vec<E>) -> Result<Receipt, EngineError> {
        let _open = self.shared.enter()?;
        let (ticket, answer) = Ticket::open();
        let events = events.into_iter().map(Into::<Arc<Event>>::into);
        let (deletions, events): (Vec<_>, Vec<_>) = events.partition(|event| event.call == Call::Delete);
        self.shared.send(events.into_iter().map(|event| first_step(event, ticket.fork())).collect());
        ticket.done();
        let mut receipt = answer.await.unwrap_or(Err(EngineError::Draining))?;
        for event in deletions {
            if let Some(user) = event.user_id.as_deref().or(event.anonymous_id.as_deref()) {
                self.forget(&RecordKey::user(user)).await?;
            }
            receipt.applied += 1;
        }
        Ok(receipt)
    }

    /// Deletes a subject and all that is known of it; for a user, every id that was merged into them as well, and their
    /// traces in their accounts. Counts that name nobody stay.
    ///
    /// # Errors
    /// When the store can't; calling again finishes what was begun.
    pub async fn forget(&self, key: &RecordKey) -> Result<Forgotten, EngineError> {
        forget::forget(&self.shared, key).await
    }

    /// Stops taking events and waits, at most `timeout`, until those under way are durable; answers whether all are.
    pub async fn drain(&self, timeout: Duration) -> bool {
        self.shared.draining.store(true, Ordering::SeqCst);
        let deadline = tokio::time::Instant::now() + timeout;
        while self.shared.open.load(Ordering::SeqCst) > 0 {
            if tokio::time::Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        true
    }
}

/// Counts a request as open while it lives.
struct Open<'a>(&'a AtomicUsize);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shared {
    fn enter(&self) -> Result<Open<'_>, EngineError> {
        self.open.fetch_add(1, Ordering::SeqCst);
        let open = Open(&self.open);
        // Counted first, asked second: a drain that begins in between sees this request.
        if self.draining.load(Ordering::SeqCst) { Err(EngineError::Draining) } else { Ok(open) }
    }

    /// What the configuration in force means; made anew when it was swapped.
    fn setup(&self) -> Arc<Setup> {
        let config = self.config.load();
        match self.setup.load_full() {
            Some(setup) if Arc::ptr_eq(&setup.config, &config) => setup,
            _ => {
                let setup = Arc::new(Setup::new(Arc::clone(&config)));
                self.setup.store(Some(Arc::clone(&setup)));
                setup
            }
        }
    }

    fn partition(&self, key: &RecordKey) -> PartitionId {
        self.store.partitions().of(key)
    }

    /// Which worker a partition belongs to.
    fn group_of(&self, partition: PartitionId) -> usize {
        usize::from(partition.0) % self.mailboxes.len().max(1)
    }

    /// Hands jobs to their workers, those of one worker at once.
    fn send(&self, jobs: Vec<Job>) {
        if let [mailbox] = &*self.mailboxes {
            return hand_over(mailbox, jobs);
        }
        let mut groups: BTreeMap<usize, Vec<Job>> = BTreeMap::new();
        for job in jobs {
            groups.entry(self.group_of(self.partition(&job.key))).or_default().push(job);
        }
        for (group, jobs) in groups {
            if let Some(mailbox) = self.mailboxes.get(group) {
                hand_over(mailbox, jobs);
            }
        }
    }

    /// Does one task and waits until it is durable.
    async fn run(&self, key: RecordKey, task: Task) -> Result<(), EngineError> {
        let (ticket, answer) = Ticket::open();
        self.send(vec![Job { key, task, ticket, hops: 0 }]);
        answer.await.unwrap_or(Err(EngineError::Draining)).map(drop)
    }

    /// The state of a record as its worker sees it; a merged-away user's is that of the user they were merged into.
    async fn read(&self, key: RecordKey) -> Result<Subject, EngineError> {
        let (send, state) = oneshot::channel();
        self.run(key, Task::Read(send)).await?;
        state.await.map_err(|_| EngineError::Draining)
    }

    /// The id that holds a user's history now.
    async fn root_of(&self, id: &Arc<str>) -> Result<Arc<str>, StoreError> {
        let mut root = Arc::clone(id);
        for _ in 0..MAX_HOPS {
            let key = RecordKey::user(&root);
            let loaded = self.store.load(self.partition(&key), &[key]).await?;
            let Some(record) = loaded.into_iter().next().flatten() else { break };
            let Some((into, _)) = Subject::read(&record.fields).0.user.merged_into else { break };
            root = into;
        }
        Ok(root)
    }
}

fn hand_over(mailbox: &Mailbox, jobs: Vec<Job>) {
    let unsent = mailbox.put(jobs).err().unwrap_or_default();
    unsent.into_iter().for_each(|job| job.ticket.fail(EngineError::Draining));
}

/// Where an event begins: tying two ids together, the user's part, or, for a group call without a user, the account's.
fn first_step(event: Arc<Event>, ticket: Ticket) -> Job {
    let (key, task) = first_task(event);
    Job { key, task, ticket, hops: 0 }
}

fn first_task(event: Arc<Event>) -> (RecordKey, Task) {
    let to = event.user_id.as_deref().map(Arc::from);
    let from = match event.call {
        Call::Identify => event.anonymous_id.as_deref(),
        Call::Alias => event.previous_id.as_deref().or(event.anonymous_id.as_deref()),
        _ => None,
    };
    if let (Some(from), Some(to)) = (from, to)
        && *from != *to
    {
        return (RecordKey::user(from), Task::Link { to, event });
    }
    match (&event.user_id, &event.anonymous_id, &event.group_id) {
        (None, None, Some(group)) => {
            let key = RecordKey::account(group);
            (key, Task::Account(AccountPart { event, actor: None, evaluate_user: false }))
        }
        _ => (apply::user_key_of(&event), Task::User(event)),
    }
}
