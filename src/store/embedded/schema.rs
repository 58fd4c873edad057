//! The file: its tables, its settings, and whether it is one of ours.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::identity::Partitions;
use crate::store::StoreError;

/// Marks the file as a store of this program: `hrst`.
const APPLICATION_ID: i64 = 0x6872_7374;
/// Grows when an older program could no longer read the file.
const FORMAT: i64 = 2;

const TABLES: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- Group commits since the last checkpoint; `checkpoint` moves them into records and messages.
CREATE TABLE journal (seq INTEGER PRIMARY KEY, changes BLOB NOT NULL) STRICT;

-- The state of users, accounts and teams, as of some moment after the last checkpoint began.
CREATE TABLE records (
  row INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  version INTEGER NOT NULL,
  touched INTEGER NOT NULL,
  fields BLOB NOT NULL
) STRICT;

-- Remembered messages in packs, by the moment at which their generation began.
CREATE TABLE messages (row INTEGER PRIMARY KEY, since INTEGER NOT NULL, pack BLOB NOT NULL) STRICT;
CREATE INDEX messages_since ON messages (since);

CREATE TABLE leads (
  id TEXT PRIMARY KEY,
  subject TEXT NOT NULL,
  definition TEXT NOT NULL,
  updated INTEGER NOT NULL,
  json TEXT NOT NULL
) STRICT;
CREATE INDEX leads_updated ON leads (updated, id);
CREATE INDEX leads_subject ON leads (subject, updated, id);
CREATE INDEX leads_definition ON leads (definition, updated, id);

-- `seq` is the order of adding. `listed` is when the entry was settled, else created.
CREATE TABLE queue (
  seq INTEGER PRIMARY KEY,
  partition INTEGER NOT NULL,
  queue TEXT NOT NULL,
  id TEXT NOT NULL,
  lane TEXT,
  subject TEXT NOT NULL,
  state INTEGER NOT NULL,
  listed INTEGER NOT NULL,
  due INTEGER NOT NULL,
  created INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  last_error TEXT,
  payload TEXT NOT NULL
) STRICT;
CREATE INDEX queue_listed ON queue (state, listed, seq);
CREATE INDEX queue_subject ON queue (subject);

CREATE TABLE rejected (seq INTEGER PRIMARY KEY AUTOINCREMENT, json TEXT NOT NULL) STRICT;
";

/// What an error of SQLite means to a caller: damaged files need an operator, all else may pass.
pub(super) fn failed(error: &rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match error.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => StoreError::Unusable(format!("the store's file is damaged: {error}")),
        _ => StoreError::Unavailable(error.to_string()),
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        failed(&error)
    }
}

/// Opens the file for writing; creates it, and the directory that it stands in, when there is none.
pub(super) fn open(path: &Path, partitions: Partitions) -> Result<Connection, StoreError> {
    let named = |error: StoreError| match error {
        StoreError::Unavailable(why) => StoreError::Unavailable(format!("can't open {}: {why}", path.display())),
        StoreError::Unusable(why) => StoreError::Unusable(format!("{}: {why}", path.display())),
    };
    let mut connection = connect(path, OpenFlags::default()).map_err(|error| named(error.into()))?;
    prepare(&mut connection, partitions).map_err(named)?;
    Ok(connection)
}

/// Opens the file for reading.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = connect(path, flags)?;
    connection.pragma_update(None, "cache_size", -8_192)?;
    Ok(connection)
}

/// Opens the file for moving the write-ahead log into it, beside the writer.
pub(super) fn open_second_writer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path, OpenFlags::default())?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn prepare(connection: &mut Connection, partitions: Partitions) -> Result<(), StoreError> {
    let application: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && tables > 0 {
        return Err(StoreError::Unusable(
            "this is no store of Handraiser: name another file in `store.path`".to_owned(),
        ));
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "cache_size", -32_768)?;
    if tables == 0 {
        create(connection, partitions)?;
    }
    check(connection, partitions)
}

fn create(connection: &mut Connection, partitions: Partitions) -> Result<(), StoreError> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    for (name, value) in [("format", FORMAT), ("partitions", i64::from(partitions.count()))] {
        transaction.execute("INSERT INTO meta (name, value) VALUES (?1, ?2)", params![name, value])?;
    }
    transaction.commit()?;
    Ok(())
}

fn check(connection: &Connection, partitions: Partitions) -> Result<(), StoreError> {
    let format = meta(connection, "format")?;
    if format != FORMAT {
        return Err(StoreError::Unusable(format!(
            "its format is {format}, this program reads {FORMAT}: use the version of Handraiser that wrote it, or a newer one"
        )));
    }
    let made_with = meta(connection, "partitions")?;
    if made_with != i64::from(partitions.count()) {
        return Err(StoreError::Unusable(format!(
            "it was created with {made_with} partitions, the configuration says {}: \
             set `store.partitions` to {made_with}, or begin a new store",
            partitions.count()
        )));
    }
    Ok(())
}

fn meta(connection: &Connection, name: &str) -> Result<i64, StoreError> {
    let value = connection.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0)).optional()?;
    value.ok_or_else(|| StoreError::Unusable(format!("its `{name}` is missing: restore the file from a backup")))
}
