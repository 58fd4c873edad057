//! How far the logs are applied, as this server knows: for the bound on what may wait, for lag, and for whoever waits to read what
//! was written.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use tokio::sync::Notify;

use crate::ids::{Position, ShardId, Shards};
use crate::store::Progress;
use crate::time::Millis;

#[derive(Default)]
struct ShardProgress {
    position: AtomicU64,
    end: AtomicU64,
}

pub(super) struct AllProgress {
    shards: Vec<ShardProgress>,
    /// Of each worker: when the oldest message that it has applied and not committed came into the log, Unix milliseconds; 0: there
    /// is none.
    waiting_since: Vec<AtomicI64>,
    /// Rung when a position has moved.
    pub moved: Notify,
}

impl AllProgress {
    pub fn new(shards: Shards, workers: usize) -> Self {
        Self {
            shards: shards.all().map(|_| ShardProgress::default()).collect(),
            waiting_since: (0..workers).map(|_| AtomicI64::default()).collect(),
            moved: Notify::new(),
        }
    }

    fn of(&self, shard: ShardId) -> Option<&ShardProgress> {
        self.shards.get(usize::from(shard.0))
    }

    pub fn appended(&self, shard: ShardId, end: Position) {
        if let Some(one) = self.of(shard) {
            one.end.fetch_max(end.0, Ordering::Relaxed);
        }
    }

    pub fn committed(&self, shard: ShardId, position: Position) {
        if let Some(one) = self.of(shard) {
            one.position.fetch_max(position.0, Ordering::Relaxed);
        }
        self.moved.notify_waiters();
    }

    pub fn seen(&self, shard: ShardId, progress: Progress) {
        self.appended(shard, progress.end);
        self.committed(shard, progress.position);
    }

    pub fn waiting_since(&self, worker: usize, at: Option<Millis>) {
        if let Some(since) = self.waiting_since.get(worker) {
            since.store(at.map_or(0, |at| at.0), Ordering::Relaxed);
        }
    }

    pub fn position(&self, shard: ShardId) -> Position {
        Position(self.of(shard).map_or(0, |one| one.position.load(Ordering::Relaxed)))
    }

    /// How many entries of a shard's log wait to be applied.
    pub fn backlog(&self, shard: ShardId) -> u64 {
        let one = self.of(shard);
        one.map_or(0, |one| one.end.load(Ordering::Relaxed).saturating_sub(one.position.load(Ordering::Relaxed)))
    }

    /// Entries that wait in all shards, and since when the oldest of those waits that this server has read.
    pub fn lag(&self) -> (u64, Option<Millis>) {
        let entries =
            (0..self.shards.len()).filter_map(|at| u16::try_from(at).ok()).map(|at| self.backlog(ShardId(at)));
        let since = self.waiting_since.iter().map(|since| since.load(Ordering::Relaxed)).filter(|at| *at > 0).min();
        (entries.sum(), since.map(Millis))
    }
}
