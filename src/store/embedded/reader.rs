//! Connections that read beside the writer. Reading may wait for the disk, so it is done on threads that may block.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension};

use super::codec::Packed;
use super::schema;
use crate::identity::RecordKey;
use crate::store::StoreError;
use crate::time::Millis;

/// How many idle connections are kept.
const KEPT: usize = 8;

#[derive(Clone)]
pub(super) struct Readers {
    path: Arc<PathBuf>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path: Arc::new(path), idle: Arc::default() }
    }

    /// Runs `read` on a thread that may block.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            let connection = readers.connection()?;
            let answer = read(&connection);
            readers.give_back(connection);
            answer
        });
        task.await.unwrap_or_else(|_| Err(StoreError::Unavailable("a read was interrupted".to_owned())))
    }

    fn connection(&self) -> Result<Connection, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| Ok(schema::open_reader(&self.path)?), Ok)
    }

    fn give_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(connection);
        }
    }
}

/// Reads a record from its table, where changes since the last checkpoint are missing.
pub(super) fn record(connection: &Connection, key: &RecordKey) -> Result<Option<Arc<Packed>>, StoreError> {
    let mut select = connection.prepare_cached("SELECT version, touched, fields FROM records WHERE key = ?1")?;
    let found = select.query_row([key.to_string()], |row| {
        let version: i64 = row.get(0)?;
        let fields = row.get_ref(2)?.as_blob()?.into();
        Ok(Packed::stored(version.cast_unsigned(), Millis(row.get(1)?), fields))
    });
    Ok(found.optional()?.map(Arc::new))
}
