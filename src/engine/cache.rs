//! A worker's memory of the records of its partitions. Only a shortcut: every commit checks the versions, so that a record
//! that another process changed meanwhile is noticed and read again.

use std::collections::HashMap;
use std::sync::Arc;

use crate::identity::{PartitionId, RecordKey};
use crate::subject::Subject;

/// A record as last seen; version 0 is an absent one.
pub(super) struct Cached {
    pub version: u64,
    pub subject: Arc<Subject>,
    /// Whether the round under way has looked at it already.
    pub touched: bool,
    used: u64,
}

/// Least-recently-used records, bounded in number.
pub(super) struct Cache {
    /// Apart by partition, so that making room is done in small portions.
    parts: Vec<Part>,
    capacity: usize,
}

#[derive(Default)]
struct Part {
    records: HashMap<RecordKey, Cached, ahash::RandomState>,
    tick: u64,
}

impl Cache {
    /// Room for about `capacity` records of `partitions` partitions.
    pub fn new(capacity: usize, partitions: u16) -> Self {
        let count = usize::from(partitions.max(1));
        Self { parts: std::iter::repeat_with(Part::default).take(count).collect(), capacity: capacity / count }
    }

    fn part(&mut self, partition: PartitionId) -> Option<&mut Part> {
        let at = usize::from(partition.0) % self.parts.len().max(1);
        self.parts.get_mut(at)
    }

    pub fn contains(&mut self, partition: PartitionId, key: &RecordKey) -> bool {
        self.part(partition).is_some_and(|part| part.records.contains_key(key))
    }

    pub fn get_mut(&mut self, partition: PartitionId, key: &RecordKey) -> Option<&mut Cached> {
        let part = self.part(partition)?;
        part.tick += 1;
        let cached = part.records.get_mut(key)?;
        cached.used = part.tick;
        Some(cached)
    }

    pub fn put(&mut self, partition: PartitionId, key: RecordKey, version: u64, subject: Subject) {
        if let Some(part) = self.part(partition) {
            part.tick += 1;
            let cached = Cached { version, subject: Arc::new(subject), touched: false, used: part.tick };
            part.records.insert(key, cached);
        }
    }

    pub fn evict(&mut self, partition: PartitionId, key: &RecordKey) {
        if let Some(part) = self.part(partition) {
            part.records.remove(key);
        }
    }

    /// Makes room where there are too many.
    pub fn trim(&mut self) {
        let capacity = self.capacity;
        self.parts.iter_mut().filter(|part| part.records.len() > capacity).for_each(Part::halve);
    }
}

impl Part {
    /// The older half by use goes, so that the cost is spread thin.
    fn halve(&mut self) {
        let mut uses: Vec<u64> = self.records.values().map(|cached| cached.used).collect();
        let middle = uses.len() / 2;
        let (_, median, _) = uses.select_nth_unstable(middle);
        let median = *median;
        self.records.retain(|_, cached| cached.used > median);
    }
}
