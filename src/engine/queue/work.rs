//! The life of one claimed entry: handled, committed, and what follows woken.

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use tokio::sync::OwnedSemaphorePermit;

use super::backoff::{Backoff, later, spread};
use super::{Phase, Shared, Work, settle};
use crate::store::{Claimed, Commit, CommitError, Outcome, StoreError};

/// How often a handler is asked again because its commit met a conflict; after that the entry goes back to the queue.
const CONFLICTS: usize = 10;
/// Waits between tries to commit while the store does not answer.
const COMMIT: Backoff = Backoff { base: Duration::from_millis(50), cap: Duration::from_secs(2) };
/// When an entry that met trouble in the store is tried again.
const SOON: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(2));

/// How a try to commit ended.
enum Committed {
    Yes,
    /// Something moved meanwhile; the handler has to look again.
    Conflict,
    /// Somebody else has the entry, or will have it.
    Lost,
}

impl Shared {
    /// Works `claimed`, whose lease runs out at `expires`. The permit is free again when this ends, however it ends.
    pub(super) async fn work(self: Arc<Self>, claimed: Claimed, expires: Instant, permit: OwnedSemaphorePermit) {
        let mut phase = self.phase.subscribe();
        let committed = tokio::select! {
            committed = self.handle(&claimed, expires) => Some(committed),
            _ = phase.wait_for(|phase| *phase >= Phase::Abandoning) => None,
        };
        self.handler.over(&claimed, committed == Some(true));
        if committed.is_none() {
            self.give_back(&claimed, "the server stopped before it was finished", Duration::ZERO, expires).await;
        }
        drop(permit);
        // The lane's next entry is free, or this one is due again; and the admission may have changed.
        self.around.wakes.wake(&self.queue, claimed.partition);
        self.changed.notify_one();
    }

    /// Answers whether a commit of the handler's own was done.
    ///
    /// The span names no entry: ids of users stand in some entries' ids.
    #[tracing::instrument(level = "debug", name = "work", skip_all, fields(queue = %self.queue, attempts = claimed.entry.attempts))]
    async fn handle(&self, claimed: &Claimed, expires: Instant) -> bool {
        for _ in 0..CONFLICTS {
            let work = match self.attempt(claimed).await {
                Ok(work) => work,
                Err(error) => {
                    let wait = spread(SOON.0, SOON.1, rand::random());
                    self.give_back(claimed, &error.to_string(), wait, expires).await;
                    return false;
                }
            };
            let own = matches!(work, Work::Commit(_));
            let commit = match work {
                Work::Commit(commit) => *commit,
                Work::Settle(outcome) => self.settlement(claimed, outcome),
            };
            match self.commit(commit, expires).await {
                Committed::Yes => return own,
                Committed::Lost => return false,
                Committed::Conflict => {}
            }
        }
        let wait = spread(SOON.0, SOON.1, rand::random());
        self.give_back(claimed, "its records kept changing meanwhile", wait, expires).await;
        false
    }

    /// Asks the handler, and makes an outcome of a panic or a missed deadline.
    async fn attempt(&self, claimed: &Claimed) -> Result<Work, StoreError> {
        let deadline = self.handler.deadline();
        let handled = AssertUnwindSafe(self.handler.handle(claimed)).catch_unwind();
        let error = match tokio::time::timeout(deadline, handled).await {
            Ok(Ok(work)) => return work,
            Ok(Err(panic)) => format!("the handler panicked: {}", panic_text(&*panic)),
            Err(_) => format!("the handler took longer than {} s", deadline.as_secs_f64()),
        };
        tracing::error!(queue = %self.queue, entry = claimed.entry.id, error, "could not work a queue entry");
        Ok(self.handler.failed(claimed, &error, self.around.clock.now()).into())
    }

    /// Puts an entry back as it was, without counting an attempt.
    async fn give_back(&self, claimed: &Claimed, error: &str, wait: Duration, expires: Instant) {
        let due = later(self.around.clock.now(), wait);
        let outcome = Outcome::Retry { due, attempts: claimed.entry.attempts, error: error.to_owned() };
        self.commit(self.settlement(claimed, outcome), expires).await;
    }

    fn settlement(&self, claimed: &Claimed, outcome: Outcome) -> Commit {
        Commit {
            partition: claimed.partition,
            now: self.around.clock.now(),
            settle: vec![settle(claimed, outcome)],
            ..Commit::default()
        }
    }

    /// Commits, again and again while the store does not answer and the lease lasts; then wakes the queues that got entries.
    async fn commit(&self, commit: Commit, expires: Instant) -> Committed {
        let (partition, mut failures) = (commit.partition, 0);
        let queues: BTreeSet<_> = commit.enqueue.iter().map(|entry| entry.queue.clone()).collect();
        loop {
            match self.around.store.commit(commit.clone()).await {
                Ok(()) => break,
                Err(CommitError::Conflict(_) | CommitError::Seen(_) | CommitError::Withdrawn) => {
                    return Committed::Conflict;
                }
                Err(CommitError::LeaseLost(entry)) => {
                    // Its own earlier commit, whose answer was lost, looks the same; either way there is nothing left to do.
                    tracing::debug!(queue = %self.queue, entry, "a queue entry was settled or claimed by someone else");
                    return Committed::Lost;
                }
                Err(CommitError::Store(error)) => {
                    failures += 1;
                    let wait = COMMIT.wait(failures, rand::random());
                    if Instant::now() + wait >= expires {
                        tracing::warn!(queue = %self.queue, %error, "could not commit before the lease ran out; it is tried again");
                        return Committed::Lost;
                    }
                    tokio::time::sleep(wait).await;
                }
            }
        }
        for queue in queues {
            self.around.wakes.wake(&queue, partition);
        }
        Committed::Yes
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
