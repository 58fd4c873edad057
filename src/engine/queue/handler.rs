//! What a queue's runner asks of the one who works its entries.

use std::time::Duration;

use async_trait::async_trait;

use super::backoff::{Backoff, later};
use crate::store::{Claimed, Commit, Outcome, Settle, StoreError};
use crate::time::Millis;

/// Waits after a handler failed without an outcome of its own.
const FAILED: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_mins(1) };
/// After so many of them the entry is dead, and an operator sees it.
pub(super) const FAILURES: u32 = 20;

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

    /// How long the lease outlives the deadline, for committing what was made of the entry while the store comes and goes. After
    /// a crash the entry waits for the deadline and for this.
    fn commit_time(&self) -> Duration {
        Duration::from_secs(10)
    }

    /// This process is done with a claimed entry, and [`Work::Commit`] of the handler's was `committed`, or it was not: the entry
    /// was settled otherwise, or is somebody else's. Not called when the process dies before.
    fn over(&self, _claimed: &Claimed, _committed: bool) {}

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
