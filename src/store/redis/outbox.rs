//! What a process knows of a shard's outbox, on a cluster.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::Mutex;

/// The outbox of a shard, as this process knows it.
#[derive(Default)]
pub(super) struct Outbox {
    /// Held by whoever relays.
    pub arrived: Arc<Mutex<Arrived>>,
    /// A commit has left messages that nobody came to relay yet.
    pub left: AtomicBool,
}

/// Up to which number messages have arrived and left the outbox, if that is known.
pub(super) type Arrived = Option<u64>;
