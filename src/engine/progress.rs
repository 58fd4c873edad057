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
    step: AtomicU64,
    /// About how many bytes an entry of its log has, of those that this server appends.
    entry_bytes: AtomicU64,
}

/// How much the size of an entry moves what entries are taken to have, as a divisor.
const ENTRY_WEIGHT: u64 = 8;

/// What a shard had at least when it was last heard of. It can't have less later on, unless the store has lost something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    position: u64,
    end: u64,
    step: u64,
}

impl Known {
    /// Whether an entry that was appended after this was known stands where one stood before.
    pub fn has(self, position: Position) -> bool {
        position.0 <= self.end
    }
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

    /// An entry of so many bytes was appended.
    pub fn appended_bytes(&self, shard: ShardId, bytes: usize) {
        if let Some(one) = self.of(shard) {
            let (before, now) = (one.entry_bytes.load(Ordering::Relaxed), u64::try_from(bytes).unwrap_or(u64::MAX));
            let mean = before - before / ENTRY_WEIGHT + now / ENTRY_WEIGHT;
            one.entry_bytes.store(if before == 0 { now } else { mean }, Ordering::Relaxed);
        }
    }

    /// About how many bytes of a shard's log wait to be applied.
    pub fn backlog_bytes(&self, shard: ShardId) -> u64 {
        let each = self.of(shard).map_or(0, |one| one.entry_bytes.load(Ordering::Relaxed));
        self.backlog(shard).saturating_mul(each)
    }

    /// A shard stands at `position`, after so many commits.
    pub fn committed(&self, shard: ShardId, position: Position, step: u64) {
        if let Some(one) = self.of(shard) {
            one.position.fetch_max(position.0, Ordering::Relaxed);
            one.step.fetch_max(step, Ordering::Relaxed);
        }
        self.moved.notify_waiters();
    }

    pub fn known(&self, shard: ShardId) -> Known {
        let of = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let known = |one: &ShardProgress| Known { position: of(&one.position), end: of(&one.end), step: of(&one.step) };
        self.of(shard).map_or_else(Known::default, known)
    }

    /// Takes in what the store says of a shard; returns whether that is less than what was `before` it was asked: then the store has
    /// lost something, and what was known holds no longer.
    pub fn seen(&self, shard: ShardId, before: Known, progress: Progress) -> bool {
        let Progress { position, end, step, .. } = progress;
        let has_lost = position.0 < before.position || end.0 < before.end || step < before.step;
        if has_lost && let Some(one) = self.of(shard) {
            one.position.store(position.0, Ordering::Relaxed);
            one.end.store(end.0, Ordering::Relaxed);
            one.step.store(step, Ordering::Relaxed);
        }
        self.appended(shard, end);
        self.committed(shard, position, step);
        has_lost
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

#[cfg(test)]
mod tests {
    use super::*;

    const SHARD: ShardId = ShardId(0);

    fn at(position: u64, end: u64, step: u64) -> Progress {
        Progress { position: Position(position), end: Position(end), step, ..Progress::default() }
    }

    #[test]
    fn what_waits_is_known_in_bytes() {
        let all = AllProgress::new(Shards::default(), 1);
        all.appended_bytes(SHARD, 1_000);
        all.appended(SHARD, Position(50));
        assert_eq!(all.backlog_bytes(SHARD), 50_000);
        (0..100).for_each(|_| all.appended_bytes(SHARD, 256_000));
        assert!((12_000_000..=12_800_000).contains(&all.backlog_bytes(SHARD)), "{}", all.backlog_bytes(SHARD));
        all.committed(SHARD, Position(50), 1);
        assert_eq!(all.backlog_bytes(SHARD), 0);
    }

    #[test]
    fn an_answer_that_comes_late_takes_nothing_back() {
        let all = AllProgress::new(Shards::default(), 1);
        let before = all.known(SHARD);
        all.appended(SHARD, Position(9));
        all.committed(SHARD, Position(8), 3);
        assert!(!all.seen(SHARD, before, at(5, 7, 2)), "it was asked before that was known");
        assert_eq!((all.position(SHARD), all.backlog(SHARD)), (Position(8), 1));
    }

    #[test]
    fn less_than_was_known_before_it_was_asked_was_lost() {
        for less in [at(0, 0, 0), at(7, 9, 3), at(8, 8, 3), at(8, 9, 2)] {
            let all = AllProgress::new(Shards::default(), 1);
            assert!(!all.seen(SHARD, all.known(SHARD), at(8, 9, 3)));
            assert!(all.seen(SHARD, all.known(SHARD), less), "{less:?}");
            assert_eq!((all.position(SHARD), all.backlog(SHARD)), (less.position, less.end.0 - less.position.0));
            assert!(!all.seen(SHARD, all.known(SHARD), less), "it is lost once");
        }
    }
}
