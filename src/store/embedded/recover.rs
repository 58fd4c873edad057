//! Opening: the tables as the last checkpoint left them, brought up to date by the journal.

use std::collections::HashSet;

use rusqlite::Connection;

use super::checkpoint::{FreshMessages, MESSAGE_BYTES};
use super::codec::{Bytes, Packed};
use super::group::MessageSink;
use super::journal::{self, Change};
use super::shared::{Shared, unreadable};
use super::tables;
use crate::identity::{PartitionId, RecordKey};
use crate::store::{EntryState, Note, StoreError, Write};
use crate::time::Millis;

/// What the writer goes on from.
#[derive(Default)]
pub(super) struct Recovered {
    pub(super) last_journal: i64,
    pub(super) last_entry: i64,
    pub(super) journal_bytes: u64,
    pub(super) fresh: FreshMessages,
    pub(super) now: Option<Millis>,
    /// Records with a change in the journal that does not follow from what is in their table. That is right only where the
    /// record was forgotten later.
    gaps: HashSet<RecordKey>,
}

/// Fills `shared` with what is durable.
pub(super) fn recover(connection: &Connection, shared: &Shared) -> Result<Recovered, StoreError> {
    let mut recovered = Recovered { last_entry: tables::last_seq(connection)?, ..Recovered::default() };
    restore_queue(connection, shared)?;
    restore_messages(connection, shared)?;
    recovered.replay(connection, shared)?;
    match recovered.gaps.iter().next() {
        None => Ok(recovered),
        Some(key) => Err(StoreError::Unusable(format!(
            "the journal has a gap in the history of {key}: restore the store's file from a backup"
        ))),
    }
}

fn restore_queue(connection: &Connection, shared: &Shared) -> Result<(), StoreError> {
    let mut failure = Ok(());
    tables::each_placed(connection, |placed| {
        let mut partition = match shared.partition(placed.partition) {
            Ok(partition) => partition,
            Err(error) => return failure = Err(error),
        };
        if placed.state == tables::state_number(EntryState::Done) {
            partition.queue.restore_done(&placed.queue, placed.item.seq, placed.item.id);
        } else if placed.state == tables::state_number(EntryState::Dead) {
            partition.queue.restore_dead(&placed.queue, placed.item.id);
        } else {
            partition.queue.apply(&placed.queue, super::queue::QueueChange::Add(placed.item));
        }
    })?;
    failure
}

fn restore_messages(connection: &Connection, shared: &Shared) -> Result<(), StoreError> {
    let mut select = connection.prepare("SELECT since, pack FROM messages ORDER BY since")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let generation = shared.generations.of(Millis(row.get(0)?));
        let pack = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        for message in pack.chunks_exact(MESSAGE_BYTES) {
            let unreadable = || StoreError::Unusable("a pack of messages can't be read".to_owned());
            let (partition, key, note) = message_of(message).ok_or_else(unreadable)?;
            shared.partition(partition)?.messages.insert(key, note, generation);
        }
    }
    Ok(())
}

fn message_of(bytes: &[u8]) -> Option<(PartitionId, super::messages::MessageKey, Note)> {
    let mut bytes = Bytes(bytes);
    let partition = u16::from_le_bytes(bytes.take(2)?.try_into().ok()?);
    Some((PartitionId(partition), bytes.take(12)?.try_into().ok()?, Note(bytes.byte()?)))
}

impl Recovered {
    fn replay(&mut self, connection: &Connection, shared: &Shared) -> Result<(), StoreError> {
        let mut select = connection.prepare("SELECT seq, changes FROM journal ORDER BY seq")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            self.last_journal = row.get(0)?;
            let changes = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            self.journal_bytes += changes.len() as u64;
            let mut bytes = Bytes(changes);
            while !bytes.is_empty() {
                let unreadable =
                    || StoreError::Unusable(format!("row {} of the journal can't be read", self.last_journal));
                let change = journal::next(&mut bytes).ok_or_else(unreadable)?;
                self.apply(connection, shared, change)?;
            }
        }
        Ok(())
    }

    fn apply(&mut self, connection: &Connection, shared: &Shared, change: Change) -> Result<(), StoreError> {
        match change {
            Change::Commit { partition, now, writes, remember } => {
                self.now = self.now.max(Some(now));
                for write in writes {
                    self.write(connection, shared, partition, now, write)?;
                }
                let generation = shared.generations.of(now);
                let messages = &mut shared.partition(partition)?.messages;
                for (key, note) in remember {
                    messages.insert(key, note, generation);
                    self.fresh.message(generation, partition, &key, note);
                }
            }
            Change::Forget(key) => {
                self.gaps.remove(&key);
                // Its row in the table, if there is one, is that of a later life.
                shared.partition(shared.options.partitions.of(&key))?.cache.forget(&key);
            }
        }
        Ok(())
    }

    fn write(
        &mut self,
        connection: &Connection,
        shared: &Shared,
        partition: PartitionId,
        now: Millis,
        write: Write,
    ) -> Result<(), StoreError> {
        let base = shared.record(connection, partition, &write.key)?;
        let version = base.as_ref().map_or(0, |base| base.version);
        if write.expected == version {
            let key = write.key.clone();
            let changed = Packed::changed(base.as_deref(), write, now).ok_or_else(|| unreadable(&key))?;
            shared.partition(partition)?.cache.publish(key, changed.into());
        } else if write.expected > version {
            self.gaps.insert(write.key);
        }
        Ok(())
    }
}
