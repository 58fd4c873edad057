//! The table of the log.
//!
//! Chunks of little are written into one row for all shards, so that a transaction of a few entries touches few pages; chunks of
//! much have a row each, so that a shard that lags doesn't hold what others have long passed.

use std::collections::{BTreeMap, HashMap};

use bytes::{BufMut, Bytes};
use rusqlite::{Connection, OptionalExtension, params};

use super::errors::damaged;
use super::log::{Chunk, Reading, ShardLog};
use super::schema::row_sum;
use crate::ids::{Position, ShardId, Shards};
use crate::store::{Append, Entry, Progress, StoreError};

/// Up to so many bytes the chunks of all shards share a row.
const SHARED_ROW_BYTES: usize = 64 << 10;
/// A chunk takes no more entries after so many bytes.
const CHUNK_BYTES: usize = 256 << 10;
/// What stands before a chunk in its row: shard, number of entries, position of the first, bytes.
const HEAD_BYTES: usize = 2 + 4 + 8 + 4;

/// Rows that were read for one shard and may hold chunks of another.
#[derive(Default)]
pub(super) struct ReadRows(HashMap<i64, Bytes>);

impl ReadRows {
    /// The entries of `reading`, from the table where need be; up to a row that is gone.
    pub(super) fn read(&mut self, connection: &Connection, reading: &Reading) -> Result<Vec<Entry>, StoreError> {
        reading.entries(|chunk| match &chunk.bytes {
            Some(bytes) => Ok(Some(bytes.clone())),
            None => Ok(self.get(connection, chunk.row)?.map(|row| row.slice(chunk.offset..chunk.offset + chunk.len))),
        })
    }

    fn get(&mut self, connection: &Connection, row: i64) -> Result<Option<Bytes>, StoreError> {
        if let Some(bytes) = self.0.get(&row) {
            return Ok(Some(bytes.clone()));
        }
        let mut select = connection.prepare_cached("SELECT sum, entries FROM log WHERE row = ?1")?;
        let read = select.query_row([row], |found| Ok((found.get::<_, i64>(0)?, found.get::<_, Vec<u8>>(1)?)));
        let Some((expected, bytes)) = read.optional()? else { return Ok(None) };
        if row_sum(row, &bytes) != expected {
            return Err(damaged(&format!("row {row} of the log")));
        }
        let bytes = Bytes::from(bytes);
        self.0.insert(row, bytes.clone());
        Ok(Some(bytes))
    }
}

/// How many chunks of each row no commit has passed; only the writer knows of it.
#[derive(Default)]
pub(super) struct LogRows {
    chunks: BTreeMap<i64, usize>,
    last: i64,
}

/// What a group appends.
#[derive(Default)]
pub(super) struct LogStage {
    filling: BTreeMap<ShardId, (Position, u32, Vec<u8>)>,
    full: Vec<(ShardId, Position, u32, Vec<u8>)>,
}

/// What is to be published when the transaction is through.
#[derive(Default)]
pub(super) struct LogDone {
    pub(super) chunks: Vec<(ShardId, Chunk)>,
    rows_passed: BTreeMap<i64, usize>,
}

impl LogDone {
    /// The group passes all chunks of a shard up to `position`.
    pub(super) fn pass(&mut self, shard: &ShardLog, position: Position) {
        for row in shard.rows_passed(position) {
            *self.rows_passed.entry(row).or_default() += 1;
        }
    }
}

impl LogStage {
    /// Appends an entry to its shard's log.
    pub(super) fn push(&mut self, entry: &Append, position: Position) -> Result<(), StoreError> {
        let len = u32::try_from(entry.payload.len());
        let len = len.map_err(|_| StoreError::Unusable("an entry of 4 GB or more can't be stored".to_owned()))?;
        let (_, entries, bytes) = self.filling.entry(entry.shard).or_insert_with(|| (position, 0, Vec::new()));
        bytes.reserve(entry.payload.len() + 4);
        bytes.put_u32_le(len);
        bytes.extend_from_slice(&entry.payload);
        *entries += 1;
        if bytes.len() >= CHUNK_BYTES {
            self.finish_chunk(entry.shard);
        }
        Ok(())
    }

    fn finish_chunk(&mut self, shard: ShardId) {
        let chunk = self.filling.remove(&shard);
        self.full.extend(chunk.map(|(first, entries, bytes)| (shard, first, entries, bytes)));
    }

    fn chunks(mut self) -> Vec<(ShardId, Position, u32, Vec<u8>)> {
        while let Some((shard, (first, entries, bytes))) = self.filling.pop_first() {
            self.full.push((shard, first, entries, bytes));
        }
        self.full
    }
}

impl LogRows {
    /// Writes what a group appends.
    pub(super) fn write(&self, connection: &Connection, stage: LogStage) -> Result<LogDone, StoreError> {
        let chunks = stage.chunks();
        let shared = chunks.iter().map(|(.., bytes)| bytes.len()).sum::<usize>() <= SHARED_ROW_BYTES;
        let mut insert = connection.prepare_cached("INSERT INTO log (row, sum, entries) VALUES (?1, ?2, ?3)")?;
        let mut write = |row: i64, bytes: &[u8]| insert.execute(params![row, row_sum(row, bytes), bytes]);
        let (mut row, mut text, mut done) = (self.last + 1, Vec::new(), LogDone::default());
        for (shard, first, entries, bytes) in chunks {
            text.put_u16_le(shard.0);
            text.put_u32_le(entries);
            text.put_u64_le(first.0);
            text.put_u32_le(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
            let (offset, len) = (text.len(), bytes.len());
            text.extend_from_slice(&bytes);
            done.chunks.push((shard, Chunk { first, entries, row, offset, len, bytes: Some(Bytes::from(bytes)) }));
            if !shared {
                write(row, &text)?;
                row += 1;
                text.clear();
            }
        }
        if !text.is_empty() {
            write(row, &text)?;
        }
        Ok(done)
    }

    /// Deletes the rows that hold nothing any more.
    pub(super) fn delete_passed(&self, connection: &Connection, done: &LogDone) -> Result<(), StoreError> {
        let empty = done.rows_passed.iter().filter(|(row, passed)| self.chunks.get(row) == Some(passed));
        let mut delete = connection.prepare_cached("DELETE FROM log WHERE row BETWEEN ?1 AND ?2")?;
        let mut range: Option<(i64, i64)> = None;
        for (row, _) in empty {
            range = match range {
                Some((first, last)) if last + 1 == *row => Some((first, *row)),
                before => {
                    before.map_or(Ok(0), |(first, last)| delete.execute([first, last]))?;
                    Some((*row, *row))
                }
            };
        }
        range.map_or(Ok(0), |(first, last)| delete.execute([first, last]))?;
        Ok(())
    }

    /// The group is durable.
    pub(super) fn publish(&mut self, done: &LogDone) {
        for (_, chunk) in &done.chunks {
            *self.chunks.entry(chunk.row).or_default() += 1;
            self.last = self.last.max(chunk.row);
        }
        for (row, passed) in &done.rows_passed {
            if let Some(chunks) = self.chunks.get_mut(row) {
                *chunks -= *passed;
                if *chunks == 0 {
                    self.chunks.remove(row);
                }
            }
        }
    }

    /// Reads all logs, and makes sure that every entry between a shard's position and its end is there as it was written.
    pub(super) fn open(
        connection: &Connection,
        shards: Shards,
        progress: &[Progress],
    ) -> Result<(Vec<ShardLog>, Self), StoreError> {
        let mut logs: Vec<_> = progress.iter().map(|progress| ShardLog::new(*progress)).collect();
        let mut rows = Self::default();
        let mut select = connection.prepare("SELECT row, sum, entries FROM log ORDER BY row")?;
        let mut found = select.query([])?;
        while let Some(found) = found.next()? {
            let row = found.get(0)?;
            rows.last = row;
            let bytes = found.get_ref(2)?.as_blob().unwrap_or_default();
            let torn = || damaged(&format!("row {row} of the log"));
            if row_sum(row, bytes) != found.get::<_, i64>(1)? {
                return Err(torn());
            }
            for (shard, chunk) in chunks_of(row, bytes).ok_or_else(torn)? {
                let log = logs.get_mut(usize::from(shard.0)).ok_or_else(torn)?;
                if log.take_up(chunk).ok_or_else(torn)? {
                    *rows.chunks.entry(row).or_default() += 1;
                }
            }
        }
        for (shard, log) in shards.all().zip(&logs) {
            let last = log.last();
            if last != log.progress.end {
                return Err(damaged(&format!("the log of {shard}, which has nothing behind position {last},")));
            }
        }
        Ok((logs, rows))
    }
}

/// The chunks of a row; `None` when they can't be read.
fn chunks_of(row: i64, bytes: &[u8]) -> Option<Vec<(ShardId, Chunk)>> {
    let (mut chunks, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let head = bytes.get(at..at + HEAD_BYTES)?;
        let (shard, head) = head.split_first_chunk()?;
        let (entries, head) = head.split_first_chunk()?;
        let (first, head) = head.split_first_chunk()?;
        let (len, _) = head.split_first_chunk()?;
        let (first, entries) = (Position(u64::from_le_bytes(*first)), u32::from_le_bytes(*entries));
        let (offset, len) = (at + HEAD_BYTES, u32::from_le_bytes(*len) as usize);
        at = offset + len;
        if at > bytes.len() || entries == 0 {
            return None;
        }
        let shard = ShardId(u16::from_le_bytes(*shard));
        chunks.push((shard, Chunk { first, entries, row, offset, len, bytes: None }));
    }
    Some(chunks)
}
