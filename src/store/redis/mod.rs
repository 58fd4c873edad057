//! The store on Redis 7 and Redis Cluster.
//!
//! Every key of a partition carries its hash tag (`hr:{p17}:…`), so that whatever changes together lives in one slot, and the
//! same code runs on one Redis and on a cluster. Each operation that must be atomic is one small Lua script (`lua/`) sent to
//! the partition's master; time comes from the caller, so that the clock of Redis matters for nothing but the expiry of old
//! keys. `docs/redis-keys.md` shows every key to people with `redis-cli`.
//!
//! # What may go wrong, and what then
//!
//! * *A connection breaks while a commit is under way.* Nobody knows whether it happened; the answer is
//!   [`StoreError::Unavailable`]. A commit cannot happen twice: it checks its versions, messages and leases first, so that its
//!   repetition is refused with what the first left behind ([`CommitError::Seen`], `LeaseLost` or `Conflict`). That also
//!   covers the cluster client, which repeats a command by itself when a node fails under it: there a commit can be refused
//!   because its own first attempt succeeded. Callers that load and apply again find their messages seen, and are done.
//! * *Redis is away.* Callers wait a moment, then fail at once, until [`health`] has seen Redis back: reachable, a master, with
//!   the same store on it, and as durable as demanded.
//! * *Redis comes back empty* (a flush, or a restart without persistence). Counting starts anew; the log says so. Records that
//!   were read before are refused as conflicts.

mod commit;
mod decode;
mod figures;
mod health;
mod keys;
mod leads;
mod link;
mod meta;
mod queue;
mod records;
mod rejected;
mod safety;
mod script;
mod settings;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

pub use settings::RedisSettings;

use self::health::{Health, Watcher};
use self::keys::Keys;
use self::link::Links;
use super::{
    Claims, Commit, CommitError, EntryQuery, EntryRow, Forgotten, LeadQuery, LeadRow, Note, QueueName, QueueStats,
    Record, Rejected, Replay, Store, StoreError, StoreOptions, Together,
};
use crate::cdp::MessageHash;
use crate::identity::{PartitionId, Partitions, RecordKey};
use crate::time::{Clock, Millis};

/// A store on Redis or Redis Cluster.
pub struct RedisStore {
    core: Arc<Core>,
    _watcher: Watcher,
}

/// What the store and its watcher share.
struct Core {
    settings: RedisSettings,
    options: StoreOptions,
    keys: Keys,
    links: Links,
    health: Arc<Health>,
    /// The latest moment that any caller spoke of.
    now: AtomicI64,
    /// Whether subjects ever expired in this store; if they did, writes have to take their expiry off.
    idle_once: bool,
    warnings: Vec<String>,
}

impl RedisStore {
    /// Connects, checks that Redis is usable and as durable as demanded, and creates the store where there is none yet.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when Redis can't be reached; [`StoreError::Unusable`] when it refuses us, is too old, is not
    /// durable enough, or holds a store of another format or with another number of partitions.
    pub async fn open(settings: RedisSettings, options: StoreOptions) -> Result<Self, StoreError> {
        let health = Arc::new(Health::new(settings.patience));
        let keys = Keys::new(&settings.prefix)?;
        let links = Links::connect(&settings, &health).await?;
        let warnings = safety::inspect(&links, settings.durability).await?;
        let idle_once = meta::ensure(&links, &keys, &options).await?.idle_once;
        let now = AtomicI64::new(i64::MIN);
        let core = Arc::new(Core { settings, options, keys, links, health, now, idle_once, warnings });
        let watcher = Watcher::start(&core);
        Ok(Self { core, _watcher: watcher })
    }
}

impl Core {
    /// Remembers that it is at least `now`.
    fn tick(&self, now: Millis) {
        self.now.fetch_max(now.0, Ordering::Relaxed);
    }

    /// The latest moment that any caller spoke of, for questions that come without one; the machine's time before that.
    fn latest(&self) -> Millis {
        match self.now.load(Ordering::Relaxed) {
            i64::MIN => Clock::System.now(),
            now => Millis(now),
        }
    }
}

#[async_trait]
impl Store for RedisStore {
    fn partitions(&self) -> Partitions {
        self.core.options.partitions
    }

    async fn load(&self, partition: PartitionId, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        self.core.load(keys, |_| partition).await
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        let started = std::time::Instant::now();
        let done = self.core.commit(std::slice::from_ref(&commit)).await.pop();
        super::observe_commit("redis", started.elapsed());
        super::observe_batch("redis", 1);
        done.unwrap_or_else(|| Err(decode::unexpected("a commit").into()))
    }

    fn together(&self) -> Together {
        if self.core.settings.cluster { Together::Apart } else { Together::OneTrip }
    }

    async fn commit_all(&self, commits: Vec<Commit>) -> Vec<Result<(), CommitError>> {
        if self.core.settings.cluster {
            return futures::future::join_all(commits.into_iter().map(|commit| self.commit(commit))).await;
        }
        let started = std::time::Instant::now();
        let done = self.core.commit(&commits).await;
        super::observe_commit("redis", started.elapsed());
        super::observe_batch("redis", commits.len());
        done
    }

    async fn load_all(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        if self.core.settings.cluster {
            return super::load_by_partition(self, keys).await;
        }
        self.core.load(keys, |key| self.core.options.partitions.of(key)).await
    }

    async fn seen(&self, partition: PartitionId, messages: &[MessageHash]) -> Result<Vec<Option<Note>>, StoreError> {
        self.core.seen(partition, messages).await
    }

    async fn claim(
        &self,
        partition: PartitionId,
        queue: &QueueName,
        now: Millis,
        lease: Duration,
        limit: usize,
    ) -> Result<Claims, StoreError> {
        self.core.claim(partition, queue, now, lease, limit).await
    }

    async fn entries(&self, query: &EntryQuery) -> Result<Vec<EntryRow>, StoreError> {
        self.core.entries(query).await
    }

    async fn replay(&self, which: &Replay, now: Millis) -> Result<usize, StoreError> {
        self.core.replay(which, now).await
    }

    async fn queue_stats(&self, now: Millis) -> Result<Vec<QueueStats>, StoreError> {
        self.core.queue_stats(now).await
    }

    async fn leads(&self, query: &LeadQuery) -> Result<Vec<LeadRow>, StoreError> {
        self.core.leads(query).await
    }

    async fn lead(&self, id: &str) -> Result<Option<LeadRow>, StoreError> {
        self.core.lead(id).await
    }

    async fn reject(&self, rejected: Vec<Rejected>) -> Result<(), StoreError> {
        self.core.reject(&rejected).await
    }

    async fn rejected(&self, limit: usize) -> Result<Vec<Rejected>, StoreError> {
        self.core.rejected(limit).await
    }

    async fn forget(&self, key: &RecordKey) -> Result<Forgotten, StoreError> {
        self.core.forget(key).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.core.ping().await
    }

    async fn warnings(&self) -> Vec<String> {
        self.core.warnings.clone()
    }

    async fn figures(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.core.figures().await
    }
}
