//! Checkpoints: what the journal holds goes into the tables, and the journal is cut.
//!
//! A checkpoint is done in small steps, each inside the transaction of a group commit (or in one of its own when nothing else
//! is to do), so that no commit waits long for it. A record that was changed a thousand times since the last checkpoint is
//! written once. Whatever a step does, a crash after it finds tables and journal that together give the same state: rows
//! carry versions, and the journal is cut last.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::group::MessageSink;
use super::journal;
use super::messages::{Generations, MessageKey};
use super::shared::{Shared, unreadable};
use crate::identity::{PartitionId, RecordKey, RecordKind};
use crate::store::{Note, StoreError};
use crate::time::Millis;

/// How many rows a step looks at, at most, in search of idle subjects.
const LOOKED_AT: i64 = 1_000;
/// A message in a pack: partition, key, note.
pub(super) const MESSAGE_BYTES: usize = 15;
/// How large a pack of messages gets.
const PACK_BYTES: usize = MESSAGE_BYTES << 14;

/// How much a step does at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    rows: usize,
    row_bytes: usize,
    packs: usize,
    journal_bytes: i64,
}

impl Budget {
    /// So much that a checkpoint of `records` is done well before the journal has grown by `journal_bytes` again, when the
    /// step goes along with a group that adds `group_bytes` to it.
    pub(super) fn new(records: usize, group_bytes: usize, journal_bytes: u64) -> Self {
        let half = usize::try_from(journal_bytes / 2).unwrap_or(usize::MAX).max(1);
        let share = records.saturating_mul(group_bytes) / half;
        let rows = 64 + share;
        Self {
            rows,
            row_bytes: rows.saturating_mul(4 << 10),
            packs: 1 + share / 256,
            journal_bytes: i64::try_from(group_bytes.saturating_mul(4)).unwrap_or(i64::MAX).max(1 << 20),
        }
    }
}

/// Messages that no table has yet, packed, by generation.
#[derive(Default)]
pub(super) struct FreshMessages(BTreeMap<i64, Vec<Vec<u8>>>);

impl MessageSink for FreshMessages {
    fn message(&mut self, generation: i64, partition: PartitionId, key: &MessageKey, note: Note) {
        let packs = self.0.entry(generation).or_default();
        if packs.last().is_none_or(|pack| pack.len() >= PACK_BYTES) {
            packs.push(Vec::new());
        }
        if let Some(pack) = packs.last_mut() {
            pack.extend_from_slice(&partition.0.to_le_bytes());
            pack.extend_from_slice(key);
            pack.push(note.0);
        }
    }
}

/// A checkpoint under way.
pub(super) struct Checkpoint {
    /// The last row of the journal that it covers.
    through: i64,
    records: Vec<(PartitionId, RecordKey)>,
    /// How many records there were at first.
    total: usize,
    packs: Vec<(Millis, Vec<u8>)>,
    /// Packs that began before this are expired.
    expired: Option<Millis>,
    /// Subjects that were touched last before this are idle.
    idle: Option<Millis>,
    /// Where the search for idle subjects stands.
    cursor: i64,
}

/// What a step did, to be told to the checkpoint when its transaction is through.
pub(super) enum Step {
    Records { written: Vec<(PartitionId, RecordKey, u64)>, taken: usize, bytes: usize },
    Packs(usize),
    Expired { more: bool },
    Idle { gone: Vec<RecordKey>, next: Option<i64> },
    Cut { more: bool },
}

impl Step {
    /// How much it wrote, roughly: a page for each row, besides what the row holds.
    pub(super) const fn bytes(&self) -> usize {
        match self {
            Self::Records { written, bytes, .. } => written.len() * 4_096 + *bytes,
            Self::Packs(count) => *count * PACK_BYTES,
            Self::Expired { .. } | Self::Idle { .. } | Self::Cut { .. } => 4_096,
        }
    }
}

impl Checkpoint {
    /// Begins a checkpoint of everything up to `through`, the last durable row of the journal. Subjects that were touched
    /// last before `idle` leave.
    pub(super) fn begin(
        shared: &Shared,
        fresh: &mut FreshMessages,
        through: i64,
        now: Option<Millis>,
        idle: Option<Millis>,
    ) -> Self {
        let mut records = Vec::new();
        for (id, mut partition) in shared.each() {
            records.extend(partition.cache.take_dirty().into_iter().map(|key| (id, key)));
        }
        let start = |generation| shared.generations.start(generation);
        let packs = std::mem::take(&mut fresh.0).into_iter();
        let packs = packs.flat_map(|(generation, packs)| packs.into_iter().map(move |pack| (start(generation), pack)));
        let expired = now.map(|now| start(Generations::oldest(shared.generations.of(now))));
        Self { through, total: records.len(), records, packs: packs.collect(), expired, idle, cursor: 0 }
    }

    /// Whether the next step has to have a transaction of its own: deleting idle subjects must not meet staged changes of them.
    pub(super) const fn stands_alone(&self) -> bool {
        self.records.is_empty() && self.packs.is_empty() && self.expired.is_none() && self.idle.is_some()
    }

    /// How much the next step may do beside a group that adds so many bytes to the journal.
    pub(super) fn budget(&self, group_bytes: usize, journal_bytes: u64) -> Budget {
        Budget::new(self.total, group_bytes, journal_bytes)
    }

    /// Does the next piece of work within the open transaction.
    pub(super) fn step(
        &self,
        connection: &Connection,
        shared: &Shared,
        journal: &mut Vec<u8>,
        budget: Budget,
    ) -> Result<Step, StoreError> {
        if !self.records.is_empty() {
            return self.write_records(connection, shared, budget);
        }
        if !self.packs.is_empty() {
            let mut insert = connection.prepare_cached("INSERT INTO messages (since, pack) VALUES (?1, ?2)")?;
            let last = self.packs.iter().rev().take(budget.packs);
            let written = last.map(|(since, pack)| insert.execute(params![since.0, pack])).sum::<Result<usize, _>>()?;
            return Ok(Step::Packs(written));
        }
        if let Some(before) = self.expired {
            let sql = "DELETE FROM messages WHERE row IN (SELECT row FROM messages WHERE since < ?1 LIMIT 4)";
            let deleted = connection.prepare_cached(sql)?.execute([before.0])?;
            return Ok(Step::Expired { more: deleted > 0 });
        }
        if let Some(before) = self.idle {
            return self.delete_idle(connection, shared, journal, before);
        }
        self.cut(connection, budget)
    }

    /// Takes note of a step whose transaction is through; `None` when the checkpoint is done.
    pub(super) fn stepped(mut self, step: Step, shared: &Shared) -> Result<Option<Self>, StoreError> {
        match step {
            Step::Records { written, taken, .. } => {
                for (partition, key, version) in written {
                    shared.partition(partition)?.cache.flushed(&key, version);
                }
                self.records.truncate(self.records.len().saturating_sub(taken));
            }
            Step::Packs(written) => self.packs.truncate(self.packs.len().saturating_sub(written)),
            Step::Expired { more } => self.expired = self.expired.filter(|_| more),
            Step::Idle { gone, next } => {
                for key in gone {
                    shared.partition(shared.options.partitions.of(&key))?.cache.forget(&key);
                }
                match next {
                    Some(next) => self.cursor = next,
                    None => self.idle = None,
                }
            }
            Step::Cut { more } if !more => return Ok(None),
            Step::Cut { .. } => {}
        }
        Ok(Some(self))
    }

    fn write_records(&self, connection: &Connection, shared: &Shared, budget: Budget) -> Result<Step, StoreError> {
        let mut write = connection.prepare_cached(
            "INSERT INTO records (key, version, touched, fields) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (key) DO UPDATE SET version = ?2, touched = ?3, fields = ?4",
        )?;
        let (mut written, mut taken, mut bytes) = (Vec::new(), 0, 0);
        for (partition, key) in self.records.iter().rev().take(budget.rows) {
            taken += 1;
            // It may have been forgotten since.
            let Some(record) = shared.partition(*partition)?.cache.dirty(key) else { continue };
            let version = record.version.cast_signed();
            let fields = record.fields().ok_or_else(|| unreadable(key))?;
            write.execute(params![key.to_string(), version, record.touched.0, &*fields])?;
            written.push((*partition, key.clone(), record.version));
            bytes += fields.len();
            if bytes > budget.row_bytes {
                break;
            }
        }
        Ok(Step::Records { written, taken, bytes })
    }

    /// Deletes users and accounts that were touched last before `before`, among the next rows.
    fn delete_idle(
        &self,
        connection: &Connection,
        shared: &Shared,
        journal: &mut Vec<u8>,
        before: Millis,
    ) -> Result<Step, StoreError> {
        let mut select =
            connection.prepare_cached("SELECT row, key, touched FROM records WHERE row > ?1 ORDER BY row LIMIT ?2")?;
        let (mut rows, mut gone, mut last) = (select.query([self.cursor, LOOKED_AT])?, Vec::new(), None);
        while let Some(row) = rows.next()? {
            last = Some(row.get(0)?);
            let touched: i64 = row.get(2)?;
            if touched < before.0
                && let Ok(key) = row.get_ref(1)?.as_str().unwrap_or_default().parse::<RecordKey>()
                && key.kind != RecordKind::Team
                && !is_dirty(shared, &key)?
            {
                gone.push(key);
            }
        }
        for key in &gone {
            connection.prepare_cached("DELETE FROM records WHERE key = ?1")?.execute([key.to_string()])?;
            journal::put_forget(journal, key);
        }
        Ok(Step::Idle { gone, next: last })
    }

    /// Cuts the journal's beginning.
    fn cut(&self, connection: &Connection, budget: Budget) -> Result<Step, StoreError> {
        let (mut last, mut bytes) = (None, 0);
        let mut select = connection
            .prepare_cached("SELECT seq, length(changes) FROM journal WHERE seq <= ?1 ORDER BY seq LIMIT 1000")?;
        let mut rows = select.query([self.through])?;
        while let Some(row) = rows.next()?.filter(|_| bytes < budget.journal_bytes) {
            last = Some(row.get(0)?);
            bytes += row.get::<_, i64>(1)?;
        }
        drop(rows);
        let Some(last): Option<i64> = last else { return Ok(Step::Cut { more: false }) };
        connection.prepare_cached("DELETE FROM journal WHERE seq <= ?1")?.execute([last])?;
        Ok(Step::Cut { more: last < self.through })
    }
}

fn is_dirty(shared: &Shared, key: &RecordKey) -> Result<bool, StoreError> {
    Ok(shared.partition(shared.options.partitions.of(key))?.cache.dirty(key).is_some())
}
