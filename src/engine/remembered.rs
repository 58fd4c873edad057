//! The message ids that a shard has applied, so that a repeated event is counted once.
//!
//! All of them are in memory while this server owns the shard, about 20 bytes each. They are kept by the hour and leave by the
//! hour, so that changing how long they are remembered forgets nothing. At most one hour leaves in an hour of the process's own
//! time, unless there are more of them than there can be: a clock that jumps ahead and back must not empty the memory.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Duration;

use tokio::time::Instant;

use crate::event::MessageId;
use crate::store::IdPack;
use crate::time::Millis;

const HOUR: Duration = Duration::from_secs(3_600);
/// How many hours beside the full ones there may be: the one at hand, and one that has just ended.
const PARTIAL_HOURS: i64 = 2;

#[derive(Default)]
pub(super) struct Remembered {
    all: HashSet<u64, BuildHasherDefault<AsItIs>>,
    hours: BTreeMap<i64, Vec<u64>>,
    last_forgotten: Option<Instant>,
}

/// Message ids are hashes already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = id;
    }
}

impl Remembered {
    pub fn new(packs: Vec<IdPack>) -> Self {
        let mut remembered = Self::default();
        for IdPack { hour, ids } in packs {
            remembered.all.extend(&ids);
            remembered.hours.entry(hour).or_default().extend(ids);
        }
        remembered
    }

    /// About how many bytes they take.
    pub fn bytes(&self) -> usize {
        /// In the set: the id and a byte of control. By the hour: the id. Both have grown by doubling.
        const SET_BYTES: usize = size_of::<u64>() + 1;
        self.all.capacity() * SET_BYTES
            + self.hours.values().map(|ids| ids.capacity() * size_of::<u64>()).sum::<usize>()
    }

    /// Remembers a message; returns whether it is new.
    pub fn insert(&mut self, id: MessageId) -> bool {
        self.all.insert(id.0)
    }

    /// Forgets messages that were remembered and are not stored.
    pub fn take_back(&mut self, ids: &[u64]) {
        for id in ids {
            self.all.remove(id);
        }
    }

    /// Notes that `ids`, which were inserted, are stored under the hour of `now`.
    pub fn stored(&mut self, ids: &[u64], now: Millis) {
        if !ids.is_empty() {
            self.hours.entry(hour_of(now)).or_default().extend(ids);
        }
    }

    /// The hours that can be forgotten at `now`.
    pub fn outdated(&self, now: Millis, remember: Duration) -> Vec<i64> {
        let full = i64::try_from(remember.as_secs().div_ceil(HOUR.as_secs())).unwrap_or(i64::MAX / 2);
        let oldest = hour_of(now).saturating_sub(full);
        let excess =
            i64::try_from(self.hours.len()).unwrap_or(i64::MAX).saturating_sub(full.saturating_add(PARTIAL_HOURS));
        let may_forget = self.last_forgotten.is_none_or(|last| last.elapsed() >= HOUR);
        let many = excess.max(i64::from(may_forget));
        let old = self.hours.keys().copied().filter(|hour| *hour < oldest);
        old.take(usize::try_from(many).unwrap_or(0)).collect()
    }

    /// Forgets hours, which are gone from the store.
    pub fn forget(&mut self, hours: &[i64]) {
        for id in hours.iter().filter_map(|hour| self.hours.remove(hour)).flatten() {
            self.all.remove(&id);
        }
        if !hours.is_empty() {
            self.last_forgotten = Some(Instant::now());
        }
    }
}

fn hour_of(now: Millis) -> i64 {
    now.0.div_euclid(Millis::HOUR)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn filled(hours: std::ops::Range<i64>) -> Remembered {
        let packs = hours.map(|hour| IdPack { hour, ids: vec![hour.unsigned_abs()] });
        Remembered::new(packs.collect())
    }

    fn at(hour: i64) -> Millis {
        Millis(hour * Millis::HOUR)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_older_than_wanted_leaves_by_the_hour() {
        let mut remembered = filled(100..125);
        assert_eq!(remembered.outdated(at(125), DAY), [100]);
        remembered.forget(&[100]);
        assert!(remembered.insert(MessageId(100)) && !remembered.insert(MessageId(101)));
        assert!(remembered.outdated(at(126), DAY).is_empty(), "not within the same hour");
        tokio::time::advance(HOUR).await;
        assert_eq!(remembered.outdated(at(126), DAY), [101]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_jumps_ahead_forgets_one_hour_only() {
        let mut remembered = filled(100..124);
        for _ in 0..10 {
            let hours = remembered.outdated(at(90_000), DAY);
            remembered.forget(&hours);
        }
        assert_eq!(remembered.hours.len(), 23);
    }

    #[tokio::test(start_paused = true)]
    async fn remembering_for_longer_or_shorter_forgets_nothing_at_once() {
        let remembered = filled(100..148);
        assert!(remembered.outdated(at(148), DAY * 30).is_empty());
        assert_eq!(remembered.outdated(at(148), DAY).len(), 22, "all that there are too many of");
    }
}
