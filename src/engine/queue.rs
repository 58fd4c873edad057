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
mod handler;
mod work;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;

pub use self::handler::{Admission, Handler, Work, settle};

use self::agenda::{Agenda, Found};
use super::{WakeReceiver, Wakes};
use crate::identity::PartitionId;
use crate::store::{Claims, QueueName, SharedStore, StoreError};
use crate::time::{Clock, Millis};

/// How often trouble with the store is told while it lasts.
const TELL_AGAIN: Duration = Duration::from_secs(10);

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
    /// The store that holds the queue.
    pub store: SharedStore,
    /// What tells which entries are due.
    pub clock: Clock,
    /// Where commits of this process say that there is work.
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
    /// When trouble with the store was told last.
    told: Mutex<Option<Instant>>,
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
            told: Mutex::default(),
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
            if !shared.idle_within(shared.handler.commit_time()).await {
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
        let lease = self.handler.deadline() + self.handler.commit_time();
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
        // An outage meets every partition again and again; one line tells as much as hundreds.
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|at| at.elapsed() >= TELL_AGAIN) {
            *told = Some(Instant::now());
            tracing::warn!(queue = %self.queue, %partition, %error, "could not look for work; looking again soon");
        }
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
