//! The file's tables and settings, and whether it is one of ours.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Tuning;
use super::errors::damaged;
use super::position::{self, ShardState};
use crate::ids::Shards;
use crate::store::StoreError;

/// Marks the file as a store of this program: `hrst`.
const APPLICATION_ID: i64 = 0x6872_7374;
/// Grows when an older program could no longer read the file.
const FORMAT: i64 = 4;

const TABLES: &str = "
-- What never changes: `format`, `shards`, `identity` (of this very database), `seed` (of the hashes of keys), and their `sum`.
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- One row: how many transactions there were, when the last was, and sums over the rows of `listed` and over the index.
CREATE TABLE steps (
  row INTEGER PRIMARY KEY,
  steps INTEGER NOT NULL,
  at INTEGER NOT NULL,
  listed INTEGER NOT NULL,
  records INTEGER NOT NULL
) STRICT;

-- How far each shard's log was applied, where it ends, how many commits there were, and a sum over the rows of remembered ids.
CREATE TABLE shards (
  shard INTEGER PRIMARY KEY,
  position INTEGER NOT NULL,
  \"end\" INTEGER NOT NULL,
  step INTEGER NOT NULL,
  ids INTEGER NOT NULL,
  sum INTEGER NOT NULL
) STRICT;

-- Entries that no commit has passed, in chunks of those of one shard.
CREATE TABLE log (row INTEGER PRIMARY KEY, sum INTEGER NOT NULL, entries BLOB NOT NULL) STRICT;

-- What commits left for the archive: the row is the shard, times 2^48, plus the number of the commit.
CREATE TABLE blocks (row INTEGER PRIMARY KEY, sum INTEGER NOT NULL, block BLOB NOT NULL) STRICT;

-- Records in packs that fill a page; which of them are alive, the index tells.
CREATE TABLE records (row INTEGER PRIMARY KEY, sum INTEGER NOT NULL, pack TEXT NOT NULL) STRICT;

-- The index: in which row a record stands, by the hash of its key. What changed since the stripes were written comes on top.
CREATE TABLE index_stripes (stripe INTEGER PRIMARY KEY, sum INTEGER NOT NULL, pack BLOB NOT NULL) STRICT;
CREATE TABLE index_changes (row INTEGER PRIMARY KEY, sum INTEGER NOT NULL, pack BLOB NOT NULL) STRICT;

-- The lists that records stand in.
CREATE TABLE listed (
  list TEXT NOT NULL,
  shard INTEGER NOT NULL,
  listed_at INTEGER NOT NULL,
  key TEXT NOT NULL,
  PRIMARY KEY (list, shard, listed_at, key)
) STRICT, WITHOUT ROWID;

-- Remembered message ids, 8 bytes each, in the order of the rows.
CREATE TABLE ids (
  row INTEGER PRIMARY KEY,
  shard INTEGER NOT NULL,
  hour INTEGER NOT NULL,
  sum INTEGER NOT NULL,
  pack BLOB NOT NULL
) STRICT;
CREATE INDEX ids_hour ON ids (shard, hour);

CREATE TABLE leads (
  id TEXT PRIMARY KEY,
  subject TEXT NOT NULL,
  definition TEXT NOT NULL,
  updated INTEGER NOT NULL,
  sum INTEGER NOT NULL,
  json TEXT NOT NULL
) STRICT;
CREATE INDEX leads_updated ON leads (updated, id);
CREATE INDEX leads_subject ON leads (subject, updated, id);
CREATE INDEX leads_definition ON leads (definition, updated, id);

CREATE TABLE rejected (seq INTEGER PRIMARY KEY AUTOINCREMENT, json TEXT NOT NULL) STRICT;
";

/// Packs of records are made for this.
const PAGE_BYTES: i64 = 4_096;

/// How much memory the writer's pages may take. Packs are written once and read seldom: more would not help.
pub(super) const CACHE_KIB: i64 = 32 << 10;

/// What never changes of a database.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meta {
    /// Tells this database from every other.
    pub(super) identity: i64,
    /// What the hashes of keys begin with.
    pub(super) seed: u64,
}

/// Opens the file for writing and makes the tables in an empty one.
pub(super) fn open(path: &Path, shards: Shards, tuning: Tuning) -> Result<(Connection, Meta), StoreError> {
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let meta = prepare(&mut connection, shards)?;
    if let Some(pages) = tuning.max_pages {
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    Ok((connection, meta))
}

/// Opens the file for reading.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.pragma_update(None, "cache_size", -8_192)?;
    Ok(connection)
}

/// Opens the file for moving the write-ahead log into it, beside the writer.
pub(super) fn open_mover(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    // The path has no links; should one come there all the same, it is not followed.
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn prepare(connection: &mut Connection, shards: Shards) -> Result<Meta, StoreError> {
    let application: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && tables > 0 {
        return Err(StoreError::Unusable(
            "this is no store of Handraiser: name another file in `store.path`".to_owned(),
        ));
    }
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    if tables == 0 {
        create(connection, shards)?;
    }
    check(connection, shards)
}

fn create(connection: &mut Connection, shards: Shards) -> Result<(), StoreError> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    let values = [FORMAT, i64::from(shards.count()), rand::random(), rand::random()];
    for (name, value) in META.into_iter().zip(values).chain([("sum", meta_sum(values))]) {
        transaction.execute("INSERT INTO meta (name, value) VALUES (?1, ?2)", params![name, value])?;
    }
    transaction.execute("INSERT INTO steps (row, steps, at, listed, records) VALUES (1, 0, 0, 0, 0)", [])?;
    for shard in shards.all() {
        position::write(&transaction, shard, ShardState::default())?;
    }
    transaction.commit()?;
    Ok(())
}

fn check(connection: &Connection, shards: Shards) -> Result<Meta, StoreError> {
    let format = meta(connection, "format")?;
    if format != FORMAT {
        return Err(StoreError::Unusable(format!(
            "its format is {format}, this program reads {FORMAT}: use the version of Handraiser that wrote it, or a newer one"
        )));
    }
    let made_with = meta(connection, "shards")?;
    if made_with != i64::from(shards.count()) {
        return Err(StoreError::Unusable(format!(
            "it was created with {made_with} shards, the configuration says {}: \
             set `store.shards` to {made_with}, or begin a new store",
            shards.count()
        )));
    }
    let (identity, seed) = (meta(connection, "identity")?, meta(connection, "seed")?);
    if meta(connection, "sum")? != meta_sum([format, made_with, identity, seed]) {
        return Err(damaged("the table `meta`"));
    }
    Ok(Meta { identity, seed: seed.cast_unsigned() })
}

const META: [&str; 4] = ["format", "shards", "identity", "seed"];

fn meta_sum(values: [i64; 4]) -> i64 {
    values.iter().fold(0, |sum, value| xxh3_64_with_seed(&value.to_le_bytes(), sum)).cast_signed()
}

fn meta(connection: &Connection, name: &str) -> Result<i64, StoreError> {
    let value = connection.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0)).optional()?;
    value.ok_or_else(|| StoreError::Unusable(format!("its `{name}` is missing: restore the file from a backup")))
}

/// A bound as SQLite takes it.
pub(super) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// The checksum of a row of binary data.
pub(super) fn row_sum(row: i64, bytes: &[u8]) -> i64 {
    xxh3_64_with_seed(bytes, row.cast_unsigned()).cast_signed()
}
