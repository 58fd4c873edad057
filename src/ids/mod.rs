//! Names: of records, of the shards that they live in, of places in a shard's log, of counters and traits. Pure.

pub mod names;

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

/// A name as configured, or made of one: of a source, of a list of records. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Name(Arc<str>);

impl Name {
    /// The name that reads like this.
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a source, as configured.
pub type SourceName = Name;

/// The name of a list of records, for example `timers`, `deliver:crm` or `dead:crm`. A record stands in one list at most.
pub type ListName = Name;

/// The name of a counter, as configured: an identifier of conditions.
pub type CounterName = Arc<str>;

/// The position of a counter in the configuration that is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CounterId(pub u16);

/// The name of a definition, as configured.
pub type DefinitionName = Arc<str>;

/// What a record is the state of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RecordKind {
    /// A user, or an id that was merged into one.
    User,
    /// An account.
    Account,
    /// Whose turn it is in a team.
    Team,
    /// What a destination did lately.
    Destination,
    /// The news of one lead on its way to one destination.
    Delivery,
    /// How many leads a source has made lately.
    Source,
    /// A lead that is held, since its source made too many.
    Hold,
    /// A lead that waits for a rep of a team.
    Wait,
    /// How far the past of a shard is in the archive.
    Archived,
    /// The configurations that have taken force.
    Config,
    /// When reps are away, as a shard knows it.
    Roster,
    /// Whose the leads of a company's domain are.
    Domain,
    /// How far a shard's users and accounts were looked at for what is new in the configuration.
    Walk,
}

impl RecordKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::User,
        Self::Account,
        Self::Team,
        Self::Destination,
        Self::Delivery,
        Self::Source,
        Self::Hold,
        Self::Wait,
        Self::Archived,
        Self::Config,
        Self::Roster,
        Self::Domain,
        Self::Walk,
    ];

    /// Whether it is the state of a user or an account.
    pub const fn is_subject(self) -> bool {
        matches!(self, Self::User | Self::Account)
    }

    /// `user`, `account`, `team`, `destination`, `delivery`, `source`, `hold`, `wait`, `archived`, `config`, `roster`, `domain` or `walk`: what a record's name begins with.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Account => "account",
            Self::Team => "team",
            Self::Destination => "destination",
            Self::Delivery => "delivery",
            Self::Source => "source",
            Self::Hold => "hold",
            Self::Wait => "wait",
            Self::Archived => "archived",
            Self::Config => "config",
            Self::Roster => "roster",
            Self::Domain => "domain",
            Self::Walk => "walk",
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

/// The name of one record: `user:42`, `account:acme`, `team:enterprise`, `destination:crm`, `delivery:crm/lead_…`,
/// `source:web`, `hold:web/lead_…`, `wait:enterprise/lead_…`, `archived:s3`, `config:versions`, `roster:s3`,
/// `domain:acme.com`, `walk:s3`.
///
/// A user may be named by any of their ids, known or anonymous; both live in one namespace, and a record that was merged
/// away points at the one that holds the history.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordKey {
    /// What it is the state of.
    pub kind: RecordKind,
    /// The id of the user or the account, or the team's name.
    pub id: Arc<str>,
}

impl RecordKey {
    /// The name of a record.
    pub fn new(kind: RecordKind, id: &str) -> Self {
        Self { kind, id: Arc::from(id) }
    }

    /// A user's record, by any of their ids.
    pub fn user(id: &str) -> Self {
        Self::new(RecordKind::User, id)
    }

    /// An account's record.
    pub fn account(id: &str) -> Self {
        Self::new(RecordKind::Account, id)
    }

    /// The record of a team's turns.
    pub fn team(name: &str) -> Self {
        Self::new(RecordKind::Team, name)
    }

    /// The record of a destination.
    pub fn destination(name: &str) -> Self {
        Self::new(RecordKind::Destination, name)
    }

    /// The news of `lead` on its way to `destination`. It lives where its destination does.
    pub fn delivery(destination: &str, lead: &str) -> Self {
        Self::new(RecordKind::Delivery, &format!("{destination}/{lead}"))
    }

    /// The record of a source's leads.
    pub fn source(name: &str) -> Self {
        Self::new(RecordKind::Source, name)
    }

    /// `lead`, held because of `source`. It lives where its source does.
    pub fn hold(source: &str, lead: &str) -> Self {
        Self::new(RecordKind::Hold, &format!("{source}/{lead}"))
    }

    /// `lead`, waiting for a rep of `team`. It lives where its team does.
    pub fn wait(team: &str, lead: &str) -> Self {
        Self::new(RecordKind::Wait, &format!("{team}/{lead}"))
    }

    /// How far the past of a shard is in the archive.
    pub fn archived(shard: ShardId) -> Self {
        Self::new(RecordKind::Archived, &shard.to_string())
    }

    /// Whose the leads of a company's domain are.
    pub fn domain(name: &str) -> Self {
        Self::new(RecordKind::Domain, name)
    }

    /// When reps are away, as a shard knows it.
    pub fn roster(shard: ShardId) -> Self {
        Self::new(RecordKind::Roster, &shard.to_string())
    }

    /// How far a shard's users and accounts were looked at for what is new in the configuration.
    pub fn walk(shard: ShardId) -> Self {
        Self::new(RecordKind::Walk, &shard.to_string())
    }

    /// The shard of a record of which each has one.
    fn of_shard(&self) -> Option<ShardId> {
        let has_one = matches!(self.kind, RecordKind::Archived | RecordKind::Roster | RecordKind::Walk);
        if has_one { self.id.strip_prefix('s')?.parse().ok().map(ShardId) } else { None }
    }

    /// The source and the lead of a hold's record.
    pub fn as_hold(&self) -> Option<(&str, &str)> {
        // A lead's id has no slash; a source's name may.
        if self.kind == RecordKind::Hold { self.id.rsplit_once('/') } else { None }
    }

    /// The team and the lead of the record of a lead that waits.
    pub fn as_wait(&self) -> Option<(&str, &str)> {
        // A lead's id has no slash; a team's name may.
        if self.kind == RecordKind::Wait { self.id.rsplit_once('/') } else { None }
    }

    /// The destination and the lead of a delivery's record.
    pub fn as_delivery(&self) -> Option<(&str, &str)> {
        // A lead's id has no slash; a destination's name may.
        if self.kind == RecordKind::Delivery { self.id.rsplit_once('/') } else { None }
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
#[error(
    "`{0}` names no record; write `user:<id>`, `account:<id>`, `team:<name>`, `destination:<name>`, `delivery:<destination>/<lead>`, \
     `source:<name>`, `hold:<source>/<lead>`, `wait:<team>/<lead>`, `archived:s<shard>`, `config:versions`, `roster:s<shard>`, \
     `domain:<domain>` or `walk:s<shard>`"
)]
pub struct BadRecordKey(String);

impl FromStr for RecordKey {
    type Err = BadRecordKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadRecordKey(text.to_owned());
        let (kind, id) = text.split_once(':').ok_or_else(bad)?;
        let kind = RecordKind::ALL.into_iter().find(|known| known.as_str() == kind).ok_or_else(bad)?;
        if id.is_empty() { Err(bad()) } else { Ok(Self::new(kind, id)) }
    }
}

/// One of the shards of a store: a log, and the records whose messages stand in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ShardId(pub u16);

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0)
    }
}

/// How many shards a store has: fixed when it is created, checked whenever it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shards(NonZeroU16);

impl Default for Shards {
    fn default() -> Self {
        Self::new(16).expect("16 is not zero")
    }
}

impl Shards {
    /// `None` for zero.
    pub fn new(count: u16) -> Option<Self> {
        NonZeroU16::new(count).map(Self)
    }

    /// How many there are, at least one.
    pub const fn count(self) -> u16 {
        self.0.get()
    }

    /// The shard of `key`: XXH3-64 of its text, modulo the count; a delivery lives with its destination, a hold with
    /// its source, a lead that waits with its team, and each shard has a record of its archive and one of who is away. Part of the stored format: never change it.
    pub fn of(self, key: &RecordKey) -> ShardId {
        if let Some(shard) = key.of_shard() {
            return ShardId(shard.0 % self.count());
        }
        let of = |owner: RecordKind, at: Option<(&str, &str)>| at.map(|(name, _)| RecordKey::new(owner, name));
        let lives_with = match key.kind {
            RecordKind::Delivery => of(RecordKind::Destination, key.as_delivery()),
            RecordKind::Hold => of(RecordKind::Source, key.as_hold()),
            RecordKind::Wait => of(RecordKind::Team, key.as_wait()),
            _ => None,
        };
        let hash = lives_with.as_ref().unwrap_or(key).with_text(xxhash_rust::xxh3::xxh3_64);
        ShardId(u16::try_from(hash % u64::from(self.count())).unwrap_or(0))
    }

    /// All of them, in order.
    pub fn all(self) -> impl Iterator<Item = ShardId> {
        (0..self.count()).map(ShardId)
    }
}

/// The place of an entry in a shard's log, from 1; 0 stands before the first. Positions only grow, and are never used again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position(pub u64);

impl Position {
    /// The place after this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// How many entries stand between `earlier` and this place; 0 when it is not earlier.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
