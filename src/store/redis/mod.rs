//! The store on Redis 7 and Redis Cluster.
//!
//! Every key of a shard carries its hash tag (`hr:{s3}:…`), so that whatever changes together lives in one slot, and the same
//! code runs on one Redis and on a cluster. A log is a stream, with an entry `0-<position>` for each position; a record is a
//! string, its text; each operation that must be atomic is one small Lua script (`lua/`). Time comes from the caller; the clock
//! of Redis matters for nothing but leases. `docs/redis-keys.md` shows every key to people with `redis-cli`.
//!
//! One Redis commits all shards of a call in one script, and messages go straight to the logs that they are for. On a cluster a
//! script sees one slot only, so a commit has one shard, and messages are [`relay`]ed.
//!
//! # What may go wrong, and what then
//!
//! * *A connection breaks while a commit is under way.* Nobody knows whether it happened; the owner begins again at the stored
//!   position. It cannot happen twice, although the client of a cluster may send it twice, since it has a name; nor later on, when
//!   others have happened, since it says how many there were before it.
//! * *Redis is away.* Callers wait a moment, then fail at once, until [`recover`] has seen Redis back: reachable, a master, with
//!   the same store on it, and as durable as demanded.
//! * *Redis comes back with less* (a flush, a restart without persistence, a failover that lost the last of it). Owners that hold
//!   something in memory are refused, since their shards stand elsewhere; a commit doesn't wait for Redis to come back, since it may
//!   come back at the same place with another log. Numbers of messages are never used again ([`relay`]).
//! * *A slot of a cluster is moved to another node.* Appending and reading go on; commits of its shard are refused as long as
//!   it takes (`lua/settled.lua` says why).

mod commit;
mod connect;
mod decode;
mod encode;
mod errors;
mod health;
mod keys;
mod leads;
mod link;
mod links;
mod log;
mod meta;
mod owners;
mod read;
mod records;
mod recover;
mod relay;
mod safety;
mod script;
mod settings;
mod shared;
mod subjects;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use async_trait::async_trait;

pub use settings::RedisSettings;

use self::health::Health;
use self::keys::Keys;
use self::links::Links;
use self::recover::Watcher;
use self::shared::Core;
use super::{
    Append, Block, Commit, CommitError, IdPack, LeadQuery, LeadRow, ListName, ListStats, Listing, Ownership, Progress,
    Reads, Rejected, Store, StoreError, StoreOptions, SubjectPage,
};
use crate::ids::{Position, RecordKey, ShardId, Shards};
use crate::time::Millis;

/// A store on Redis or Redis Cluster.
pub struct RedisStore {
    core: Arc<Core>,
    warnings: Vec<String>,
    _watcher: Watcher,
}

impl RedisStore {
    /// Connects, checks that Redis is usable and as durable as demanded, and creates the store where there is none yet.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when Redis can't be reached or is still loading: trying again later may help, and nothing is
    /// left behind meanwhile. [`StoreError::Unusable`] when it refuses us, is too old, is not durable enough, or holds a store of
    /// another format or with another number of shards.
    pub async fn open(settings: RedisSettings, options: StoreOptions) -> Result<Self, StoreError> {
        let health = Arc::new(Health::new(settings.patience));
        let keys = Keys::new(&settings.prefix)?;
        let links = Links::connect(&settings, &health).await?;
        let warnings = safety::inspect(&links, settings.durability).await?;
        let core = Arc::new(Core::new(settings, options, keys, links, health));
        meta::ensure(&core).await?;
        let watcher = Watcher::start(&core);
        Ok(Self { core, warnings, _watcher: watcher })
    }
}

#[async_trait]
impl Store for RedisStore {
    fn shards(&self) -> Shards {
        self.core.options.shards
    }

    fn seed(&self) -> u64 {
        self.core.seed.load(Ordering::Relaxed)
    }

    fn commits_shards_together(&self) -> bool {
        !self.core.settings.cluster
    }

    async fn append(&self, entries: Vec<Append>) -> Result<Vec<Position>, StoreError> {
        let started = Instant::now();
        let done = self.core.append(entries).await;
        super::observe_append("redis", started.elapsed());
        done
    }

    async fn read(&self, after: &[(ShardId, Position)], max_bytes: usize, wait: Duration) -> Result<Reads, StoreError> {
        self.core.read(after, max_bytes, wait).await
    }

    async fn progress(&self, shards: &[ShardId]) -> Result<Vec<Progress>, StoreError> {
        self.core.progress(shards).await
    }

    async fn remembered(&self, shard: ShardId) -> Result<Vec<IdPack>, StoreError> {
        if self.core.settings.cluster {
            self.core.number_anew(shard).await?;
            // What a predecessor left on its way.
            self.core.relay_soon(shard, None).await;
        }
        self.core.remembered(shard).await
    }

    async fn blocks(&self, shard: ShardId, after: u64, max_bytes: usize) -> Result<Vec<Block>, StoreError> {
        self.core.blocks(shard, after, max_bytes).await
    }

    async fn load(&self, keys: &[RecordKey]) -> Result<Vec<Option<Box<str>>>, StoreError> {
        self.core.load(keys).await
    }

    async fn subjects(&self, shards: &[ShardId], after: Option<&str>, limit: usize) -> Result<SubjectPage, StoreError> {
        self.core.subjects(shards, after, limit).await
    }

    async fn commit(&self, commits: Vec<Commit>) -> Result<(), CommitError> {
        let started = Instant::now();
        let done = self.core.commit(commits).await;
        super::observe_commit("redis", started.elapsed());
        done
    }

    async fn due(&self, shard: ShardId, list: &ListName, until: Millis, limit: usize) -> Result<Listing, StoreError> {
        self.core.due(shard, list, until, limit).await
    }

    async fn heartbeat(&self, server: &str, holding: &[ShardId], settings: &str) -> Result<Ownership, StoreError> {
        let ownership = self.core.heartbeat(server, holding, settings).await?;
        if self.core.settings.cluster {
            self.core.relay_rest(&ownership.shards);
        }
        Ok(ownership)
    }

    async fn leave(&self, server: &str) -> Result<(), StoreError> {
        self.core.leave(server).await
    }

    async fn leads(&self, query: &LeadQuery) -> Result<Vec<LeadRow>, StoreError> {
        self.core.leads(query).await
    }

    async fn lead(&self, id: &str) -> Result<Option<LeadRow>, StoreError> {
        self.core.lead(id).await
    }

    async fn rejected(&self, limit: usize) -> Result<Vec<Rejected>, StoreError> {
        self.core.rejected(limit).await
    }

    async fn listed(&self, list: &ListName, limit: usize) -> Result<Listing, StoreError> {
        self.core.listed(list, limit).await
    }

    async fn lists(&self) -> Result<Vec<ListStats>, StoreError> {
        self.core.lists(&self.shards().all().collect::<Vec<_>>()).await
    }

    async fn lists_of(&self, shards: &[ShardId]) -> Result<Vec<ListStats>, StoreError> {
        self.core.lists(shards).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.core.ping().await
    }

    async fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }
}
