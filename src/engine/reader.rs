//! Reads the logs of some shards ahead of whoever applies them. A read is never cancelled: when another reader takes its place it
//! ends by itself, and what it has read is dropped. One that fails says so and ends: a store that was away may have come back with
//! less, so that whoever applies begins again at what is stored.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::Shared;
use crate::ids::{Position, ShardId};
use crate::store::{Entry, StoreError};

/// How long one read waits for entries.
const WAIT: Duration = Duration::from_millis(250);
/// How much is read of a shard at once.
const MAX_BYTES: usize = 512 * 1024;
/// How many reads are kept ahead.
const AHEAD: usize = 2;

type Read = Result<Vec<(ShardId, Vec<Entry>)>, StoreError>;

/// `None` reads nothing.
pub(super) struct Reader(Option<mpsc::Receiver<Read>>);

impl Reader {
    /// One that reads nothing.
    pub const fn idle() -> Self {
        Self(None)
    }

    /// Reads what follows the given positions.
    pub fn start(shared: Arc<Shared>, after: Vec<(ShardId, Position)>) -> Self {
        if after.is_empty() {
            return Self::idle();
        }
        let (send, receiver) = mpsc::channel(AHEAD);
        tokio::spawn(run(shared, after, send));
        Self(Some(receiver))
    }

    /// What was read next; `None` when the reader has ended, which it does by itself only where it panics.
    pub async fn next(&mut self) -> Option<Read> {
        match &mut self.0 {
            Some(receiver) => receiver.recv().await,
            // Whoever waits for it waits for something else as well.
            None => std::future::pending().await,
        }
    }

    pub fn try_next(&mut self) -> Option<Read> {
        self.0.as_mut()?.try_recv().ok()
    }
}

async fn run(shared: Arc<Shared>, mut after: Vec<(ShardId, Position)>, send: mpsc::Sender<Read>) {
    while !send.is_closed() && !shared.ended.is_cancelled() {
        let read = match shared.store.read(&after, MAX_BYTES, WAIT).await {
            Ok(read) => read,
            Err(error) => {
                let _ = send.send(Err(error)).await;
                return;
            }
        };
        for (shard, entries) in &read {
            if let (Some(last), Some((_, position))) =
                (entries.last(), after.iter_mut().find(|(known, _)| known == shard))
            {
                *position = last.position;
                shared.progress.appended(*shard, last.position);
            }
        }
        if read.iter().any(|(_, entries)| !entries.is_empty()) && send.send(Ok(read)).await.is_err() {
            return;
        }
    }
}
