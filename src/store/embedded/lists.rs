//! The agenda: which record stands in which list, and since or until when.
//!
//! A row that vanished would be a delivery that never happens. So a sum over all rows is kept with every transaction, and
//! compared when the file is opened.

use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::errors::damaged;
use super::schema::limit;
use crate::ids::{RecordKey, ShardId};
use crate::store::{ListName, ListStats, Listed, Listing, StoreError};
use crate::time::Millis;

/// A record that leaves a list, or comes into one, or both.
pub(super) struct Relisted {
    pub(super) shard: ShardId,
    pub(super) key: String,
    pub(super) was: Option<Listed>,
    pub(super) listed: Option<Listed>,
}

/// What a row adds to the sum over all of them, which their order doesn't change. Adding it is the same as taking it away.
fn sum_of(list: &str, shard: ShardId, at: i64, key: &str) -> i64 {
    let place = xxh3_64_with_seed(list.as_bytes(), at.cast_unsigned().rotate_left(16) ^ u64::from(shard.0));
    xxh3_64_with_seed(key.as_bytes(), place).cast_signed()
}

/// Moves records between lists.
pub(super) fn write(connection: &Connection, relisted: &[Relisted], sum: &mut i64) -> Result<(), StoreError> {
    let mut delete = connection
        .prepare_cached("DELETE FROM listed WHERE list = ?1 AND shard = ?2 AND listed_at = ?3 AND key = ?4")?;
    let mut insert = connection
        .prepare_cached("INSERT OR IGNORE INTO listed (list, shard, listed_at, key) VALUES (?1, ?2, ?3, ?4)")?;
    for Relisted { shard, key, was, listed } in relisted {
        for (place, change) in [(was, &mut delete), (listed, &mut insert)] {
            let Some(Listed { list, at }) = place else { continue };
            if change.execute(params![list.as_str(), shard.0, at.0, key])? > 0 {
                *sum ^= sum_of(list.as_str(), *shard, at.0, key);
            }
        }
    }
    Ok(())
}

/// Makes sure that all rows are there as they were written.
pub(super) fn verify(connection: &Connection, expected: i64) -> Result<(), StoreError> {
    let mut select = connection.prepare("SELECT list, shard, listed_at, key FROM listed")?;
    let (mut rows, mut found) = (select.query([])?, 0);
    while let Some(row) = rows.next()? {
        let text = |at| Ok::<_, StoreError>(row.get_ref(at)?.as_str().unwrap_or_default());
        found ^= sum_of(text(0)?, ShardId(row.get(1)?), row.get(2)?, text(3)?);
    }
    if found == expected { Ok(()) } else { Err(damaged("the table of listed records")) }
}

fn place(row: &Row<'_>) -> rusqlite::Result<(Millis, RecordKey)> {
    let key = row.get_ref(1)?.as_str()?.parse();
    let key = key.map_err(|error| rusqlite::Error::FromSqlConversionFailure(1, Type::Text, Box::new(error)))?;
    Ok((Millis(row.get(0)?), key))
}

pub(super) fn due(
    connection: &Connection,
    shard: ShardId,
    list: &ListName,
    until: Millis,
    count: usize,
) -> Result<Listing, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT listed_at, key FROM listed WHERE list = ?1 AND shard = ?2 AND listed_at <= ?3 ORDER BY listed_at LIMIT ?4",
    )?;
    let rows = select.query_map(params![list.as_str(), shard.0, until.0, limit(count)], place)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The newest of a shard's list.
pub(super) fn newest(
    connection: &Connection,
    shard: ShardId,
    list: &ListName,
    count: usize,
) -> Result<Listing, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT listed_at, key FROM listed WHERE list = ?1 AND shard = ?2 ORDER BY listed_at DESC, key DESC LIMIT ?3",
    )?;
    let rows = select.query_map(params![list.as_str(), shard.0, limit(count)], place)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn stats(connection: &Connection) -> Result<Vec<ListStats>, StoreError> {
    let mut select =
        connection.prepare_cached("SELECT list, count(*), min(listed_at) FROM listed GROUP BY list ORDER BY list")?;
    let rows = select.query_map([], |row| {
        let records: i64 = row.get(1)?;
        let list = ListName::new(row.get_ref(0)?.as_str()?);
        Ok(ListStats { list, records: records.cast_unsigned(), earliest: Millis(row.get(2)?) })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
