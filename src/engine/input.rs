//! What reaches a worker from within its server, beside the logs.

use crate::apply::Attempt;
use crate::ids::{RecordKey, ShardId};

/// What a worker is told.
pub(super) enum Input {
    /// Own these shards from now on.
    Own(Vec<ShardId>),
    /// A delivery's first news was sent.
    Attempted(RecordKey, Attempt),
    /// Blocks of a shard up to this number are in the archive.
    Archived(ShardId, u64),
    /// Commit what there is and end.
    Stop,
}
