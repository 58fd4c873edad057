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
mod field_list;
pub mod memory;
mod open;
pub mod redis;
mod types;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::{join_all, try_join_all};

pub use embedded::EmbeddedStore;
pub use field_list::FieldList;
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

    /// How commits in several partitions go together.
    fn together(&self) -> Together {
        Together::Apart
    }

    /// Does several commits, each in a partition of its own, as [`Store::together`] says; the answers come in their order.
    async fn commit_all(&self, commits: Vec<Commit>) -> Vec<Result<(), CommitError>> {
        join_all(commits.into_iter().map(|commit| self.commit(commit))).await
    }

    /// [`Store::load`] for records of any partitions.
    async fn load_all(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        load_by_partition(self, keys).await
    }

    /// [`Store::seen`] for messages of any partitions.
    async fn seen_all(&self, messages: &[(PartitionId, MessageHash)]) -> Result<Vec<Option<Note>>, StoreError> {
        let groups = by_partition(messages, |(partition, _)| *partition);
        let lookups = groups.into_iter().map(|(partition, places)| async move {
            let hashes: Vec<MessageHash> =
                places.iter().filter_map(|at| messages.get(*at)).map(|(_, message)| *message).collect();
            Ok::<_, StoreError>((places, self.seen(partition, &hashes).await?))
        });
        in_order(messages.len(), try_join_all(lookups).await?)
    }

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

/// [`Store::load_all`], partition by partition.
async fn load_by_partition<S: Store + ?Sized>(
    store: &S,
    keys: &[RecordKey],
) -> Result<Vec<Option<Record>>, StoreError> {
    let groups = by_partition(keys, |key| store.partitions().of(key));
    let loads = groups.into_iter().map(|(partition, places)| async move {
        let keys: Vec<RecordKey> = places.iter().filter_map(|at| keys.get(*at).cloned()).collect();
        Ok::<_, StoreError>((places, store.load(partition, &keys).await?))
    });
    in_order(keys.len(), try_join_all(loads).await?)
}

/// The places of `items` in their list, by partition.
fn by_partition<T>(items: &[T], of: impl Fn(&T) -> PartitionId) -> BTreeMap<PartitionId, Vec<usize>> {
    let mut groups: BTreeMap<PartitionId, Vec<usize>> = BTreeMap::new();
    for (at, item) in items.iter().enumerate() {
        groups.entry(of(item)).or_default().push(at);
    }
    groups
}

/// Puts answers that came by partition back into the order of the question.
fn in_order<T: Clone>(len: usize, groups: Vec<(Vec<usize>, Vec<Option<T>>)>) -> Result<Vec<Option<T>>, StoreError> {
    let mut all = vec![None; len];
    for (places, answers) in groups {
        for (at, answer) in places.into_iter().zip(answers) {
            if let Some(slot) = all.get_mut(at) {
                *slot = answer;
            }
        }
    }
    Ok(all)
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
