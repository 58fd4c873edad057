//! What the writer and everybody else share: where each shard stands, and the ends of the logs.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::Notify;

use super::index::Index;
use super::log::{Chunk, Reading, ShardLog};
use super::reader::Readers;
use crate::ids::{Position, ShardId};
use crate::store::{Progress, StoreError, StoreOptions};

/// How many bytes of the logs stay in memory, over all shards. What is older is read from the table.
pub(super) const TAIL_BYTES: usize = 32 << 20;

/// Only what is durable is ever in here: the writer publishes a change after its transaction.
pub(super) struct Shared {
    pub(super) options: StoreOptions,
    /// Chosen when the store was created.
    pub(super) seed: u64,
    pub(super) readers: Readers,
    /// Where the records stand.
    pub(super) index: Arc<Index>,
    /// Told whenever something was appended, and at the end.
    pub(super) appended: Notify,
    /// Why the store can't be used any more, once it can't.
    pub(super) over: OnceLock<StoreError>,
    shards: Vec<Mutex<ShardLog>>,
}

impl Shared {
    pub(super) fn new(
        options: StoreOptions,
        seed: u64,
        readers: Readers,
        index: Arc<Index>,
        logs: Vec<ShardLog>,
    ) -> Self {
        let shards = logs.into_iter().map(Mutex::new).collect();
        Self { options, seed, readers, index, appended: Notify::new(), over: OnceLock::new(), shards }
    }

    /// A shard's log. It is held for moments only: nobody waits for the disk with it.
    pub(super) fn shard(&self, shard: ShardId) -> Result<MutexGuard<'_, ShardLog>, StoreError> {
        let found = self.shards.get(usize::from(shard.0));
        let found = found.ok_or_else(|| StoreError::Unusable(format!("the store has no shard {shard}")))?;
        Ok(found.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is to be read of a shard's log.
    pub(super) fn behind(&self, shard: ShardId, after: Position, max_bytes: usize) -> Result<Reading, StoreError> {
        Ok(self.shard(shard)?.behind(after, max_bytes))
    }

    /// Makes appended entries and commits visible.
    pub(super) fn publish(
        &self,
        chunks: Vec<(ShardId, Chunk)>,
        passed: impl Iterator<Item = (ShardId, Progress)>,
    ) -> Result<(), StoreError> {
        let any = !chunks.is_empty();
        for (shard, chunk) in chunks {
            self.shard(shard)?.append(chunk);
        }
        for (shard, progress) in passed {
            self.shard(shard)?.pass(progress);
        }
        self.bound_tails();
        if any {
            self.appended.notify_waiters();
        }
        Ok(())
    }

    /// Lets go of the oldest entries of the longest tails.
    fn bound_tails(&self) {
        while self.each().map(|shard| shard.bytes()).sum::<usize>() > TAIL_BYTES {
            if let Some(mut longest) = self.each().max_by_key(|shard| shard.bytes()) {
                longest.let_go_of_oldest();
            }
        }
    }

    /// Says to everybody that the store is over.
    pub(super) fn end(&self, why: StoreError) {
        let _ = self.over.set(why);
        self.appended.notify_waiters();
    }

    /// Fails when the store is over.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        self.over.get().map_or(Ok(()), |why| Err(why.clone()))
    }

    fn each(&self) -> impl Iterator<Item = MutexGuard<'_, ShardLog>> {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
