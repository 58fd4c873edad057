//! The values that cross the store's border.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::FieldList;
use crate::cdp::MessageHash;
use crate::identity::{PartitionId, Partitions, RecordKey};
use crate::time::Millis;

/// How many finished entries of a queue are kept in each partition.
pub const DONE_KEPT: usize = 100;

/// What every store needs to know, whatever it is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// Fixed when a store is created.
    pub partitions: Partitions,
    /// How long message ids are remembered, from the `now` of their commit. A store may remember somewhat longer.
    pub remember: Duration,
    /// Users and accounts that were not written for this long may leave; `None`: they stay.
    pub idle_subjects: Option<Duration>,
    /// How many rejected events are kept.
    pub rejected_log: usize,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            partitions: Partitions::default(),
            remember: Duration::from_secs(48 * 3600),
            idle_subjects: None,
            rejected_log: 1_000,
        }
    }
}

/// The fields of a record: names and values that a person can read.
pub type Fields = BTreeMap<Box<str>, Box<str>>;

/// A versioned record. Versions grow with each write, and no two writers ever write the same one ([`next_version`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Which write made it what it is; 0 for a record that is absent.
    pub version: u64,
    /// What it holds.
    pub fields: Fields,
}

/// Bits of a version that tell whose write it is.
const WHOSE: u32 = 24;

/// A version that follows `version`, and that nobody else writes: whoever expects it can only mean this very write. A plain
/// count would not do: what was built on a write that is refused would be taken if somebody else wrote in its place.
///
/// The upper 40 bits count writes, the lower 24 are random: of two writers of the same number, one in 17 million pairs gets
/// the same version, and then only one of the two is written.
#[must_use]
pub fn next_version(version: u64) -> u64 {
    (((version >> WHOSE) + 1) << WHOSE) | u64::from(rand::random::<u32>() >> (u32::BITS - WHOSE))
}

/// What is remembered with an applied message: which of the user's accounts it was counted for, if that was taken from the
/// user's state (an index into the user's list of accounts). `255` means that the event itself named the account or that
/// there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Note(pub u8);

impl Note {
    /// Nothing to remember beyond the message itself.
    pub const NONE: Self = Self(255);
}

/// How a store takes commits that are made at the same time, in different partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Together {
    /// Each partition is a matter of its own, down to being reachable: one that hangs must not hold up the others.
    Apart,
    /// In one exchange; each commit succeeds or fails by itself.
    OneTrip,
    /// In one durable step: all of them or none.
    Atomic,
}

/// One atomic step in one partition. No record, message, lead or entry is named twice in it.
///
/// When several things stand against it, the answer is the first of: [`CommitError::Seen`], [`CommitError::LeaseLost`],
/// [`CommitError::Conflict`]. Settling comes before adding, so that an entry may be finished and added anew in one step.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// The partition of all that it names.
    pub partition: PartitionId,
    /// When the step was decided; ages and expiries count from here.
    pub now: Millis,
    /// Records to change.
    pub writes: Vec<Write>,
    /// Messages that are applied by this step; the step fails if one of them was applied before.
    pub remember: Vec<(MessageHash, Note)>,
    /// Leads to add or replace.
    pub leads: Vec<LeadRow>,
    /// Entries to add to queues. An entry whose id is in the queue already, pending or dead, is left as it is.
    pub enqueue: Vec<Entry>,
    /// Claimed entries to settle; the step fails with [`CommitError::LeaseLost`] if a lease is no longer held: the entry was
    /// claimed again after the lease had run out, or it is gone. A lease that ran out unnoticed still settles.
    pub settle: Vec<Settle>,
}

/// A change of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Which record it is.
    pub key: RecordKey,
    /// The version that was read; 0 when the record was absent.
    pub expected: u64,
    /// The new version; see [`next_version`].
    pub version: u64,
    /// Fields to write; those that are not named here stay as they are.
    pub set: FieldList,
    /// Fields to remove, before any are set.
    pub unset: Vec<Box<str>>,
}

/// The name of a queue: `merge`, `route`, `deliver:<destination>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct QueueName(Arc<str>);

impl QueueName {
    /// The queue of this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One piece of work in a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Unique within its partition; deterministic, so that adding it twice is adding it once.
    pub id: String,
    /// The queue that it is in.
    pub queue: QueueName,
    /// Entries of one lane of a queue are worked one after the other, in the order in which they were added.
    pub lane: Option<String>,
    /// Whose entry it is, as [`RecordKey`] text; `forget` deletes by it.
    pub subject: String,
    /// It is not claimed before this moment.
    pub due: Millis,
    /// When it was made; a replay leaves this as it is.
    pub created: Millis,
    /// How often it was tried and failed.
    pub attempts: u32,
    /// Why it failed last.
    pub last_error: Option<String>,
    /// JSON; what it means is the queue's matter.
    pub payload: String,
}

/// Entries that were claimed, those due longest first, and when to ask again.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// At most as many as were asked for.
    pub claimed: Vec<Claimed>,
    /// The earliest moment at which another claim could find something, if nothing is settled or added meanwhile: the due
    /// time of a waiting entry, or the end of a lease (also of those just given). Entries that wait for their lane's head do
    /// not count. In the past when more was due than was asked for.
    pub next_due: Option<Millis>,
}

/// An entry that this process holds until its lease runs out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Where the entry lives, and is to be settled.
    pub partition: PartitionId,
    /// The entry as it stood when it was claimed.
    pub entry: Entry,
    /// Proof of the claim; a later claim of the same entry has another one.
    pub lease: u64,
}

/// What became of a claimed entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settle {
    /// The queue that the entry is in.
    pub queue: QueueName,
    /// The entry's id.
    pub id: String,
    /// The proof of the claim: [`Claimed::lease`].
    pub lease: u64,
    /// What becomes of the entry.
    pub outcome: Outcome,
}

/// What becomes of an entry that was worked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Finished. With `keep`, a bounded history of finished entries ([`DONE_KEPT`]) remembers it.
    Done {
        /// Whether it goes into that history.
        keep: bool,
    },
    /// Try again at `due`; `attempts` and `error` replace those of the entry. The lane stays blocked until then.
    Retry {
        /// When it may be claimed again.
        due: Millis,
        /// How often it was tried and failed so far.
        attempts: u32,
        /// Why it is not done, for operators.
        error: String,
    },
    /// Never again, unless replayed; the lane moves on.
    Dead {
        /// How often it was tried and failed.
        attempts: u32,
        /// Why it was given up, for operators.
        error: String,
    },
}

/// The state of a queue entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryState {
    /// Waiting or leased.
    Pending,
    /// Given up; can be replayed.
    Dead,
    /// Finished, from the bounded history.
    Done,
}

/// Which queue entries are asked for; all that is given must fit.
#[derive(Clone, Debug)]
pub struct EntryQuery {
    /// The state that they are in.
    pub state: EntryState,
    /// Only this queue.
    pub queue: Option<QueueName>,
    /// Only queues whose name starts so, for example `deliver:`.
    pub queue_prefix: Option<String>,
    /// At most so many, the newest.
    pub limit: usize,
}

/// A queue entry, as the operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRow {
    /// The entry as it is stored.
    pub entry: Entry,
    /// The state that it is in.
    pub state: EntryState,
    /// When it was finished or given up.
    pub settled: Option<Millis>,
}

impl EntryQuery {
    /// Whether `queue` is one of those asked for.
    #[must_use]
    pub fn matches(&self, queue: &QueueName) -> bool {
        self.queue.as_ref().is_none_or(|only| only == queue)
            && self.queue_prefix.as_ref().is_none_or(|prefix| queue.as_str().starts_with(prefix.as_str()))
    }
}

/// Which dead entries to replay. They go to the end of their lanes, in the order in which they were added at first; what
/// failed last stays readable until they are tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    /// One by its id.
    Entry(String),
    /// All of a queue.
    Queue(QueueName),
    /// All of every queue.
    All,
}

impl Replay {
    /// Whether `entry` is to be replayed.
    #[must_use]
    pub fn matches(&self, entry: &Entry) -> bool {
        match self {
            Self::Entry(id) => entry.id == *id,
            Self::Queue(queue) => entry.queue == *queue,
            Self::All => true,
        }
    }
}

/// Depth and age of one queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueueStats {
    /// Which queue it is.
    pub queue: QueueName,
    /// Waiting or leased.
    pub pending: u64,
    /// Given up; can be replayed.
    pub dead: u64,
    /// Age of the oldest pending entry in milliseconds, from its creation.
    pub oldest_ms: i64,
}

impl QueueStats {
    /// The figures of `queue` in `all`, zero at first.
    pub fn of<'a>(all: &'a mut BTreeMap<QueueName, Self>, queue: &QueueName) -> &'a mut Self {
        let zero = || Self { queue: queue.clone(), pending: 0, dead: 0, oldest_ms: 0 };
        all.entry(queue.clone()).or_insert_with(zero)
    }
}

/// A lead as stored: what can be asked for, and the whole record as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeadRow {
    /// The lead's id.
    pub id: String,
    /// The subject's record, which also decides the partition.
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
    #[must_use]
    pub fn matches(&self, lead: &LeadRow) -> bool {
        self.subject.as_ref().is_none_or(|subject| *subject == lead.subject)
            && self.definition.as_ref().is_none_or(|definition| *definition == lead.definition)
            && self.before.is_none_or(|before| lead.updated < before)
    }
}

/// An event that could not be used, as the operator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Rejected {
    /// Unix milliseconds.
    #[schema(value_type = i64)]
    pub at: Millis,
    /// The source that sent it.
    pub source: String,
    /// Position in its request, from 0.
    pub index: usize,
    /// A stable code, such as `missing_id`.
    pub code: String,
    /// What is wrong and how to mend it.
    pub message: String,
    /// Its `messageId`, when that could be read.
    pub message_id: Option<String>,
    /// The beginning of the raw item.
    pub excerpt: String,
}

/// How much was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Forgotten {
    /// Records of subjects.
    pub records: u64,
    /// Leads of these subjects.
    pub leads: u64,
    /// Queue entries of these subjects, deliveries among them.
    pub entries: u64,
}

/// The store did not do what it was asked for.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// It can't be reached or refuses for now; the same call may succeed later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// What it holds can't be used; an operator has to act.
    #[error("the store is unusable: {0}")]
    Unusable(String),
}

/// A commit did not happen. Nothing of it did.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommitError {
    /// These records moved since they were read.
    #[error("records changed meanwhile: {0:?}")]
    Conflict(Vec<RecordKey>),
    /// These messages were applied before (positions in `remember`, each with the note remembered then).
    #[error("messages were applied before: {0:?}")]
    Seen(Vec<(usize, Note)>),
    /// A claimed entry is no longer held: its lease ran out.
    #[error("the lease of queue entry `{0}` ran out")]
    LeaseLost(String),
    /// Nothing stands against it but that it was to happen together with one that was refused.
    #[error("another commit of the same step was refused")]
    Withdrawn,
    /// The store could not be asked, or can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}
