//! The values that cross the store's border.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use crate::event::Rejected;
pub use crate::ids::ListName;
use crate::ids::{Position, RecordKey, ShardId, Shards};
use crate::time::Millis;

/// What every store needs to know, whatever it is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// Fixed when a store is created.
    pub shards: Shards,
    /// How many rejected events are kept, over all shards; a store may keep somewhat more. Of the sources, whoever has the most gives
    /// way.
    pub rejected_log: usize,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { shards: Shards::default(), rejected_log: 1_000 }
    }
}

/// What a commit must survive before it is acknowledged, on Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// What Redis is configured for; a start-up warning says what could be lost.
    Redis,
    /// The server refuses to start unless Redis runs with `appendfsync always`.
    Fsync,
    /// Each append and each commit waits (`WAIT`) for so many replicas.
    Replicas(u8),
}

/// An entry to be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// Whose log it is for.
    pub shard: ShardId,
    /// What it says; the store doesn't look into it.
    pub payload: Bytes,
}

/// An entry of a shard's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub position: Position,
    /// What it says, byte for byte as it was appended.
    pub payload: Bytes,
}

/// The entries that were read, of each shard that has some.
pub type Reads = Vec<(ShardId, Vec<Entry>)>;

/// How far a shard's log was applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The last entry that was applied.
    pub position: Position,
    /// The last entry that there is; `position` when all were applied.
    pub end: Position,
    /// How many commits the shard has had.
    pub step: u64,
    /// How many entries of its commits for other shards have not reached those shards' logs yet.
    pub outgoing: u64,
    /// The numbers of the first and the last of those. Numbers grow with each message of the shard, and none is used twice.
    pub under_way: Option<(u64, u64)>,
}

/// What one commit of a shard left for the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// How many commits the shard has had with this one: blocks follow each other by it, with gaps, as not every commit leaves one.
    pub number: u64,
    /// What it says; the store doesn't look into it.
    pub payload: Bytes,
}

/// Message ids that were remembered within one hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdPack {
    /// Whole hours since the Unix epoch, by the `now` of the commits.
    pub hour: i64,
    /// In the order in which they were remembered.
    pub ids: Vec<u64>,
}

/// One atomic step of one shard. No record and no lead is named twice in it.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// The shard of all that it names.
    pub shard: ShardId,
    /// How many commits the shard has had before; the commit happens only if it has had as many. `None` leaves it at the position,
    /// which is fence enough where a commit moves it, and is none where it stays: then two owners could both believe that they
    /// were first.
    pub step: Option<u64>,
    /// Where the shard stands; the commit happens only if it does.
    pub from: Position,
    /// Where it stands afterwards, which may be the same place; entries up to it may be dropped.
    pub to: Position,
    /// When the step was decided; message ids are remembered under its hour.
    pub now: Millis,
    /// Records to write or to delete.
    pub records: Vec<RecordWrite>,
    /// Message ids to remember.
    pub ids: Vec<u64>,
    /// Hours whose message ids are forgotten.
    pub forget_ids: Vec<i64>,
    /// Subjects whose leads are deleted, before any are added.
    pub forget_leads: Vec<RecordKey>,
    /// Leads to add or replace.
    pub leads: Vec<LeadRow>,
    /// Entries for the logs of other shards, in this order.
    pub messages: Vec<Append>,
    /// Events that could not be used, for the bounded log of them.
    pub rejected: Vec<Rejected>,
    /// What it leaves for the archive: kept under the number of this commit until another one passes it. It goes with a `step`.
    pub block: Option<Bytes>,
    /// Blocks up to this number may be dropped.
    pub blocks_passed: Option<u64>,
}

impl Commit {
    /// A step of `shard` from one place to another that changes nothing else.
    pub fn new(shard: ShardId, from: Position, to: Position, now: Millis) -> Self {
        Self { shard, from, to, now, ..Self::default() }
    }
}

/// A change of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordWrite {
    /// Which record it is.
    pub key: RecordKey,
    /// Its whole text, which a person can read; `None` deletes it.
    pub text: Option<Box<str>>,
    /// The list in which it stood until now.
    pub was_listed: Option<Listed>,
    /// The list in which it stands from now on; `None` when it is deleted.
    pub listed: Option<Listed>,
}

/// A record's place in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Which list.
    pub list: ListName,
    /// When it is due there, or since when it stands there.
    pub at: Millis,
}

/// Records that stand in a list, each with the time at which it stands there.
pub type Listing = Vec<(Millis, RecordKey)>;

/// Users and accounts of which there are records, and where to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubjectPage {
    /// They, in any order.
    pub keys: Vec<RecordKey>,
    /// What the next page begins behind; `None` when this was the last one.
    pub next: Option<Box<str>>,
}

/// How much a list holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListStats {
    /// Which list.
    pub list: ListName,
    /// How many records stand in it.
    pub records: u64,
    /// The earliest time in it.
    pub earliest: Millis,
}

/// Which shards a server should own, and who else is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ownership {
    /// In order.
    pub shards: Vec<ShardId>,
    /// Every server that lives, this one among them, by name.
    pub servers: Vec<ServerInfo>,
}

/// A server that lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInfo {
    /// Its name: unique for each process.
    pub name: String,
    /// What it said of its settings.
    pub settings: String,
}

/// A lead as stored: what can be asked for, and the whole record as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeadRow {
    /// The lead's id.
    pub id: String,
    /// The subject's record, which also decides the shard.
    pub subject: RecordKey,
    /// The name of the definition that it qualified for.
    pub definition: String,
    /// When it changed last; the newest stand first in lists.
    pub updated: Millis,
    /// The whole lead.
    pub json: String,
}

/// Which leads are asked for; all that is given must fit.
#[derive(Clone, Debug, Default)]
pub struct LeadQuery {
    /// Only leads of this subject.
    pub subject: Option<RecordKey>,
    /// Only leads of the definition of this name.
    pub definition: Option<String>,
    /// Only leads updated before this moment (for paging).
    pub before: Option<Millis>,
    /// At most so many, the newest.
    pub limit: usize,
}

impl LeadQuery {
    /// Whether `lead` is one of those asked for.
    pub fn matches(&self, lead: &LeadRow) -> bool {
        self.subject.as_ref().is_none_or(|subject| *subject == lead.subject)
            && self.definition.as_ref().is_none_or(|definition| *definition == lead.definition)
            && self.before.is_none_or(|before| lead.updated < before)
    }
}

/// The store did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It can't be reached or refuses for now; the same call may succeed later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// What it holds can't be used; an operator has to act.
    #[error("the store is unusable: {0}")]
    Unusable(String),
}

/// A commit did not happen, or nobody knows whether it did.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// These shards don't stand where the commit begins: somebody else owns them. Nothing of the commit happened.
    #[error("moved by another owner: {0:?}")]
    Moved(Vec<ShardId>),
    /// It may have happened or not; the stored position tells.
    #[error(transparent)]
    Store(#[from] StoreError),
}
