//! Records in packs: some records that were written together, in one row that fills a page.
//!
//! Most stores rewrite a record where it stands; with a million records that are changed at random each one is a page to be
//! read and written. Here a commit's records go together into rows that are free, full pages all, and the index is told. What
//! stood elsewhere before is dead there, until its row is free as well (see rows.rs).
//!
//! A pack is text: each record is a line with the lengths of its key and its text, the key on a line of its own, and the text.

use rusqlite::{Connection, OptionalExtension, params};
use xxhash_rust::xxh3::xxh3_64;

use super::errors::damaged;
use super::index::{KeyHash, MAX_UNITS, UNIT_BYTES};
use crate::store::StoreError;
use crate::time::push_number;

/// How long a pack is; a longer record is a pack of its own. A row of this length fills a page of 4,096 bytes, of which SQLite
/// takes 35 for itself and 16 stand before the text.
pub(super) const PACK_BYTES: usize = MAX_UNITS as usize * UNIT_BYTES;

/// Records that will become one row.
#[derive(Default)]
pub(super) struct RecordPack {
    text: String,
    pub(super) entries: Vec<(KeyHash, u32)>,
}

impl RecordPack {
    /// How many more bytes fit.
    pub(super) fn room(&self) -> usize {
        PACK_BYTES.saturating_sub(self.text.len())
    }

    /// It holds one record that needs a row of its own.
    pub(super) fn is_large(&self) -> bool {
        self.text.len() > PACK_BYTES
    }

    fn put(&mut self, hash: KeyHash, record: &str) {
        let units = u32::try_from(record.len().div_ceil(UNIT_BYTES)).map_or(MAX_UNITS, |units| units.min(MAX_UNITS));
        self.text.push_str(record);
        self.entries.push((hash, units));
    }

    /// The row's text: always of the same length, so that it takes the place of another without moving anything.
    pub(super) fn finish(&mut self) -> (&str, i64) {
        let missing = self.room();
        self.text.extend(std::iter::repeat_n(' ', missing));
        (&self.text, sum(&self.text))
    }
}

fn sum(text: &str) -> i64 {
    xxh3_64(text.as_bytes()).cast_signed()
}

/// Packs that are being filled.
#[derive(Default)]
pub(super) struct RecordPacks {
    /// All full but the last.
    packs: Vec<RecordPack>,
    line: String,
}

impl RecordPacks {
    /// Adds a record.
    pub(super) fn put(&mut self, hash: KeyHash, key: &str, text: &str) {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        push_number(&mut line, key.len() as u64);
        line.push(' ');
        push_number(&mut line, text.len() as u64);
        for part in ["\n", key, "\n", text, "\n"] {
            line.push_str(part);
        }
        self.put_line(hash, &line);
        self.line = line;
    }

    /// Adds a record as it stands in another pack.
    pub(super) fn put_line(&mut self, hash: KeyHash, line: &str) {
        let fits = |pack: &RecordPack| line.len() <= pack.room();
        match self.packs.last_mut().filter(|pack| fits(pack)) {
            Some(pack) => pack.put(hash, line),
            None => {
                let mut pack = RecordPack { text: String::with_capacity(PACK_BYTES), entries: Vec::new() };
                pack.put(hash, line);
                self.packs.push(pack);
                // So that the last one has room where there is any.
                if let [.., before, last] = self.packs.as_mut_slice()
                    && before.room() > last.room()
                {
                    std::mem::swap(before, last);
                }
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.packs.len()
    }

    pub(super) fn hashes(&self) -> impl Iterator<Item = KeyHash> {
        self.packs.iter().flat_map(|pack| pack.entries.iter().map(|(hash, _)| *hash))
    }

    /// How many more bytes fit into the last pack.
    pub(super) fn room(&self) -> usize {
        self.packs.last().map_or(0, RecordPack::room)
    }
}

impl From<RecordPack> for RecordPacks {
    fn from(pack: RecordPack) -> Self {
        Self { packs: vec![pack], line: String::new() }
    }
}

impl IntoIterator for RecordPacks {
    type Item = RecordPack;
    type IntoIter = std::vec::IntoIter<RecordPack>;

    fn into_iter(self) -> Self::IntoIter {
        self.packs.into_iter()
    }
}

/// A record as it stands in a pack.
pub(super) struct Line<'a> {
    pub(super) key: &'a str,
    pub(super) text: &'a str,
    /// All of it.
    pub(super) whole: &'a str,
}

/// The records of a pack; `None` when it is damaged.
pub(super) fn parse(mut pack: &str) -> Option<Vec<Line<'_>>> {
    let mut lines = Vec::new();
    while !pack.is_empty() && !pack.starts_with(' ') {
        let (lengths, rest) = pack.split_once('\n')?;
        let (key, text) = lengths.split_once(' ')?;
        let (key, text): (usize, usize) = (key.parse().ok()?, text.parse().ok()?);
        let line = pack.get(..lengths.len() + 1 + key + 1 + text + 1)?;
        let (key, text) = (rest.get(..key)?, rest.get(key + 1..key + 1 + text)?);
        lines.push(Line { key, text, whole: line });
        pack = pack.get(line.len()..)?;
    }
    Some(lines)
}

pub(super) fn insert(connection: &Connection, row: u32, pack: &mut RecordPack) -> Result<(), StoreError> {
    let (text, sum) = pack.finish();
    let sql = "INSERT INTO records (row, sum, pack) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.execute(params![row, sum, text])?;
    Ok(())
}

pub(super) fn update(connection: &Connection, row: u32, pack: &mut RecordPack) -> Result<(), StoreError> {
    let (text, sum) = pack.finish();
    let sql = "UPDATE records SET sum = ?2, pack = ?3 WHERE row = ?1";
    connection.prepare_cached(sql)?.execute(params![row, sum, text])?;
    Ok(())
}

/// Calls `read` with the records of a row; `None` when there is no such row.
pub(super) fn with_row<T>(
    connection: &Connection,
    row: u32,
    read: impl FnOnce(Vec<Line<'_>>) -> T,
) -> Result<Option<T>, StoreError> {
    let mut select = connection.prepare_cached("SELECT sum, pack FROM records WHERE row = ?1")?;
    let found = select.query_row([row], |found| {
        let expected: i64 = found.get(0)?;
        let text = found.get_ref(1)?.as_str().ok().filter(|text| sum(text) == expected);
        Ok(text.and_then(parse).map(read))
    });
    match found.optional()? {
        Some(Some(read)) => Ok(Some(read)),
        Some(None) => Err(damaged(&format!("the pack of records in row {row}"))),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn packs_are_read_as_they_were_written(records in prop::collection::vec((".{1,40}", "(?s).{0,900}"), 1..60)) {
            let mut packs = RecordPacks::default();
            for (key, text) in &records {
                packs.put(KeyHash::new(1, key), key, text);
            }
            let mut found = Vec::new();
            for mut pack in packs {
                let entries = pack.entries.len();
                let large = pack.is_large();
                let (text, _) = pack.finish();
                prop_assert!(text.len() == PACK_BYTES || large && text.len() > PACK_BYTES);
                let lines = parse(text).expect("it can be read");
                prop_assert_eq!(lines.len(), entries);
                prop_assert!(!large || entries == 1);
                found.extend(lines.iter().map(|line| (line.key.to_owned(), line.text.to_owned())));
            }
            // Only their order may differ.
            found.sort();
            let mut records = records;
            records.sort();
            prop_assert_eq!(found, records);
        }

        #[test]
        fn nothing_makes_the_reader_panic(pack in "[0-9 \n]{0,12}.{0,20}") {
            let _ = parse(&pack);
        }
    }
}
