//! What reaches a worker from within its server, beside the logs.

use std::sync::Arc;

use crate::apply::message::ReadBack;
use crate::apply::{Attempt, Fill};
use crate::ids::{RecordKey, ShardId};
use crate::record::{Lack, Sayings};

/// What a worker is told.
pub(super) enum Input {
    /// Own these shards from now on.
    Own(Vec<ShardId>),
    /// The store has less of a shard than it had.
    Lost(ShardId),
    /// A delivery's first news was sent.
    Attempted(RecordKey, Attempt),
    /// A destination was asked what people made of the leads there; `None`: it could not be.
    ReadBack(RecordKey, Option<ReadBack>),
    /// Blocks of a shard up to this number are in the archive.
    Archived(ShardId, u64),
    /// What was counted from the archive.
    Fill(Box<Chunk>),
    /// These users and accounts are to look again.
    Walk(Box<Stretch>),
    /// Commit what there is and end.
    Stop,
}

/// What was read of a stretch, ready to be merged.
pub(super) struct Chunk {
    pub shard: ShardId,
    pub lack: Lack,
    /// The rules under which it was counted.
    pub version: Arc<str>,
    pub figures: Vec<(RecordKey, Fill)>,
}

/// Users and accounts of some shards, from one place of their walks to another.
pub(super) struct Stretch {
    pub shards: Vec<ShardId>,
    /// The rules that say what they look for.
    pub version: Arc<str>,
    pub wanted: Sayings,
    pub from: Box<str>,
    pub to: Option<Box<str>>,
    pub keys: Vec<RecordKey>,
}
