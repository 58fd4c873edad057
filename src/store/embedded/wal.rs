//! Moves SQLite's write-ahead log into the file, on a thread and a connection of its own, so that the writer doesn't wait
//! for it.
//!
//! That alone never ends while the writer goes on appending, and the log would grow. So when the thread has moved nearly
//! everything, the writer moves the small rest itself and begins the log anew. A log that a killed process left behind is moved
//! when the store is opened: one that is killed again and again before it has written much would otherwise leave a longer
//! log each time, and take longer to start.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use super::schema;
use crate::store::StoreError;

/// From so many pages on the log is moved. The longer it is, the more often a page that is written again and again is moved but
/// once, and the longer a start after a crash takes.
const EVERY_PAGES: i64 = 16_384;
/// So many pages the writer moves without anybody noticing.
const REST_PAGES: i64 = 2_048;
/// How often the thread tries to get there, while the writer goes on writing.
const ROUNDS: usize = 4;
/// After a failure, for example when the disk is full, it is tried again so often.
const REST: Duration = Duration::from_secs(1);

pub(super) struct WalMover {
    orders: Option<SyncSender<()>>,
    moved: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    ordered: bool,
}

impl WalMover {
    /// To be called when nobody uses the file yet.
    pub(super) fn start(path: PathBuf, writer: &Connection) -> Result<Self, StoreError> {
        empty(writer)?;
        let (orders, receiver) = sync_channel(1);
        let moved = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&moved);
        let thread = std::thread::Builder::new()
            .name("store-wal".to_owned())
            .spawn(move || serve(&path, &receiver, &done))
            .map_err(|error| StoreError::Unavailable(format!("can't start a thread: {error}")))?;
        Ok(Self { orders: Some(orders), moved, thread: Some(thread), ordered: false })
    }

    /// To be called by the writer between transactions, when nobody waits for an answer.
    pub(super) fn tend(&mut self, writer: &Connection) {
        if self.ordered && self.moved.swap(false, Ordering::AcqRel) {
            self.ordered = false;
            // What fails here is tried again with the next round.
            let _ = checkpoint(writer, "PASSIVE");
        } else if !self.ordered && checkpoint(writer, "NOOP").is_ok_and(|log| log.pages >= EVERY_PAGES) {
            self.ordered = self.orders.as_ref().is_some_and(|orders| orders.try_send(()).is_ok());
        }
    }
}

impl Drop for WalMover {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(path: &Path, orders: &Receiver<()>, done: &AtomicBool) {
    let (mut connection, mut failing) = (None, false);
    while orders.recv().is_ok() {
        let moved = move_nearly_all(path, &mut connection);
        if let (Err(error), false) = (&moved, failing) {
            tracing::warn!(%error, path = %path.display(), "the store's write-ahead log can't be moved into its file; it grows until that works");
        } else if moved.is_ok() && failing {
            tracing::info!(path = %path.display(), "the store's write-ahead log is moved into its file again");
        }
        failing = moved.is_err();
        if failing {
            std::thread::sleep(REST);
        }
        done.store(true, Ordering::Release);
    }
}

/// Moves the log until what remains is little, or as long as the writer goes on writing.
fn move_nearly_all(path: &Path, connection: &mut Option<Connection>) -> Result<(), StoreError> {
    let connection = match connection {
        Some(connection) => connection,
        none => none.insert(schema::open_mover(path)?),
    };
    for _ in 0..ROUNDS {
        checkpoint(connection, "PASSIVE")?;
        let log = checkpoint(connection, "NOOP")?;
        if log.pages - log.moved <= REST_PAGES {
            break;
        }
    }
    Ok(())
}

/// How long the log is, and how much of it was moved.
struct Log {
    pages: i64,
    moved: i64,
}

fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<Log> {
    let mut pragma = connection.prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?;
    pragma.query_row([], |row| Ok(Log { pages: row.get(1)?, moved: row.get(2)? }))
}

/// Moves the whole log into the file and makes it empty.
pub(super) fn empty(connection: &Connection) -> Result<(), StoreError> {
    checkpoint(connection, "TRUNCATE")?;
    Ok(())
}
