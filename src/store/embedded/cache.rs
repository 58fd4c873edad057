//! Records of one partition in memory: those used lately, and those whose last change is only in the journal yet.
//!
//! Two generations stand for the order of use. What is used is in the young one; when that is full it becomes the old one,
//! and what was still in the old one leaves. Records that wait for a checkpoint never leave.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::codec::Packed;
use crate::identity::RecordKey;

/// What a slot costs besides the record's bytes, roughly.
const SLOT_BYTES: usize = 160;

struct Slot {
    /// `None`: there is no such record, which is worth knowing too.
    record: Option<Arc<Packed>>,
    /// The tables don't have it yet.
    dirty: bool,
}

type Slots = HashMap<RecordKey, Slot, ahash::RandomState>;

pub(super) struct Cache {
    young: Slots,
    old: Slots,
    young_bytes: usize,
    /// How large a generation gets, besides what waits for a checkpoint.
    generation_bytes: usize,
    /// When the next generation begins.
    turn_at: usize,
    /// Grows whenever something leaves; see [`Cache::fill`].
    epoch: u64,
    /// Every dirty record once, unless a checkpoint has taken the list.
    dirty: Vec<RecordKey>,
    dirty_bytes: usize,
}

fn size(key: &RecordKey, record: Option<&Arc<Packed>>) -> usize {
    SLOT_BYTES + key.id.len() + record.map_or(0, |record| record.bytes())
}

impl Cache {
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            young: Slots::default(),
            old: Slots::default(),
            young_bytes: 0,
            generation_bytes: bytes / 2,
            turn_at: bytes / 2,
            epoch: 0,
            dirty: Vec::new(),
            dirty_bytes: 0,
        }
    }

    /// The record of `key`: an outer `None` is not known, an inner one is known to be absent.
    pub(super) fn get(&mut self, key: &RecordKey) -> Option<Option<Arc<Packed>>> {
        if let Some(slot) = self.young.get(key) {
            return Some(slot.record.clone());
        }
        let (key, slot) = self.old.remove_entry(key)?;
        let record = slot.record.clone();
        self.young_bytes += size(&key, record.as_ref());
        self.young.insert(key, slot);
        self.make_room();
        Some(record)
    }

    /// To be noted before a record is read from the tables, and handed to [`Cache::fill`] with what was read.
    pub(super) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Takes over what was read from the tables. Refuses when anything left since `epoch`: the record might have been
    /// changed, checkpointed and evicted meanwhile, or forgotten, and what was read would be its past.
    pub(super) fn fill(&mut self, key: &RecordKey, record: Option<Arc<Packed>>, epoch: u64) -> bool {
        if self.epoch != epoch {
            return false;
        }
        if self.get(key).is_none() {
            self.put(key.clone(), Slot { record, dirty: false });
        }
        true
    }

    /// Takes over a change that is durable in the journal.
    pub(super) fn publish(&mut self, key: RecordKey, record: Arc<Packed>) {
        let bytes = size(&key, Some(&record));
        let before = self.put(key.clone(), Slot { record: Some(record), dirty: true });
        if before.is_none_or(|slot| !slot.dirty) {
            self.dirty.push(key);
            self.dirty_bytes += bytes;
        }
    }

    /// Puts a slot among the young ones and answers the one that it takes the place of.
    fn put(&mut self, key: RecordKey, slot: Slot) -> Option<Slot> {
        let aged = if self.old.is_empty() { None } else { self.old.remove(&key) };
        self.young_bytes += size(&key, slot.record.as_ref());
        let before = match self.young.entry(key) {
            Entry::Occupied(mut place) => {
                let before = place.insert(slot);
                let replaced = size(place.key(), before.record.as_ref());
                self.young_bytes = self.young_bytes.saturating_sub(replaced);
                Some(before)
            }
            Entry::Vacant(place) => {
                place.insert(slot);
                None
            }
        };
        self.make_room();
        before.or(aged)
    }

    fn make_room(&mut self) {
        if self.young_bytes <= self.turn_at {
            return;
        }
        self.epoch += 1;
        let leaving = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
        self.young = leaving.into_iter().filter(|(_, slot)| slot.dirty).collect();
        self.young_bytes = self.young.iter().map(|(key, slot)| size(key, slot.record.as_ref())).sum();
        self.turn_at = self.young_bytes + self.generation_bytes;
    }

    /// What became of `key` now stands in the tables with `version`.
    pub(super) fn flushed(&mut self, key: &RecordKey, version: u64) {
        let slot = match self.young.get_mut(key) {
            Some(slot) => Some(slot),
            None => self.old.get_mut(key),
        };
        let Some(slot) = slot else { return };
        if slot.record.as_ref().is_some_and(|record| record.version == version) {
            slot.dirty = false;
        } else if slot.dirty {
            // Changed while it was being written: it waits for the next checkpoint.
            self.dirty.push(key.clone());
        }
    }

    /// Deletes a record.
    pub(super) fn forget(&mut self, key: &RecordKey) {
        self.epoch += 1;
        self.old.remove(key);
        if let Some(slot) = self.young.remove(key) {
            self.young_bytes = self.young_bytes.saturating_sub(size(key, slot.record.as_ref()));
        }
    }

    /// The records that a checkpoint has to write.
    pub(super) fn take_dirty(&mut self) -> Vec<RecordKey> {
        self.dirty_bytes = 0;
        std::mem::take(&mut self.dirty)
    }

    /// The record of `key` when it is still to be written.
    pub(super) fn dirty(&self, key: &RecordKey) -> Option<Arc<Packed>> {
        let slot = self.young.get(key).or_else(|| self.old.get(key))?;
        slot.record.clone().filter(|_| slot.dirty)
    }

    /// Whether so much waits for a checkpoint that little room is left for anything else.
    pub(super) const fn needs_checkpoint(&self) -> bool {
        self.dirty_bytes > self.generation_bytes
    }

    pub(super) fn bytes(&self) -> usize {
        let old: usize = self.old.iter().map(|(key, slot)| size(key, slot.record.as_ref())).sum();
        self.young_bytes + old
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Millis;

    fn packed(version: u64) -> Arc<Packed> {
        Arc::new(Packed::stored(version, Millis(0), vec![0; 1_000].into()))
    }

    fn key(n: u64) -> RecordKey {
        RecordKey::user(&n.to_string())
    }

    #[test]
    fn what_is_used_stays_and_the_rest_leaves() {
        let mut cache = Cache::new(20_000);
        for n in 0..1_000 {
            let epoch = cache.epoch();
            assert!(cache.fill(&key(n), Some(packed(1)), epoch));
            assert!(cache.get(&key(0)).is_some(), "after {n}");
            assert!(cache.bytes() <= 24_000);
        }
        assert!(cache.get(&key(500)).is_none());
        assert!(cache.get(&key(999)).is_some());
    }

    #[test]
    fn what_waits_for_a_checkpoint_never_leaves() {
        let mut cache = Cache::new(20_000);
        cache.publish(key(0), packed(2));
        for n in 1..200 {
            let epoch = cache.epoch();
            cache.fill(&key(n), None, epoch);
            cache.fill(&key(n + 1_000), Some(packed(1)), epoch);
        }
        assert_eq!(cache.dirty(&key(0)).map(|record| record.version), Some(2));
        assert_eq!(cache.take_dirty(), [key(0)]);
        cache.flushed(&key(0), 2);
        assert!(cache.dirty(&key(0)).is_none());
        for n in 1..200 {
            let epoch = cache.epoch();
            cache.fill(&key(n), Some(packed(1)), epoch);
        }
        assert!(cache.get(&key(0)).is_none());
    }

    #[test]
    fn a_change_during_its_own_checkpoint_waits_for_the_next() {
        let mut cache = Cache::new(1 << 20);
        cache.publish(key(1), packed(1));
        assert_eq!(cache.take_dirty(), [key(1)]);
        cache.publish(key(1), packed(2));
        assert!(cache.take_dirty().is_empty(), "the running checkpoint has it on its list");
        cache.flushed(&key(1), 1);
        assert_eq!(cache.take_dirty(), [key(1)]);
        cache.flushed(&key(1), 2);
        cache.publish(key(1), packed(3));
        assert_eq!(cache.take_dirty(), [key(1)]);
    }

    #[test]
    fn a_read_from_before_a_removal_is_refused() {
        let mut cache = Cache::new(1 << 20);
        let epoch = cache.epoch();
        cache.forget(&key(1));
        assert!(!cache.fill(&key(1), Some(packed(5)), epoch));
        assert!(cache.get(&key(1)).is_none());
    }
}
