//! One partition: records, remembered messages and leads. Every change is checked in whole before any of it is made.

use std::collections::{BTreeMap, BTreeSet};

use super::queue::Queue;
use crate::cdp::MessageHash;
use crate::identity::{PartitionId, RecordKey};
use crate::store::{
    Claims, Commit, CommitError, Forgotten, LeadQuery, LeadRow, Note, QueueName, Record, StoreOptions, Write,
    duration_ms,
};
use crate::time::Millis;

#[derive(Default)]
pub(super) struct Partition {
    records: BTreeMap<RecordKey, Record>,
    seen: BTreeMap<MessageHash, (Millis, Note)>,
    /// The same messages by age, so that the oldest can leave.
    seen_by_age: BTreeSet<(Millis, MessageHash)>,
    leads: BTreeMap<String, LeadRow>,
    pub(super) queue: Queue,
    /// The latest moment that any caller spoke of.
    now: Millis,
}

impl Partition {
    pub(super) fn record(&self, key: &RecordKey) -> Option<Record> {
        self.records.get(key).cloned()
    }

    pub(super) fn records(&self) -> usize {
        self.records.len()
    }

    pub(super) fn seen(&self, message: MessageHash, ttl: i64) -> Option<Note> {
        self.seen.get(&message).filter(|(at, _)| self.now.since(*at) < ttl).map(|(_, note)| *note)
    }

    pub(super) fn commit(&mut self, commit: Commit, options: &StoreOptions) -> Result<(), CommitError> {
        self.now = self.now.max(commit.now);
        let ttl = duration_ms(options.remember);
        self.check(&commit, ttl)?;
        for write in commit.writes {
            self.write(write);
        }
        for (message, note) in commit.remember {
            if let Some((before, _)) = self.seen.insert(message, (commit.now, note)) {
                self.seen_by_age.remove(&(before, message));
            }
            self.seen_by_age.insert((commit.now, message));
        }
        for lead in commit.leads {
            self.leads.insert(lead.id.clone(), lead);
        }
        for settle in commit.settle {
            self.queue.settle(settle, commit.now);
        }
        for entry in commit.enqueue {
            self.queue.add(entry);
        }
        self.expire(ttl);
        Ok(())
    }

    fn check(&self, commit: &Commit, ttl: i64) -> Result<(), CommitError> {
        let seen: Vec<(usize, Note)> = (commit.remember.iter().enumerate())
            .filter_map(|(at, (message, _))| Some((at, self.seen(*message, ttl)?)))
            .collect();
        if !seen.is_empty() {
            return Err(CommitError::Seen(seen));
        }
        if let Some(lost) = commit.settle.iter().find(|settle| !self.queue.holds(settle)) {
            return Err(CommitError::LeaseLost(lost.id.clone()));
        }
        let version = |key| self.records.get(key).map_or(0, |record: &Record| record.version);
        let moved: Vec<RecordKey> =
            commit.writes.iter().filter(|w| version(&w.key) != w.expected).map(|w| w.key.clone()).collect();
        if moved.is_empty() { Ok(()) } else { Err(CommitError::Conflict(moved)) }
    }

    fn write(&mut self, write: Write) {
        let record = self.records.entry(write.key).or_default();
        record.version = write.version;
        for field in &write.unset {
            record.fields.remove(field);
        }
        record.fields.extend(write.set.iter().map(|(name, value)| (name.into(), value.into())));
    }

    fn expire(&mut self, ttl: i64) {
        while let Some((at, message)) = self.seen_by_age.first().copied() {
            if self.now.since(at) < ttl {
                break;
            }
            self.seen_by_age.pop_first();
            self.seen.remove(&message);
        }
    }

    pub(super) fn claim(
        &mut self,
        id: PartitionId,
        queue: &QueueName,
        now: Millis,
        until: Millis,
        limit: usize,
    ) -> Claims {
        self.now = self.now.max(now);
        self.queue.claim(id, queue, now, until, limit)
    }

    pub(super) fn leads<'a>(&'a self, query: &'a LeadQuery) -> impl Iterator<Item = &'a LeadRow> {
        self.leads.values().filter(|lead| query.matches(lead))
    }

    pub(super) fn lead(&self, id: &str) -> Option<&LeadRow> {
        self.leads.get(id)
    }

    pub(super) fn forget(&mut self, key: &RecordKey) -> Forgotten {
        let leads = self.leads.len();
        self.leads.retain(|_, lead| lead.subject != *key);
        Forgotten {
            records: self.records.remove(key).map_or(0, |_| 1),
            leads: (leads - self.leads.len()) as u64,
            entries: self.queue.forget(&key.to_string()),
        }
    }
}
