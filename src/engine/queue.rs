//! Works one queue of the store for this process. What it guarantees:
//!
//! * **Nothing waits for a poll.** It hears [`Wakes`], sleeps exactly until the next entry is due, and looks at every partition
//!   at least once every `poll` for what other processes left. Idle, 64 partitions and the default poll of 5 s cost about 13
//!   store calls a second and queue.
//! * **No claim without a hand free.** A permit is taken before entries are claimed, so that no entry's lease runs while it
//!   waits. The lease outlives the handler's deadline, and the rest of it is for committing.
//! * **A panic or a hanging handler costs one attempt of one entry**, neither a permit nor the worker.
//! * **The store may go away.** Looks back off, with jitter, per partition; an outcome that can't be committed is tried again
//!   until its lease runs out, and then somebody claims the entry again.
//! * **A graceful end.** [`Runner::drain`] claims nothing more, lets what is under way finish, and gives back what doesn't.

mod agenda;
pub mod backoff;
mod work;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::FutureExt as _;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;

use self::agenda::{Agenda, Found};
use self::backoff::{Backoff, later};
use super::{WakeReceiver, Wakes};
use crate::identity::PartitionId;
use crate::store::{Claimed, Claims, Commit, Outcome, QueueName, Settle, SharedStore, StoreError};
use crate::time::{Clock, Millis};

/// How long a lease outlives the handler's deadline.
const COMMIT_TIME: Duration = Duration::from_secs(15);
/// Waits after a handler failed without an outcome of its own.
const FAILED: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_mins(1) };
/// After so many of them the entry is dead, and an operator sees it.
const FAILURES: u32 = 20;

/// What works the entries of a queue.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Works one entry. It may be called again for the same entry when its commit met a conflict, and it may be called for an
    /// entry that was worked before by someone who died.
    ///
    /// # Errors
    /// When the store did not answer: the entry is tried again soon, and that doesn't count as an attempt.
    async fn handle(&self, claimed: &Claimed) -> Result<Work, StoreError>;

    /// How long [`Handler::handle`] may take.
    fn deadline(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// Whether entries may be claimed now.
    fn admission(&self, _now: Millis) -> Admission {
        Admission::Open
    }

    /// What becomes of an entry whose handler panicked or took too long.
    fn failed(&self, claimed: &Claimed, error: &str, now: Millis) -> Outcome {
        let (attempts, error) = (claimed.entry.attempts.saturating_add(1), error.to_owned());
        if attempts >= FAILURES {
            return Outcome::Dead { attempts, error };
        }
        Outcome::Retry { due: later(now, FAILED.wait(attempts, rand::random())), attempts, error }
    }
}

/// Whether a queue's entries may be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// As many as there are hands.
    Open,
    /// One, and only when nothing else is under way.
    One,
    /// None before this moment.
    Parked(Millis),
}

/// What a handler made of an entry.
#[derive(Clone, Debug)]
pub enum Work {
    /// To be committed; it settles the entry among other things (see [`settle`]).
    Commit(Box<Commit>),
    /// The entry is settled, and nothing else changes.
    Settle(Outcome),
}

impl From<Outcome> for Work {
    fn from(outcome: Outcome) -> Self {
        Self::Settle(outcome)
    }
}

impl From<Commit> for Work {
    fn from(commit: Commit) -> Self {
        Self::Commit(Box::new(commit))
    }
}

/// The settlement of a claimed entry.
#[must_use]
pub fn settle(claimed: &Claimed, outcome: Outcome) -> Settle {
    let entry = &claimed.entry;
    Settle { queue: entry.queue.clone(), id: entry.id.clone(), lease: claimed.lease, outcome }
}

/// How a queue is worked.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Entries being worked at once.
    pub concurrency: usize,
    /// Each partition is looked at at least this often.
    pub poll: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { concurrency: 16, poll: Duration::from_secs(5) }
    }
}

/// What every queue's runner works with.
#[derive(Clone)]
pub struct Surroundings {
    pub store: SharedStore,
    pub clock: Clock,
    pub wakes: Wakes,
}

/// The worker of one queue in this process.
pub struct Runner {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    queue: QueueName,
    around: Surroundings,
    handler: Arc<dyn Handler>,
    settings: Settings,
    agenda: Mutex<Agenda>,
    /// The agenda or the admission may have changed.
    changed: Notify,
    permits: Arc<Semaphore>,
    phase: watch::Sender<Phase>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Phase {
    Running,
    /// Nothing more is claimed.
    Draining,
    /// What is under way is given back.
    Abandoning,
}

impl Runner {
    /// Starts working `queue`; must be called within a tokio runtime. One runner per queue and process.
    #[must_use]
    pub fn start(queue: QueueName, around: Surroundings, handler: Arc<dyn Handler>, settings: Settings) -> Self {
        let agenda = Agenda::new(around.store.partitions(), settings.poll, Instant::now());
        let permits = Arc::new(Semaphore::new(settings.concurrency.max(1)));
        let ear = around.wakes.receiver(&queue);
        let shared = Arc::new(Shared {
            queue,
            around,
            handler,
            settings,
            agenda: Mutex::new(agenda),
            changed: Notify::new(),
            permits,
            phase: watch::Sender::new(Phase::Running),
        });
        let task = tokio::spawn(Arc::clone(&shared).run(ear));
        Self { shared, task }
    }

    /// Ends gracefully: claims nothing more, waits up to `limit` for what is under way, then gives the rest back to the queue.
    pub async fn drain(self, limit: Duration) {
        let shared = &self.shared;
        shared.phase.send_replace(Phase::Draining);
        // It ends by itself and can't fail: a panic in it is a bug that was printed already.
        let _ = self.task.await;
        if !shared.idle_within(limit).await {
            shared.phase.send_replace(Phase::Abandoning);
            if !shared.idle_within(COMMIT_TIME).await {
                tracing::warn!(queue = %shared.queue, "some entries could not be given back; they are free when their leases run out");
            }
        }
    }
}

impl Shared {
    async fn run(self: Arc<Self>, ear: WakeReceiver) {
        let mut phase = self.phase.subscribe();
        loop {
            tokio::select! {
                _ = phase.wait_for(|phase| *phase >= Phase::Draining) => return,
                woken = ear.woken() => {
                    let (now, mut agenda) = (Instant::now(), self.agenda());
                    for id in woken {
                        agenda.wake(id, now);
                    }
                }
                (id, permits) = self.next_look() => {
                    tokio::spawn(Arc::clone(&self).look(id, permits));
                }
            }
        }
    }

    fn agenda(&self) -> MutexGuard<'_, Agenda> {
        self.agenda.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a partition is due, a hand is free, and entries may be claimed. Can be dropped at any point.
    async fn next_look(&self) -> (PartitionId, OwnedSemaphorePermit) {
        loop {
            let due = self.agenda().next_due();
            if due.is_none_or(|due| due > Instant::now()) {
                self.changed_before(due).await;
                continue;
            }
            let Ok(mut permits) = Arc::clone(&self.permits).acquire_owned().await else { continue };
            let (now, poll) = (self.around.clock.now(), self.settings.poll);
            match self.handler.admission(now) {
                Admission::Parked(until) => {
                    drop(permits);
                    self.changed_before(Some(Instant::now() + wait(now, until).min(poll))).await;
                    continue;
                }
                // Only when nothing else is under way, so that it really is one.
                Admission::One if self.permits.available_permits() + 1 < self.hands() => {
                    drop(permits);
                    self.changed_before(Some(Instant::now() + poll)).await;
                    continue;
                }
                Admission::One => {}
                // Half of the free hands, so that the next look finds some too.
                Admission::Open => {
                    let more = u32::try_from(self.permits.available_permits() / 2).unwrap_or(0);
                    if let Ok(more) = Arc::clone(&self.permits).try_acquire_many_owned(more) {
                        permits.merge(more);
                    }
                }
            }
            if let Some(id) = self.agenda().take(Instant::now()) {
                return (id, permits);
            }
        }
    }

    async fn changed_before(&self, until: Option<Instant>) {
        let changed = self.changed.notified();
        match until {
            Some(until) => drop(tokio::time::timeout_at(until.into(), changed).await),
            None => changed.await,
        }
    }

    /// Claims what is due in a partition, as much as there are permits, and has it worked.
    async fn look(self: Arc<Self>, id: PartitionId, mut permits: OwnedSemaphorePermit) {
        let lease = self.handler.deadline() + COMMIT_TIME;
        let (now, expires) = (self.around.clock.now(), Instant::now() + lease);
        let limit = permits.num_permits();
        let claim = self.around.store.claim(id, &self.queue, now, lease, limit);
        let found = match std::panic::AssertUnwindSafe(claim).catch_unwind().await {
            Ok(Ok(claims)) => {
                let found = found(&claims, now, limit);
                for claimed in claims.claimed {
                    // There are as many permits as were claimed; a store that hands out more leaves those to their leases.
                    let Some(permit) = permits.split(1) else { break };
                    tokio::spawn(Arc::clone(&self).work(claimed, expires, permit));
                }
                found
            }
            Ok(Err(error)) => self.trouble(id, &error),
            Err(_) => self.trouble(id, &StoreError::Unavailable("it panicked".to_owned())),
        };
        self.agenda().looked(id, found, Instant::now(), rand::random());
        drop(permits);
        self.changed.notify_one();
    }

    fn trouble(&self, partition: PartitionId, error: &StoreError) -> Found {
        tracing::warn!(queue = %self.queue, %partition, %error, "could not look for work; looking again soon");
        Found::Trouble
    }

    fn hands(&self) -> usize {
        self.settings.concurrency.max(1)
    }

    async fn idle_within(&self, limit: Duration) -> bool {
        let all = u32::try_from(self.hands()).unwrap_or(u32::MAX);
        tokio::time::timeout(limit, self.permits.acquire_many(all)).await.is_ok()
    }
}

fn found(claims: &Claims, now: Millis, limit: usize) -> Found {
    if claims.claimed.len() >= limit {
        return Found::More;
    }
    Found::Nothing(claims.next_due.map(|due| wait(now, due)))
}

/// How long it is from `now` to `until`, and never nothing at all, so that a store that is of another opinion about what is due
/// isn't asked in a loop.
fn wait(now: Millis, until: Millis) -> Duration {
    Duration::from_millis(u64::try_from(until.since(now)).unwrap_or(0).max(1))
}
