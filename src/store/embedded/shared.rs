//! What the writer and the readers share: the state of each partition, behind its own mutex.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::cache::Cache;
use super::codec::Packed;
use super::messages::{Generations, Messages};
use super::queue::QueueIndex;
use super::reader::{self, Readers};
use crate::identity::{PartitionId, RecordKey};
use crate::store::{Record, StoreError, StoreOptions, duration_ms};

/// Only what is durable is ever in here: the writer publishes a change after its transaction.
pub(super) struct Partition {
    pub(super) cache: Cache,
    pub(super) messages: Messages,
    pub(super) queue: QueueIndex,
}

pub(super) struct Shared {
    pub(super) path: PathBuf,
    pub(super) options: StoreOptions,
    pub(super) generations: Generations,
    pub(super) readers: Readers,
    partitions: Vec<Mutex<Partition>>,
}

impl Shared {
    pub(super) fn new(path: PathBuf, options: StoreOptions, cache_bytes: usize) -> Self {
        let each = cache_bytes / usize::from(options.partitions.count());
        let partition =
            || Partition { cache: Cache::new(each), messages: Messages::default(), queue: QueueIndex::default() };
        Self {
            readers: Readers::new(path.clone()),
            path,
            options,
            generations: Generations::new(duration_ms(options.remember)),
            partitions: options.partitions.all().map(|_| Mutex::new(partition())).collect(),
        }
    }

    /// The state of a partition. It is held for moments only: nobody waits for the disk with it, but for `forget`.
    pub(super) fn partition(&self, id: PartitionId) -> Result<MutexGuard<'_, Partition>, StoreError> {
        let partition = self.partitions.get(usize::from(id.0));
        let partition = partition.ok_or_else(|| StoreError::Unusable(format!("the store has no partition {id}")))?;
        Ok(partition.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// All partitions, one after the other.
    pub(super) fn each(&self) -> impl Iterator<Item = (PartitionId, MutexGuard<'_, Partition>)> {
        let locked = self.partitions.iter().map(|partition| partition.lock().unwrap_or_else(PoisonError::into_inner));
        (0..).map(PartitionId).zip(locked)
    }

    /// A record as it is durable, from memory or else from its table.
    pub(super) fn record(
        &self,
        connection: &Connection,
        partition: PartitionId,
        key: &RecordKey,
    ) -> Result<Option<Arc<Packed>>, StoreError> {
        loop {
            let epoch = {
                let mut partition = self.partition(partition)?;
                if let Some(known) = partition.cache.get(key) {
                    return Ok(known);
                }
                partition.cache.epoch()
            };
            let read = reader::record(connection, key)?;
            let mut partition = self.partition(partition)?;
            if partition.cache.fill(key, read.clone(), epoch) {
                // Somebody may have published a change meanwhile; the cache knows it then.
                return Ok(partition.cache.get(key).unwrap_or(read));
            }
        }
    }

    /// The record as far as it is in memory: an outer `None` is not known, an inner one is known to be absent.
    pub(super) fn cached(
        &self,
        partition: PartitionId,
        key: &RecordKey,
    ) -> Result<Option<Option<Arc<Packed>>>, StoreError> {
        Ok(self.partition(partition)?.cache.get(key))
    }
}

/// What a caller gets to see of a record.
pub(super) fn unpack(key: &RecordKey, record: Option<&Arc<Packed>>) -> Result<Option<Record>, StoreError> {
    let Some(record) = record else { return Ok(None) };
    record.unpack().map(Some).ok_or_else(|| unreadable(key))
}

pub(super) fn unreadable(key: &RecordKey) -> StoreError {
    StoreError::Unusable(format!("the record of {key} can't be read: restore the store's file from a backup"))
}
