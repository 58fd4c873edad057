//! A shard's log in memory: where its chunks stand, and what the newest of them hold.
//!
//! What is appended to a shard by one transaction is a chunk.

use std::collections::VecDeque;
use std::convert::Infallible;

use bytes::Bytes;

use crate::ids::Position;
use crate::store::{Entry, Progress};

/// Entries that follow each other, each with its length before it.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub(super) first: Position,
    pub(super) entries: u32,
    /// The table's row.
    pub(super) row: i64,
    /// Where it begins in its row, and how long it is.
    pub(super) offset: usize,
    pub(super) len: usize,
    /// Unless it is only in the table.
    pub(super) bytes: Option<Bytes>,
}

impl Chunk {
    /// The position of its last entry.
    pub(super) const fn last(&self) -> Position {
        Position(self.first.0 + self.entries as u64 - 1)
    }

    /// Adds the entries behind `after` to `found`, until there are `max_bytes`; says whether there is room for more.
    fn read(&self, bytes: &Bytes, after: Position, max_bytes: usize, found: &mut Found) -> bool {
        let (mut at, mut position) = (0, self.first);
        while let Some(len) = bytes.get(at..at + 4).and_then(|len| len.try_into().ok()).map(u32::from_le_bytes) {
            let payload = at + 4..at + 4 + len as usize;
            at = payload.end;
            if position > after && at <= bytes.len() {
                if !found.entries.is_empty() && found.bytes + payload.len() > max_bytes {
                    return false;
                }
                found.bytes += payload.len();
                found.entries.push(Entry { position, payload: bytes.slice(payload) });
            }
            position = position.next();
        }
        true
    }
}

/// Entries that were read, and how many bytes they have.
#[derive(Default)]
struct Found {
    entries: Vec<Entry>,
    bytes: usize,
}

/// Where a shard stands, and the chunks that no commit has passed. Only what is durable is ever in here.
#[derive(Debug, Default)]
pub(super) struct ShardLog {
    pub(super) progress: Progress,
    chunks: VecDeque<Chunk>,
    /// So many of the oldest chunks are only in the table.
    let_go: usize,
    /// Bytes in memory.
    bytes: usize,
}

impl ShardLog {
    pub(super) fn new(progress: Progress) -> Self {
        Self { progress, ..Self::default() }
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes note of what was appended.
    pub(super) fn append(&mut self, chunk: Chunk) {
        self.progress.end = chunk.last();
        self.bytes += chunk.bytes.as_ref().map_or(0, Bytes::len);
        self.chunks.push_back(chunk);
    }

    /// Takes note of commits that leave the shard at `progress`.
    pub(super) fn pass(&mut self, progress: Progress) {
        self.progress = progress;
        while let Some(chunk) = self.chunks.pop_front_if(|chunk| chunk.last() <= progress.position) {
            self.bytes -= chunk.bytes.map_or(0, |bytes| bytes.len());
            self.let_go = self.let_go.saturating_sub(1);
        }
    }

    /// The rows of chunks that a commit up to `position` passes.
    pub(super) fn rows_passed(&self, position: Position) -> impl Iterator<Item = i64> {
        self.chunks.iter().take_while(move |chunk| chunk.last() <= position).map(|chunk| chunk.row)
    }

    /// Lets go of the oldest chunk in memory; it is still in the table.
    pub(super) fn let_go_of_oldest(&mut self) {
        if let Some(chunk) = self.chunks.get_mut(self.let_go) {
            self.bytes -= chunk.bytes.take().map_or(0, |bytes| bytes.len());
            self.let_go += 1;
        }
    }

    /// What is to be read behind `after`.
    pub(super) fn behind(&self, after: Position, max_bytes: usize) -> Reading {
        let after = after.max(self.progress.position);
        let begin = self.chunks.partition_point(|chunk| chunk.last() <= after);
        let mut reading = Reading { after, max_bytes, chunks: Vec::new() };
        // Of the first chunk, entries before `after` don't count, but how many bytes they have is not known here.
        let mut behind_first = 0;
        for chunk in self.chunks.range(begin..) {
            behind_first += if reading.chunks.is_empty() { 0 } else { chunk.len };
            reading.chunks.push(chunk.clone());
            if behind_first >= max_bytes {
                break;
            }
        }
        reading
    }
}

/// Chunks that are to be read.
pub(super) struct Reading {
    after: Position,
    max_bytes: usize,
    chunks: Vec<Chunk>,
}

impl Reading {
    /// Whether a commit up to `position` may have taken what is to be read.
    pub(super) fn is_passed(&self, position: Position) -> bool {
        self.chunks.first().is_none_or(|chunk| chunk.last() <= position)
    }

    /// The entries, when all of them are in memory.
    pub(super) fn in_memory(&self) -> Option<Vec<Entry>> {
        let all = self.chunks.iter().all(|chunk| chunk.bytes.is_some());
        let Ok(entries) = self.entries(|chunk| Ok::<_, Infallible>(chunk.bytes.clone()));
        all.then_some(entries)
    }

    /// The entries, of chunks whose bytes `bytes_of` knows; up to one that is gone.
    pub(super) fn entries<E>(
        &self,
        mut bytes_of: impl FnMut(&Chunk) -> Result<Option<Bytes>, E>,
    ) -> Result<Vec<Entry>, E> {
        let mut found = Found::default();
        for chunk in &self.chunks {
            let Some(bytes) = bytes_of(chunk)? else { break };
            if !chunk.read(&bytes, self.after, self.max_bytes, &mut found) {
                break;
            }
        }
        Ok(found.entries)
    }
}

/// At the start.
impl ShardLog {
    /// Where the chunks end.
    pub(super) fn last(&self) -> Position {
        self.chunks.back().map_or(self.progress.position, Chunk::last)
    }

    /// Takes a chunk that was found in the file; answers whether it isn't passed yet. `None` when it can't be.
    pub(super) fn take_up(&mut self, chunk: Chunk) -> Option<bool> {
        if chunk.last() <= self.progress.position {
            return Some(false);
        }
        let follows = match self.chunks.back() {
            Some(before) => before.last().next() == chunk.first,
            // Of the first chunk some entries may have been passed.
            None => chunk.first <= self.progress.position.next(),
        };
        if !follows || chunk.last() > self.progress.end {
            return None;
        }
        self.chunks.push_back(chunk);
        self.let_go += 1;
        Some(true)
    }
}
