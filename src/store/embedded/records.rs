//! Writing and reading records: packs, rows and index together.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::Connection;

use super::errors::damaged;
use super::index::{ByHash, Index, IndexLog, KeyHash, MAX_UNITS, Place};
use super::packs::{self, PACK_BYTES, RecordPack, RecordPacks};
use super::rows::{Rows, RowsStage, Target};
use crate::ids::RecordKey;
use crate::store::StoreError;

/// A last pack with so much room takes in what lives in sparse rows.
const ROOM_BYTES: usize = PACK_BYTES / 4;
/// How many sparse rows a transaction empties at most, for each row that it fills, and besides.
const EMPTIED_PER_ROW: usize = 3;
const EMPTIED: usize = 4;

/// How often a record that isn't where the index said is looked for anew.
pub(super) const LOOKS: usize = 5;

/// The records of one request: its commits write and delete each of them once.
#[derive(Default)]
pub(super) struct RecordWrites {
    pub(super) packs: RecordPacks,
    pub(super) deleted: Vec<KeyHash>,
}

/// The records of a group.
#[derive(Default)]
pub(super) struct RecordsStage {
    changes: HashMap<KeyHash, Option<Place>, ByHash>,
    rows: RowsStage,
    /// The last pack, which may have room.
    last: Option<RecordPack>,
    /// How many packs there were.
    packs: usize,
    /// What changes of the sum over the index.
    sum: i64,
}

/// What is to be published when the transaction is through.
pub(super) struct RecordsDone {
    changes: HashMap<KeyHash, Option<Place>, ByHash>,
    rows: RowsStage,
    log: IndexLog,
    pub(super) sum: i64,
}

/// The writer's side of the records.
pub(super) struct Records {
    pub(super) index: Arc<Index>,
    rows: Rows,
    log: IndexLog,
    /// Over the index.
    sum: i64,
}

impl Records {
    /// Reads where the records stand; `sum` is that over the index.
    pub(super) fn open(connection: &Connection, seed: u64, sum: i64) -> Result<Self, StoreError> {
        let (index, log) = Index::open(connection, seed, sum)?;
        let last = connection.query_row("SELECT coalesce(max(row), 0) FROM records", [], |row| row.get(0))?;
        let rows = Rows::new(&index, last)?;
        Ok(Self { index: Arc::new(index), rows, log, sum })
    }

    /// Stages the records of one request.
    pub(super) fn stage(
        &self,
        connection: &Connection,
        stage: &mut RecordsStage,
        writes: RecordWrites,
    ) -> Result<(), StoreError> {
        for pack in writes.packs {
            stage.packs += 1;
            if let Some(mut before) = stage.last.replace(pack) {
                self.write_pack(connection, stage, &mut before)?;
            }
        }
        for hash in writes.deleted {
            if let Some(old) = self.place(stage, hash) {
                self.rows.remove(&mut stage.rows, old);
                stage.sum ^= old.sum(hash);
                stage.changes.insert(hash, None);
            }
        }
        Ok(())
    }

    /// To be called between two requests: the second may write the same records.
    pub(super) fn flush(&self, connection: &Connection, stage: &mut RecordsStage) -> Result<(), StoreError> {
        let last = stage.last.take();
        last.map_or(Ok(()), |mut last| self.write_pack(connection, stage, &mut last))
    }

    /// Stages what remains of a group.
    pub(super) fn finish(
        &mut self,
        connection: &Connection,
        mut stage: RecordsStage,
    ) -> Result<RecordsDone, StoreError> {
        if let Some(last) = stage.last.take() {
            let mut packs = RecordPacks::from(last);
            self.empty_sparse_rows(connection, &mut stage, &mut packs)?;
            for mut pack in packs {
                self.write_pack(connection, &mut stage, &mut pack)?;
            }
        }
        let log = self.log.write(connection, &self.index, &stage.changes)?;
        Ok(RecordsDone { changes: stage.changes, rows: stage.rows, log, sum: self.sum ^ stage.sum })
    }

    /// Takes what lives in sparse rows into `packs`: as much as has room there anyhow, and so much that the next group finds as
    /// many free rows as this one filled.
    fn empty_sparse_rows(
        &mut self,
        connection: &Connection,
        stage: &mut RecordsStage,
        packs: &mut RecordPacks,
    ) -> Result<(), StoreError> {
        // What these packs bring is not among the changes yet; it is newer than what stands in any row.
        let brought: Vec<KeyHash> = packs.hashes().collect();
        for emptied in 0..EMPTIED_PER_ROW * stage.packs + EMPTIED {
            let free = self.rows.free_afterwards(&stage.rows) + emptied;
            if packs.room() < ROOM_BYTES && free >= stage.packs + packs.len() {
                break;
            }
            let Some(sparse) = self.rows.sparsest(&mut stage.rows) else { break };
            packs::with_row(connection, sparse, |lines| {
                for line in lines {
                    let hash = self.index.hash(line.key);
                    let changed = stage.changes.contains_key(&hash) || brought.contains(&hash);
                    // Else it is dead: written or deleted since.
                    if !changed && self.index.get(hash).is_some_and(|place| place.row() == sparse) {
                        packs.put_line(hash, line.whole);
                    }
                }
            })?;
        }
        Ok(())
    }

    fn write_pack(
        &self,
        connection: &Connection,
        stage: &mut RecordsStage,
        pack: &mut RecordPack,
    ) -> Result<(), StoreError> {
        let target = match self.row_of_large(stage, pack) {
            Some(row) => Target::Row(row),
            None => self.rows.take(&mut stage.rows)?,
        };
        match target {
            Target::Row(row) => packs::update(connection, row, pack)?,
            Target::New(row) => packs::insert(connection, row, pack)?,
        }
        for (hash, units) in &pack.entries {
            let place = Place::new(target.row(), *units);
            let old = self.place(stage, *hash);
            self.rows.add(&mut stage.rows, place);
            stage.sum ^= place.sum(*hash);
            if let Some(old) = old {
                self.rows.remove(&mut stage.rows, old);
                stage.sum ^= old.sum(*hash);
            }
            stage.changes.insert(*hash, Some(place));
        }
        Ok(())
    }

    /// A record that needs a row of its own, and has one, is rewritten there. Readers find it there before and after.
    fn row_of_large(&self, stage: &RecordsStage, pack: &RecordPack) -> Option<u32> {
        let (hash, _) = pack.entries.first().filter(|_| pack.is_large())?;
        self.place(stage, *hash).filter(|place| place.units() == MAX_UNITS).map(Place::row)
    }

    /// The transaction is through.
    pub(super) fn publish(&mut self, done: RecordsDone) {
        self.index.publish(done.changes);
        self.rows.publish(done.rows);
        self.log = done.log;
        self.sum = done.sum;
    }

    /// The transaction failed.
    pub(super) fn roll_back(&mut self) {
        self.rows.classify();
    }

    /// Where a record stands with what is staged.
    fn place(&self, stage: &RecordsStage, hash: KeyHash) -> Option<Place> {
        stage.changes.get(&hash).copied().unwrap_or_else(|| self.index.get(hash))
    }
}

/// A record that is looked for.
struct Wanted<'a> {
    /// Which of those asked for.
    at: usize,
    key: &'a str,
    hash: KeyHash,
    row: u32,
}

/// Reads the texts of `keys`, in that order.
pub(super) fn load(
    connection: &Connection,
    index: &Index,
    keys: &[RecordKey],
) -> Result<Vec<Option<Box<str>>>, StoreError> {
    let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
    let mut texts = vec![None; keys.len()];
    let wanted = keys.iter().enumerate().map(|(at, key)| Wanted { at, key, hash: index.hash(key), row: 0 });
    let mut wanted: Vec<_> = wanted.collect();
    for _ in 0..LOOKS {
        wanted.retain_mut(|wanted| {
            let place = index.get(wanted.hash);
            wanted.row = place.map_or(0, Place::row);
            place.is_some()
        });
        if wanted.is_empty() {
            return Ok(texts);
        }
        wanted.sort_unstable_by_key(|wanted| wanted.row);
        // After looking into the index, not before: what is read must be as new as what the index said, or newer.
        let snapshot = connection.unchecked_transaction()?;
        for of_row in wanted.chunk_by(|a, b| a.row == b.row) {
            load_row(&snapshot, of_row, &mut texts)?;
        }
        // Others were moved meanwhile, and their rows used anew.
        wanted.retain(|wanted| texts.get(wanted.at).is_some_and(Option::is_none));
    }
    let lost = wanted.first().map_or("?", |wanted| wanted.key);
    if wanted.is_empty() { Ok(texts) } else { Err(damaged(&format!("the record of {lost}"))) }
}

fn load_row(connection: &Connection, wanted: &[Wanted<'_>], texts: &mut [Option<Box<str>>]) -> Result<(), StoreError> {
    let Some(first) = wanted.first() else { return Ok(()) };
    let read = packs::with_row(connection, first.row, |lines| {
        for Wanted { at, key, .. } in wanted {
            let found = lines.iter().find(|line| line.key == *key);
            if let (Some(text), Some(found)) = (texts.get_mut(*at), found) {
                *text = Some(Box::from(found.text));
            }
        }
    });
    match read {
        Err(StoreError::Unusable(why)) => Err(StoreError::Unusable(format!("{} can't be read: {why}", first.key))),
        other => other.map(drop),
    }
}
