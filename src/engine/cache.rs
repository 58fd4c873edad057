//! The records that a worker has in memory, within a bound in bytes.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::ids::RecordKey;
use crate::record::{AgendaList, Record};
use crate::store::{ListName, Listed};
use crate::time::Millis;

/// What share of the bound is freed when it is reached, as a divisor: enough that it is not reached again at once.
const FREED: usize = 8;
/// What an entry takes beside its record: its place in the map, of whose places three in four are used at the most and half on
/// average, and the head of the key's text.
const SLOT_BYTES: usize = size_of::<(RecordKey, Cached)>() * 3 / 2 + 2 * size_of::<usize>();
/// The allocator rounds up: by an eighth at the most, and a little more for what was freed and not used again.
const ALLOCATED_EIGHTHS: usize = 9;

/// A record in memory.
pub(super) struct Cached {
    pub record: Record,
    /// Its place in the agenda, as it is stored.
    pub listed: Option<Listed>,
    /// Whether it differs from what is stored, or being stored.
    pub dirty: bool,
    /// Whether it is being stored, as it stands or stood.
    storing: bool,
    bytes: usize,
    /// The batch that used it last.
    used: u64,
}

impl Cached {
    /// Whether it is stored as it stands.
    pub const fn is_stored(&self) -> bool {
        !self.dirty && !self.storing
    }
}

pub(super) struct Cache {
    records: HashMap<RecordKey, Cached, ahash::RandomState>,
    bytes: usize,
    max_bytes: usize,
    batch: u64,
}

impl Cache {
    pub fn new(max_bytes: usize) -> Self {
        Self { records: HashMap::default(), bytes: 0, max_bytes, batch: 0 }
    }

    /// From now on it may take so many bytes.
    pub const fn limit(&mut self, max_bytes: usize) {
        self.max_bytes = max_bytes;
    }

    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// A new batch begins.
    pub const fn begin(&mut self) {
        self.batch += 1;
    }

    pub fn contains(&self, key: &RecordKey) -> bool {
        self.records.contains_key(key)
    }

    pub fn get(&self, key: &RecordKey) -> Option<&Cached> {
        self.records.get(key)
    }

    /// The record, for changing what only it says of itself.
    pub fn get_mut(&mut self, key: &RecordKey) -> Option<&mut Cached> {
        self.records.get_mut(key)
    }

    /// The record, for reading and changing; `None` when it has to be loaded first.
    pub fn use_mut(&mut self, key: &RecordKey) -> Option<&mut Cached> {
        let cached = self.records.get_mut(key)?;
        cached.used = self.batch;
        Some(cached)
    }

    /// Takes in a record as it is stored; `None` when there is none, which stands in no list.
    pub fn insert(&mut self, key: RecordKey, record: Option<Record>, idle: Option<i64>) {
        let listed = record.as_ref().and_then(|record| listed(&key, record, idle));
        let record = record.unwrap_or_else(|| Record::empty(key.kind));
        let bytes = bytes(&key, &record);
        self.bytes += bytes;
        let cached = Cached { record, listed, dirty: false, storing: false, bytes, used: self.batch };
        if let Some(before) = self.records.insert(key, cached) {
            self.bytes -= before.bytes;
        }
    }

    /// Notes that a record is being stored as it stands.
    pub fn storing(&mut self, key: &RecordKey) {
        if let Some(cached) = self.records.get_mut(key) {
            (cached.dirty, cached.storing) = (false, true);
        }
    }

    /// Notes that a record is stored as it stood when that began, in this place of the agenda.
    pub fn stored(&mut self, key: &RecordKey, listed: Option<Listed>, gone: bool) {
        let Some(cached) = self.records.get_mut(key) else { return };
        if gone && !cached.dirty {
            self.remove(key);
        } else {
            (cached.listed, cached.storing) = (listed, false);
            let bytes = bytes(key, &cached.record);
            self.bytes = self.bytes + bytes - cached.bytes;
            cached.bytes = bytes;
        }
    }

    pub fn remove(&mut self, key: &RecordKey) {
        if let Some(gone) = self.records.remove(key) {
            self.bytes -= gone.bytes;
        }
    }

    /// Drops what `stays` doesn't want.
    pub fn retain(&mut self, mut stays: impl FnMut(&RecordKey, &Cached) -> bool) {
        let mut freed = 0;
        self.records.retain(|key, cached| {
            let keep = stays(key, cached);
            freed += if keep { 0 } else { cached.bytes };
            keep
        });
        self.bytes -= freed;
        if self.records.is_empty() {
            // A map that was large once keeps its room otherwise.
            self.records = HashMap::default();
        }
    }

    /// Makes room when the bound is reached: what was not used for longest goes.
    pub fn evict(&mut self) {
        if self.bytes <= self.max_bytes {
            return;
        }
        let goal = self.bytes - (self.max_bytes - self.max_bytes / FREED);
        let mut by_use: std::collections::BTreeMap<u64, usize> = std::collections::BTreeMap::new();
        for cached in self.records.values().filter(|cached| cached.is_stored()) {
            *by_use.entry(cached.used).or_default() += cached.bytes;
        }
        let mut freed = 0;
        let oldest = by_use.into_iter().find_map(|(used, bytes)| {
            freed += bytes;
            (freed >= goal).then_some(used)
        });
        let oldest = oldest.unwrap_or(u64::MAX);
        self.retain(|_, cached| !cached.is_stored() || cached.used > oldest);
    }
}

/// About how many bytes a record takes here.
fn bytes(key: &RecordKey, record: &Record) -> usize {
    SLOT_BYTES + (key.id.len() + record.bytes()) * ALLOCATED_EIGHTHS / 8
}

/// A record's place in the agenda.
pub(super) fn listed(key: &RecordKey, record: &Record, idle: Option<i64>) -> Option<Listed> {
    let of = key.as_delivery().or_else(|| key.as_hold()).or_else(|| key.as_wait()).map(|(of, _)| of);
    record.agenda(of, idle).map(|(list, at)| Listed { list: list_name(&list), at: at.max(Millis(0)) })
}

pub(super) fn list_name(list: &AgendaList) -> ListName {
    /// By far the most records that stand in a list stand in one of these.
    static OFTEN: LazyLock<[ListName; 2]> =
        LazyLock::new(|| [AgendaList::Timers, AgendaList::Wakes].map(|list| ListName::new(&list.name())));
    let [timers, wakes] = &*OFTEN;
    match list {
        AgendaList::Timers => timers.clone(),
        AgendaList::Wakes => wakes.clone(),
        list => ListName::new(&list.name()),
    }
}
