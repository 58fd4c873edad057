//! Names of stored records, and the partition that each one lives in.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What a definition or a counter is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SubjectKind {
    /// Somebody who uses the product.
    User,
    /// The company or the workspace that users belong to.
    Account,
}

impl SubjectKind {
    /// `user` or `account`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Account => "account",
        }
    }
}

impl fmt::Display for SubjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a versioned record is the state of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// A user, or an id that was merged into one.
    User,
    /// An account.
    Account,
    /// Whose turn it is in a team.
    Team,
}

impl RecordKind {
    /// `user`, `account` or `team`: what a record's name begins with.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Account => "account",
            Self::Team => "team",
        }
    }
}

impl From<SubjectKind> for RecordKind {
    fn from(kind: SubjectKind) -> Self {
        match kind {
            SubjectKind::User => Self::User,
            SubjectKind::Account => Self::Account,
        }
    }
}

/// The name of one versioned record: `user:42`, `account:acme`, `team:enterprise`.
///
/// A user may be named by any of their ids, known or anonymous; both live in one namespace, and a record that was merged
/// away points at the one that holds the history.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// What it is the state of.
    pub kind: RecordKind,
    /// The id of the user or the account, or the team's name.
    pub id: Arc<str>,
}

impl RecordKey {
    /// The name of a record.
    #[must_use]
    pub fn new(kind: RecordKind, id: &str) -> Self {
        Self { kind, id: Arc::from(id) }
    }

    /// A user's record, by any of their ids.
    #[must_use]
    pub fn user(id: &str) -> Self {
        Self::new(RecordKind::User, id)
    }

    /// An account's record.
    #[must_use]
    pub fn account(id: &str) -> Self {
        Self::new(RecordKind::Account, id)
    }

    /// The record of a team's turns.
    #[must_use]
    pub fn team(name: &str) -> Self {
        Self::new(RecordKind::Team, name)
    }

    /// Calls `f` with the key's text, without allocating for the usual lengths.
    pub(crate) fn with_text<T>(&self, f: impl FnOnce(&[u8]) -> T) -> T {
        let (kind, id) = (self.kind.as_str().as_bytes(), self.id.as_bytes());
        let mut buffer = [0; 128];
        let len = kind.len() + 1 + id.len();
        match buffer.get_mut(..len).and_then(|text| text.split_at_mut_checked(kind.len())) {
            Some((head, [colon, tail @ ..])) => {
                head.copy_from_slice(kind);
                *colon = b':';
                tail.copy_from_slice(id);
            }
            _ => return f(self.to_string().as_bytes()),
        }
        f(buffer.get(..len).unwrap_or_default())
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.id)
    }
}

/// A record's name could not be read.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` names no record; write `user:<id>`, `account:<id>` or `team:<name>`")]
pub struct BadRecordKey(String);

impl FromStr for RecordKey {
    type Err = BadRecordKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadRecordKey(text.to_owned());
        let (kind, id) = text.split_once(':').ok_or_else(bad)?;
        let kind = match kind {
            "user" => RecordKind::User,
            "account" => RecordKind::Account,
            "team" => RecordKind::Team,
            _ => return Err(bad()),
        };
        if id.is_empty() { Err(bad()) } else { Ok(Self::new(kind, id)) }
    }
}

/// One of the partitions of a store; everything that changes together lives in one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId(pub u16);

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.0)
    }
}

/// How many partitions a store has: fixed when it is created, checked whenever it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partitions(NonZeroU16);

impl Default for Partitions {
    fn default() -> Self {
        Self::new(64).expect("64 is not zero")
    }
}

impl Partitions {
    /// `None` for zero.
    #[must_use]
    pub fn new(count: u16) -> Option<Self> {
        NonZeroU16::new(count).map(Self)
    }

    /// How many there are, at least one.
    #[must_use]
    pub const fn count(self) -> u16 {
        self.0.get()
    }

    /// The partition of `key`: XXH3-64 of its text, modulo the count. Part of the stored format: never change it.
    #[must_use]
    pub fn of(self, key: &RecordKey) -> PartitionId {
        let bucket = key.with_text(xxhash_rust::xxh3::xxh3_64) % u64::from(self.count());
        PartitionId(u16::try_from(bucket).unwrap_or(0))
    }

    /// All of them, in order.
    pub fn all(self) -> impl Iterator<Item = PartitionId> {
        (0..self.count()).map(PartitionId)
    }
}
