//! Which users and accounts there are: by the index, since a record may move to another row at any time, and keeps its hash.

use std::collections::HashMap;

use rusqlite::Connection;

use super::errors::damaged;
use super::index::{Index, KeyHash, Place};
use super::packs;
use super::records::LOOKS;
use crate::ids::RecordKey;
use crate::store::{StoreError, SubjectPage};

/// Looks at the `limit` records behind `after`, in the order of their hashes; answers the users and accounts that are wanted.
pub(super) fn page(
    connection: &Connection,
    index: &Index,
    is_wanted: impl Fn(&RecordKey) -> bool,
    after: Option<KeyHash>,
    limit: usize,
) -> Result<SubjectPage, StoreError> {
    let places = index.behind(after, limit);
    let next = places.last().filter(|_| places.len() >= limit).map(|(last, _)| last.to_string().into());
    let mut open: HashMap<KeyHash, Place> = places.into_iter().collect();
    let mut keys = Vec::with_capacity(open.len());
    for _ in 0..LOOKS {
        let mut rows: Vec<u32> = open.values().map(|place| place.row()).collect();
        rows.sort_unstable();
        rows.dedup();
        // After looking into the index, not before, as when records are read.
        let snapshot = connection.unchecked_transaction()?;
        for row in rows {
            packs::with_row(&snapshot, row, |lines| {
                for line in lines {
                    // What is dead in a row is alive in another.
                    if open.remove(&index.hash(line.key)).is_some() {
                        keys.extend(line.key.parse::<RecordKey>());
                    }
                }
            })?;
        }
        // Others were moved or deleted meanwhile.
        open = open.into_keys().filter_map(|hash| Some((hash, index.get(hash)?))).collect();
        if open.is_empty() {
            keys.retain(|key| key.kind.is_subject() && is_wanted(key));
            return Ok(SubjectPage { keys, next });
        }
    }
    Err(damaged("a record that the index names"))
}
