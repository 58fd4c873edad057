//! Where everything durable lives: the contract that every store keeps, and the stores that keep it.
//!
//! A store has shards. Each has a *log*, to which anybody appends, and a *position*: how far the log was applied. Whoever owns a
//! shard reads its log, applies it, and commits what follows. A store knows nothing of events, counters or HTTP: entries are
//! bytes, records are text. What it promises:
//!
//! * **Appended is durable and ordered.** When `append` returns `Ok`, the entries survive what the store's durability setting
//!   promises. Within a shard they are read in the order of their positions, each at least until a commit has passed it. After an
//!   error an entry may be there or not; nothing else follows from it.
//! * **A commit is all or nothing**, for all the shards that it names, and it happens only if each of them still stands where the
//!   commit begins, and has had as many commits as its owner knows of ([`CommitError::Moved`] otherwise). That is the fence: of
//!   two owners in a moment of confusion one commits, the other is told. After any other error the commit may have happened or not; the owner begins again at the position
//!   that is stored.
//! * **Messages to other shards** in a commit reach those shards' logs exactly once, and in the order of the commits, whatever is
//!   killed between the commit and their arrival.
//! * **Blocks** that commits leave for the archive stay, whole and in order, until a commit passes them.
//! * **Ownership** decides only who should work, never what is true. It moves within [`LEASE`] and a heartbeat when a server dies,
//!   at once when one stops, and spreads evenly.
//!
//! One conformance suite (`tests/it/store_conformance/`) holds every store to this.

pub mod embedded;
pub mod memory;
mod open;
mod paging;
pub mod redis;
mod rejects;
mod settings;
mod share;
mod types;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use embedded::EmbeddedStore;
pub use memory::{MemoryStore, Moment};
pub use open::open;
pub use paging::page;
pub use redis::{RedisSettings, RedisStore};
pub use settings::*;
pub use types::*;

use crate::ids::{Position, RecordKey, ShardId, Shards};
use crate::time::Millis;

/// A store, shared by everything in the process.
pub type SharedStore = Arc<dyn Store>;

/// How long a server that has died still counts as the owner of its shards. Owners renew it every [`HEARTBEAT`].
pub const LEASE: Duration = Duration::from_secs(5);
/// How often a server says that it lives, and looks which shards are its own.
pub const HEARTBEAT: Duration = Duration::from_secs(1);

/// The contract; see the module's documentation for what it promises.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// How many shards the store was created with.
    fn shards(&self) -> Shards;

    /// A number that only this store knows, chosen when it was created: what hashes of what strangers send begin with. Stores that
    /// live no longer than their process have none.
    fn seed(&self) -> u64 {
        0
    }

    /// Whether a commit may name several shards. Where each shard is a matter of its own (Redis Cluster), it names one.
    fn commits_shards_together(&self) -> bool;

    /// Appends entries to the logs of their shards; answers their positions, in the order of `entries`.
    async fn append(&self, entries: Vec<Append>) -> Result<Vec<Position>, StoreError>;

    /// Reads the entries that follow the given positions, at most about `max_bytes` for each shard and at least one entry where
    /// there is one. When there are none at all it waits up to `wait` for some. Entries that a commit has passed may be gone.
    async fn read(&self, after: &[(ShardId, Position)], max_bytes: usize, wait: Duration) -> Result<Reads, StoreError>;

    /// How far each of `shards` was applied, and where its log ends.
    async fn progress(&self, shards: &[ShardId]) -> Result<Vec<Progress>, StoreError>;

    /// The message ids that `shard` remembers, oldest hour first; what a new owner begins with.
    async fn remembered(&self, shard: ShardId) -> Result<Vec<IdPack>, StoreError>;

    /// The blocks of `shard` behind number `after` that no commit has passed, in order: about `max_bytes` at the most, and at least
    /// one where there is one.
    async fn blocks(&self, shard: ShardId, after: u64, max_bytes: usize) -> Result<Vec<Block>, StoreError>;

    /// Reads records, in the order asked for; an absent record is `None`.
    async fn load(&self, keys: &[RecordKey]) -> Result<Vec<Option<Box<str>>>, StoreError>;

    /// Looks at about `limit` records behind `after`, which is what a page before gave as `next`; answers the users and accounts of
    /// `shards` among them, which may be none though there is a `next`. Whoever asks on until there is none has been told of everybody
    /// who was there all along, perhaps more than once. Where `after` says nothing (any more), it begins anew.
    async fn subjects(&self, shards: &[ShardId], after: Option<&str>, limit: usize) -> Result<SubjectPage, StoreError>;

    /// Does all of `commits`, one for each shard, or nothing of any of them.
    async fn commit(&self, commits: Vec<Commit>) -> Result<(), CommitError>;

    /// Records of `shard` that stand in `list` at `until` or before, the earliest first, at most `limit`.
    async fn due(&self, shard: ShardId, list: &ListName, until: Millis, limit: usize) -> Result<Listing, StoreError>;

    /// Says that `server` lives, works `holding` and runs with `settings`; answers which shards it should own from now on: those
    /// that it keeps, and free ones up to its share. A shard that it holds and is not named is to be let go, or was taken away. One
    /// that is beyond its share is nobody else's until it says that it holds it no longer, so that what it has begun there ends
    /// before anybody else begins.
    async fn heartbeat(&self, server: &str, holding: &[ShardId], settings: &str) -> Result<Ownership, StoreError>;

    /// Gives back all shards of `server` and forgets it, at a graceful stop.
    async fn leave(&self, server: &str) -> Result<(), StoreError>;

    /// Leads, newest first: by `updated`, then by id.
    async fn leads(&self, query: &LeadQuery) -> Result<Vec<LeadRow>, StoreError>;

    /// One lead by its id.
    async fn lead(&self, id: &str) -> Result<Option<LeadRow>, StoreError>;

    /// The newest rejected events first, up to `limit`.
    async fn rejected(&self, limit: usize) -> Result<Vec<Rejected>, StoreError>;

    /// The records that stand in a list, of every shard: by time, the newest first, up to `limit`.
    async fn listed(&self, list: &ListName, limit: usize) -> Result<Listing, StoreError>;

    /// Every list that holds something, over all shards.
    async fn lists(&self) -> Result<Vec<ListStats>, StoreError>;

    /// Every list of these shards that holds something, and perhaps some of others: where shards are a matter of their own, one must not
    /// wait for another.
    async fn lists_of(&self, _shards: &[ShardId]) -> Result<Vec<ListStats>, StoreError> {
        self.lists().await
    }

    /// Whether the store answers; the error says what is wrong.
    async fn ping(&self) -> Result<(), StoreError>;

    /// What an operator should know at start, for example that acknowledged data could be lost.
    async fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// About how many bytes it keeps in memory, beside what passes through it.
    fn memory_bytes(&self) -> usize {
        0
    }

    /// Writes out what is still in memory and closes; called once, at the end of a graceful drain.
    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Tells the metrics how long a commit took, from the call to its answer.
pub(crate) fn observe_commit(store: &'static str, took: Duration) {
    metrics::histogram!("handraiser_commit_seconds", "store" => store).record(took);
}

/// Tells the metrics how long an append took, from the call to its answer.
pub(crate) fn observe_append(store: &'static str, took: Duration) {
    metrics::histogram!("handraiser_append_seconds", "store" => store).record(took);
}
