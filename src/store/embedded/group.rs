//! A group of commits that becomes durable in one transaction.
//!
//! Each commit is checked against what is durable and what the group has staged before it. Nothing staged can be seen from
//! outside until the transaction is through; if it fails, the group is dropped and nothing has happened. For the same reason
//! no answer leaves before that, not even a refusal: it may rest on a commit that is only staged.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::Connection;

use super::codec::Packed;
use super::journal;
use super::messages::{MessageKey, message_key};
use super::queue::{Item, QueueChange};
use super::shared::{Shared, unreadable};
use super::tables;
use crate::identity::{PartitionId, RecordKey};
use crate::store::{Commit, CommitError, Entry, Note, Outcome, QueueName, Settle, StoreError, Write};
use crate::time::Millis;

/// What a group changes in one partition.
#[derive(Default)]
struct Stage {
    records: HashMap<RecordKey, Arc<Packed>, ahash::RandomState>,
    messages: HashMap<MessageKey, (Note, i64), ahash::RandomState>,
    queue: Vec<(QueueName, QueueChange)>,
    /// Entries that the group touched, and whether they are in the queue now.
    touched: HashMap<(QueueName, String), bool, ahash::RandomState>,
}

#[derive(Default)]
pub(super) struct Group {
    stages: HashMap<PartitionId, Stage, ahash::RandomState>,
    /// The row that goes into the journal.
    pub(super) journal: Vec<u8>,
    /// The latest moment that any of the commits spoke of.
    pub(super) now: Option<Millis>,
}

/// What a group is staged with.
pub(super) struct Ground<'a> {
    pub(super) connection: &'a Connection,
    pub(super) shared: &'a Shared,
    /// The last number given to a queue entry.
    pub(super) last_seq: &'a mut i64,
}

/// What has to be kept for the checkpoint: messages that were published, by generation.
pub(super) trait MessageSink {
    fn message(&mut self, generation: i64, partition: PartitionId, key: &MessageKey, note: Note);
}

impl Group {
    /// Checks `commits`, each of a partition of its own, and stages them if nothing stands against any of them; says what
    /// does otherwise. After [`CommitError::Store`] the group is lost.
    pub(super) fn stage(&mut self, ground: &mut Ground<'_>, commits: Vec<Commit>) -> Vec<Result<(), CommitError>> {
        let checked: Vec<_> = commits.iter().map(|commit| self.check(ground, commit)).collect();
        if checked.iter().any(Result::is_err) {
            return checked.into_iter().map(|checked| checked.and(Err(CommitError::Withdrawn))).collect();
        }
        let checked = commits.into_iter().zip(checked.into_iter().flatten());
        checked.map(|(commit, bases)| Ok(self.put(ground, commit, &bases)?)).collect()
    }

    /// The records that `commit` changes, as they stand before it, if nothing stands against it.
    fn check(&mut self, ground: &Ground<'_>, commit: &Commit) -> Result<Vec<Option<Arc<Packed>>>, CommitError> {
        let stage = self.stages.entry(commit.partition).or_default();
        stage.check_messages(ground, commit)?;
        stage.check_leases(ground, commit)?;
        stage.check_versions(ground, commit)
    }

    fn put(
        &mut self,
        ground: &mut Ground<'_>,
        mut commit: Commit,
        bases: &[Option<Arc<Packed>>],
    ) -> Result<(), StoreError> {
        let stage = self.stages.entry(commit.partition).or_default();
        journal::put_commit(&mut self.journal, &commit);
        self.now = self.now.max(Some(commit.now));
        stage.change_records(std::mem::take(&mut commit.writes), bases, commit.now)?;
        let generation = ground.shared.generations.of(commit.now);
        let remember = commit.remember.iter().map(|(hash, note)| (message_key(*hash), (*note, generation)));
        stage.messages.extend(remember);
        for lead in &commit.leads {
            tables::put_lead(ground.connection, lead)?;
        }
        for settle in &commit.settle {
            stage.settle(ground, &commit, settle)?;
        }
        for entry in &commit.enqueue {
            stage.enqueue(ground, commit.partition, entry)?;
        }
        Ok(())
    }

    /// Makes the group visible, now that it is durable. Answers whether a checkpoint is wanted for room in memory.
    pub(super) fn publish(self, shared: &Shared, sink: &mut impl MessageSink) -> Result<bool, StoreError> {
        let mut crowded = false;
        for (id, stage) in self.stages {
            let mut partition = shared.partition(id)?;
            for (key, record) in stage.records {
                partition.cache.publish(key, record);
            }
            for (key, (note, generation)) in stage.messages {
                partition.messages.insert(key, note, generation);
                sink.message(generation, id, &key, note);
            }
            for (queue, change) in stage.queue {
                partition.queue.apply(&queue, change);
            }
            crowded |= partition.cache.needs_checkpoint();
        }
        Ok(crowded)
    }
}

impl Stage {
    fn check_messages(&self, ground: &Ground<'_>, commit: &Commit) -> Result<(), CommitError> {
        let mut partition = ground.shared.partition(commit.partition)?;
        partition.messages.turn(ground.shared.generations.of(commit.now));
        let seen = |key| self.messages.get(&key).map(|(note, _)| *note).or_else(|| partition.messages.get(&key));
        let seen: Vec<(usize, Note)> = (commit.remember.iter().enumerate())
            .filter_map(|(at, (hash, _))| Some((at, seen(message_key(*hash))?)))
            .collect();
        if seen.is_empty() { Ok(()) } else { Err(CommitError::Seen(seen)) }
    }

    fn check_leases(&self, ground: &Ground<'_>, commit: &Commit) -> Result<(), CommitError> {
        let held = |settle: &Settle| self.held(ground, commit.partition, settle).map(|seq| seq.is_some());
        for settle in &commit.settle {
            if !held(settle)? {
                return Err(CommitError::LeaseLost(settle.id.clone()));
            }
        }
        Ok(())
    }

    /// The number of the entry, if its lease stands and no commit of the group has settled it.
    fn held(&self, ground: &Ground<'_>, partition: PartitionId, settle: &Settle) -> Result<Option<i64>, StoreError> {
        if self.touched.contains_key(&(settle.queue.clone(), settle.id.clone())) {
            return Ok(None);
        }
        Ok(ground.shared.partition(partition)?.queue.held(&settle.queue, &settle.id, settle.lease))
    }

    fn check_versions(&self, ground: &Ground<'_>, commit: &Commit) -> Result<Vec<Option<Arc<Packed>>>, CommitError> {
        let (mut bases, mut moved) = (Vec::with_capacity(commit.writes.len()), Vec::new());
        for write in &commit.writes {
            let base = match self.records.get(&write.key) {
                Some(staged) => Some(Arc::clone(staged)),
                None => ground.shared.record(ground.connection, commit.partition, &write.key)?,
            };
            if base.as_ref().map_or(0, |base| base.version) != write.expected {
                moved.push(write.key.clone());
            }
            bases.push(base);
        }
        if moved.is_empty() { Ok(bases) } else { Err(CommitError::Conflict(moved)) }
    }

    fn change_records(
        &mut self,
        writes: Vec<Write>,
        bases: &[Option<Arc<Packed>>],
        now: Millis,
    ) -> Result<(), StoreError> {
        for (write, base) in writes.into_iter().zip(bases) {
            let key = write.key.clone();
            let changed = Packed::changed(base.as_deref(), write, now).ok_or_else(|| unreadable(&key))?;
            self.records.insert(key, Arc::new(changed));
        }
        Ok(())
    }

    fn settle(&mut self, ground: &Ground<'_>, commit: &Commit, settle: &Settle) -> Result<(), StoreError> {
        // Checked before; it can be gone only when the commit settles it twice, and then the first outcome counts.
        let Some(seq) = self.held(ground, commit.partition, settle)? else { return Ok(()) };
        let id = || Box::from(settle.id.as_str());
        let change = match &settle.outcome {
            Outcome::Done { keep: false } => {
                tables::delete_entry(ground.connection, seq)?;
                QueueChange::Remove(id())
            }
            Outcome::Done { keep: true } => {
                self.trim_history(ground, commit.partition, settle)?;
                tables::finish_entry(ground.connection, seq, commit.now)?;
                QueueChange::Keep(id(), seq)
            }
            Outcome::Retry { due, attempts, error } => {
                tables::retry_entry(ground.connection, seq, *due, *attempts, error)?;
                QueueChange::Retry(id(), *due)
            }
            Outcome::Dead { attempts, error } => {
                tables::give_up_entry(ground.connection, seq, commit.now, *attempts, error)?;
                QueueChange::Dead(id())
            }
        };
        let remains = matches!(change, QueueChange::Retry(..) | QueueChange::Dead(_));
        self.touched.insert((settle.queue.clone(), settle.id.clone()), remains);
        self.queue.push((settle.queue.clone(), change));
        Ok(())
    }

    fn trim_history(&mut self, ground: &Ground<'_>, id: PartitionId, settle: &Settle) -> Result<(), StoreError> {
        let leaving = ground.shared.partition(id)?.queue.to_trim(&settle.queue, &settle.id);
        for seq in leaving {
            tables::delete_entry(ground.connection, seq)?;
            self.queue.push((settle.queue.clone(), QueueChange::Trim(seq)));
        }
        Ok(())
    }

    fn enqueue(&mut self, ground: &mut Ground<'_>, id: PartitionId, entry: &Entry) -> Result<(), StoreError> {
        let place = (entry.queue.clone(), entry.id.clone());
        let present = match self.touched.get(&place) {
            Some(present) => *present,
            None => ground.shared.partition(id)?.queue.contains(&entry.queue, &entry.id),
        };
        if present {
            return Ok(());
        }
        *ground.last_seq += 1;
        let seq = *ground.last_seq;
        tables::insert_entry(ground.connection, id, seq, entry)?;
        let item = Item {
            seq,
            id: entry.id.as_str().into(),
            lane: entry.lane.as_deref().map(Into::into),
            due: entry.due,
            created: entry.created,
        };
        self.touched.insert(place, true);
        self.queue.push((entry.queue.clone(), QueueChange::Add(item)));
        Ok(())
    }
}
