//! A worker's memory of the records of its partition. Only a shortcut: every commit checks the versions, so that a record
//! that another process changed meanwhile is noticed and read again.

use std::collections::HashMap;
use std::sync::Arc;

use crate::identity::RecordKey;
use crate::subject::Subject;

/// A record as last seen; version 0 is an absent one.
pub(super) struct Cached {
    pub version: u64,
    pub subject: Arc<Subject>,
    used: u64,
}

/// Least-recently-used records, bounded in number.
pub(super) struct Cache {
    records: HashMap<RecordKey, Cached, ahash::RandomState>,
    capacity: usize,
    tick: u64,
}

impl Cache {
    pub fn new(capacity: usize) -> Self {
        Self { records: HashMap::default(), capacity, tick: 0 }
    }

    pub fn contains(&self, key: &RecordKey) -> bool {
        self.records.contains_key(key)
    }

    pub fn get_mut(&mut self, key: &RecordKey) -> Option<&mut Cached> {
        self.tick += 1;
        let cached = self.records.get_mut(key)?;
        cached.used = self.tick;
        Some(cached)
    }

    pub fn put(&mut self, key: RecordKey, version: u64, subject: Subject) {
        self.tick += 1;
        self.records.insert(key, Cached { version, subject: Arc::new(subject), used: self.tick });
    }

    pub fn evict(&mut self, key: &RecordKey) {
        self.records.remove(key);
    }

    /// Makes room when there are too many: the older half by use goes, so that the cost is spread thin.
    pub fn trim(&mut self) {
        if self.records.len() <= self.capacity {
            return;
        }
        let mut uses: Vec<u64> = self.records.values().map(|cached| cached.used).collect();
        let middle = uses.len() / 2;
        let (_, median, _) = uses.select_nth_unstable(middle);
        let median = *median;
        self.records.retain(|_, cached| cached.used > median);
    }
}
