//! Connections that read beside the writer. Reading may wait for the disk, so it is done on threads that may block.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use super::errors::named;
use super::file::DatabaseFile;
use super::schema;
use crate::store::StoreError;

/// How many idle connections are kept.
const KEPT: usize = 8;

/// Idle connections, and how many are in use.
#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    busy: usize,
    closed: bool,
}

struct Inner {
    path: PathBuf,
    pool: Mutex<Pool>,
    given_back: Condvar,
}

#[derive(Clone)]
pub(super) struct Readers(Arc<Inner>);

/// A connection in use. It is given back also when the reading panics, as closing waits for it.
struct Reader<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let mut pool = self.readers.pool();
        if let Some(connection) = self.connection.take().filter(|_| !pool.closed && pool.idle.len() < KEPT) {
            pool.idle.push(connection);
        }
        pool.busy -= 1;
        self.readers.0.given_back.notify_all();
    }
}

impl Readers {
    pub(super) fn new(file: &DatabaseFile) -> Self {
        Self(Arc::new(Inner { path: file.path().to_owned(), pool: Mutex::default(), given_back: Condvar::new() }))
    }

    /// Runs `read` on a thread that may block.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            let answer = readers.take().and_then(|reader| match &reader.connection {
                Some(connection) => read(connection),
                None => Err(super::closed()),
            });
            answer.map_err(|error| named(&readers.0.path, error))
        });
        task.await.unwrap_or_else(|_| Err(StoreError::Unavailable("a read was interrupted".to_owned())))
    }

    /// Closes all connections, those in use as soon as they are given back.
    pub(super) fn close(&self) {
        let mut pool = self.pool();
        pool.closed = true;
        pool.idle.clear();
        while pool.busy > 0 {
            let waited = self.0.given_back.wait_timeout(pool, Duration::from_secs(1));
            pool = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn take(&self) -> Result<Reader<'_>, StoreError> {
        let idle = {
            let mut pool = self.pool();
            if pool.closed {
                return Err(super::closed());
            }
            pool.busy += 1;
            pool.idle.pop()
        };
        let mut reader = Reader { readers: self, connection: idle };
        if reader.connection.is_none() {
            reader.connection = Some(schema::open_reader(&self.0.path)?);
        }
        Ok(reader)
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.0.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
