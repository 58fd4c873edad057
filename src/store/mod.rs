//! Where everything durable lives: the contract that every store keeps, and the stores that keep it.
//!
//! A store knows records (a version and named text fields), remembered message ids, leads, and one queue. It knows nothing
//! of counters, definitions or HTTP. What it guarantees:
//!
//! * **Atomic commits.** Everything in a [`Commit`] happens, or nothing does; it fails when a record moved since it was read
//!   ([`CommitError::Conflict`]), or when one of the messages was already applied ([`CommitError::Seen`]).
//! * **Durable commits.** When `commit` returns `Ok`, the commit survives what the store's durability setting promises.
//! * **At-least-once queue.** An entry is handed out to one claimer at a time; a claimer that dies loses it when its lease
//!   runs out. Entries of one lane are handed out strictly one after the other, in the order in which they were added.
//!
//! One conformance suite (`tests/it/store_conformance/`) holds every store to this.

pub mod embedded;
pub mod memory;
mod open;
pub mod redis;
mod types;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use embedded::EmbeddedStore;
pub use memory::MemoryStore;
pub use open::open;
pub use redis::{RedisSettings, RedisStore};
pub use types::*;

use crate::cdp::MessageHash;
use crate::identity::{PartitionId, Partitions, RecordKey};
use crate::time::Millis;

/// A store, shared by everything in the process.
pub type SharedStore = Arc<dyn Store>;

/// The contract; see the module's documentation for what it guarantees.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// How many partitions the store was created with.
    fn partitions(&self) -> Partitions;

    /// Reads records of one partition, in the order asked for; an absent record is `None`.
    async fn load(&self, partition: PartitionId, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError>;

    /// Does all of `commit`, or nothing.
    async fn commit(&self, commit: Commit) -> Result<(), CommitError>;

    /// Which of `messages` were already applied in `partition`, each with the note it was remembered with.
    async fn seen(&self, partition: PartitionId, messages: &[MessageHash]) -> Result<Vec<Option<Note>>, StoreError>;

    /// Claims up to `limit` due entries of `queue` in `partition` until `now + lease`.
    async fn claim(
        &self,
        partition: PartitionId,
        queue: &QueueName,
        now: Millis,
        lease: Duration,
        limit: usize,
    ) -> Result<Claims, StoreError>;

    /// The entries of a queue (or of all queues) in the given state, newest first: by when they were settled, else by when
    /// they were created.
    async fn entries(&self, query: &EntryQuery) -> Result<Vec<EntryRow>, StoreError>;

    /// Puts dead entries back into their queues with a fresh count of attempts, due at `now`; answers how many.
    async fn replay(&self, which: &Replay, now: Millis) -> Result<usize, StoreError>;

    /// Depth and age of every queue that holds something.
    async fn queue_stats(&self, now: Millis) -> Result<Vec<QueueStats>, StoreError>;

    /// Leads, newest first: by `updated`, then by id.
    async fn leads(&self, query: &LeadQuery) -> Result<Vec<LeadRow>, StoreError>;

    /// One lead by its id.
    async fn lead(&self, id: &str) -> Result<Option<LeadRow>, StoreError>;

    /// Appends to the bounded log of rejected events; the oldest leave when it is full.
    async fn reject(&self, rejected: Vec<Rejected>) -> Result<(), StoreError>;

    /// The newest rejected events first, up to `limit`.
    async fn rejected(&self, limit: usize) -> Result<Vec<Rejected>, StoreError>;

    /// Deletes a subject: its record, its leads, and its queue entries, the dead and the finished ones too, but for those
    /// that are claimed and not settled yet (even when the lease ran out since). Answers what went.
    /// Remembered message ids stay: they name nobody, and without them a retry would count again.
    async fn forget(&self, key: &RecordKey) -> Result<Forgotten, StoreError>;

    /// Whether the store answers; the error says what is wrong.
    async fn ping(&self) -> Result<(), StoreError>;

    /// What an operator should know at start, for example that acknowledged data could be lost.
    async fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// Sizes for the operator: named figures such as `records` or `bytes`.
    async fn figures(&self) -> Result<Vec<(String, u64)>, StoreError> {
        Ok(Vec::new())
    }

    /// Writes out what is still in memory and closes; called once, at the end of a graceful drain.
    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// `duration` in milliseconds, as moments are counted.
pub(crate) fn duration_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Tells the metrics how long a commit took, from the call to its answer.
pub(crate) fn observe_commit(store: &'static str, took: Duration) {
    metrics::histogram!("handraiser_commit_seconds", "store" => store).record(took);
}

/// Tells the metrics how many commits shared one durable step.
pub(crate) fn observe_batch(store: &'static str, commits: usize) {
    #[expect(clippy::cast_precision_loss, reason = "a batch is far smaller than 2^52")]
    metrics::histogram!("handraiser_commit_batch_size", "store" => store).record(commits as f64);
}
