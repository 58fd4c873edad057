//! The store that lives and dies with the process: the reference for the others, and what tests and backtests run on.
//!
//! It is written to be obviously right rather than fast: ordered maps behind one mutex, and a queue that is walked from its
//! beginning. Whatever it does is what every other store has to do.

mod partition;
mod queue;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use self::partition::Partition;
use super::{
    Claims, Commit, CommitError, EntryQuery, EntryRow, Forgotten, LeadQuery, LeadRow, Note, QueueName, QueueStats,
    Record, Rejected, Replay, Store, StoreError, StoreOptions, Together, duration_ms,
};
use crate::cdp::MessageHash;
use crate::identity::{PartitionId, Partitions, RecordKey};
use crate::time::Millis;

/// A store in memory. A commit is durable in the sense that the process remembers it.
pub struct MemoryStore {
    options: StoreOptions,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    partitions: BTreeMap<PartitionId, Partition>,
    /// The oldest first.
    rejected: VecDeque<Rejected>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(StoreOptions::default())
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new(options: StoreOptions) -> Self {
        Self { options, inner: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A commit checks everything before it changes anything, so that a panic leaves no half of one behind.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn partitions(&self) -> Partitions {
        self.options.partitions
    }

    fn together(&self) -> Together {
        Together::OneTrip
    }

    async fn load(&self, partition: PartitionId, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        let mut inner = self.lock();
        let partition = inner.partitions.entry(partition).or_default();
        Ok(keys.iter().map(|key| partition.record(key)).collect())
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        let started = std::time::Instant::now();
        let done = self.lock().partitions.entry(commit.partition).or_default().commit(commit, &self.options);
        super::observe_commit("memory", started.elapsed());
        super::observe_batch("memory", 1);
        done
    }

    async fn seen(&self, partition: PartitionId, messages: &[MessageHash]) -> Result<Vec<Option<Note>>, StoreError> {
        let mut inner = self.lock();
        let partition = inner.partitions.entry(partition).or_default();
        let ttl = duration_ms(self.options.remember);
        Ok(messages.iter().map(|message| partition.seen(*message, ttl)).collect())
    }

    async fn claim(
        &self,
        partition: PartitionId,
        queue: &QueueName,
        now: Millis,
        lease: Duration,
        limit: usize,
    ) -> Result<Claims, StoreError> {
        let until = now.plus(duration_ms(lease));
        let mut inner = self.lock();
        Ok(inner.partitions.entry(partition).or_default().claim(partition, queue, now, until, limit))
    }

    async fn entries(&self, query: &EntryQuery) -> Result<Vec<EntryRow>, StoreError> {
        let inner = self.lock();
        let mut rows: Vec<EntryRow> = inner.partitions.values().flat_map(|p| p.queue.rows(query)).collect();
        // Stable: what was added later within a partition comes first already.
        rows.sort_by_key(|row| std::cmp::Reverse(row.settled.unwrap_or(row.entry.created)));
        rows.truncate(query.limit);
        Ok(rows)
    }

    async fn replay(&self, which: &Replay, now: Millis) -> Result<usize, StoreError> {
        Ok(self.lock().partitions.values_mut().map(|p| p.queue.replay(which, now)).sum())
    }

    async fn queue_stats(&self, now: Millis) -> Result<Vec<QueueStats>, StoreError> {
        let mut stats = BTreeMap::new();
        for partition in self.lock().partitions.values() {
            partition.queue.add_stats(now, &mut stats);
        }
        Ok(stats.into_values().collect())
    }

    async fn leads(&self, query: &LeadQuery) -> Result<Vec<LeadRow>, StoreError> {
        let inner = self.lock();
        let mut rows: Vec<LeadRow> = inner.partitions.values().flat_map(|p| p.leads(query)).cloned().collect();
        rows.sort_by(|a, b| (b.updated, &b.id).cmp(&(a.updated, &a.id)));
        rows.truncate(query.limit);
        Ok(rows)
    }

    async fn lead(&self, id: &str) -> Result<Option<LeadRow>, StoreError> {
        Ok(self.lock().partitions.values().find_map(|p| p.lead(id)).cloned())
    }

    async fn reject(&self, rejected: Vec<Rejected>) -> Result<(), StoreError> {
        let mut inner = self.lock();
        inner.rejected.extend(rejected);
        let excess = inner.rejected.len().saturating_sub(self.options.rejected_log);
        inner.rejected.drain(..excess);
        Ok(())
    }

    async fn rejected(&self, limit: usize) -> Result<Vec<Rejected>, StoreError> {
        Ok(self.lock().rejected.iter().rev().take(limit).cloned().collect())
    }

    async fn forget(&self, key: &RecordKey) -> Result<Forgotten, StoreError> {
        let partition = self.options.partitions.of(key);
        Ok(self.lock().partitions.entry(partition).or_default().forget(key))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn warnings(&self) -> Vec<String> {
        vec!["the store is in memory: everything is lost when the process ends".to_owned()]
    }

    async fn figures(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let inner = self.lock();
        let records: usize = inner.partitions.values().map(Partition::records).sum();
        Ok(vec![("records".to_owned(), records as u64)])
    }
}
