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

use rusqlite::Connection;

use super::schema;
use crate::store::StoreError;

/// After so many written bytes the log is moved.
const EVERY: usize = 32 << 20;

pub(super) struct WalMover {
    orders: Option<SyncSender<()>>,
    moved: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    written: usize,
    ordered: bool,
}

impl WalMover {
    /// To be called when nobody uses the file yet.
    pub(super) fn start(path: PathBuf) -> Result<Self, StoreError> {
        move_what_was_left(&path);
        let (orders, receiver) = sync_channel(1);
        let moved = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&moved);
        let thread = std::thread::Builder::new()
            .name("store-wal".to_owned())
            .spawn(move || serve(&path, &receiver, &done))
            .map_err(|error| StoreError::Unavailable(format!("can't start a thread: {error}")))?;
        Ok(Self { orders: Some(orders), moved, thread: Some(thread), written: 0, ordered: false })
    }

    /// Tells that the writer has appended about so many bytes.
    pub(super) const fn wrote(&mut self, bytes: usize) {
        self.written += bytes;
    }

    /// To be called by the writer between transactions, when nobody waits for an answer.
    pub(super) fn tend(&mut self, writer: &Connection) {
        if self.ordered && self.moved.swap(false, Ordering::AcqRel) {
            self.ordered = false;
            self.written = 0;
            move_log(writer, "PASSIVE");
        } else if !self.ordered && self.written >= EVERY {
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

fn move_what_was_left(path: &Path) {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let long = std::fs::metadata(log).is_ok_and(|log| log.len() >= EVERY as u64);
    if long && let Ok(connection) = schema::open_second_writer(path) {
        move_log(&connection, "TRUNCATE");
    }
}

fn serve(path: &Path, orders: &Receiver<()>, done: &AtomicBool) {
    let mut connection = None;
    while orders.recv().is_ok() {
        if connection.is_none() {
            connection = schema::open_second_writer(path).ok();
        }
        if let Some(connection) = &connection {
            move_log(connection, "PASSIVE");
        }
        // Also when it failed: the writer tries next, and what remains is moved the next time.
        done.store(true, Ordering::Release);
    }
}

/// Moves the log in the given mode. Failing is no harm: the log only grows.
pub(super) fn move_log(connection: &Connection, mode: &str) {
    let moved = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()));
    if let Err(error) = moved {
        tracing::warn!(%error, "could not move the store's write-ahead log into its file; it grows until that works");
    }
}
