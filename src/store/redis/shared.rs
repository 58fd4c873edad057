//! What all parts of the store share, and how they call Redis: bounded in time, and not at all while it is known to be away.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::time::Duration;

use redis::{Cmd, Pipeline, RedisResult, Value};
use tokio::sync::{Mutex, Notify};

use super::errors::{no_answer, store_error};
use super::health::Health;
use super::keys::Keys;
use super::link::{Fence, Link};
use super::links::Links;
use super::script::{Call, Script};
use super::settings::RedisSettings;
use crate::ids::ShardId;
use crate::store::{Durability, StoreError, StoreOptions};

/// What an entry is taken to be as long as none was read.
const FIRST_ENTRY_BYTES: usize = 1 << 10;

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

/// What the store and its watcher share.
pub(super) struct Core {
    pub settings: RedisSettings,
    pub options: StoreOptions,
    /// Chosen when the store was created; see [`crate::store::Store::seed`].
    pub seed: AtomicU64,
    pub keys: Keys,
    pub links: Links,
    pub health: Arc<Health>,
    /// Of each shard.
    outboxes: Vec<Outbox>,
    /// Rung when this process has added to a log.
    pub news: Notify,
    /// About how many bytes an entry of a log has.
    pub entry_bytes: AtomicUsize,
}

impl Core {
    pub fn new(settings: RedisSettings, options: StoreOptions, keys: Keys, links: Links, health: Arc<Health>) -> Self {
        // One more than there are shards, so that a shard that isn't ours has a place too.
        let each = 0..=options.shards.count();
        Self {
            settings,
            options,
            seed: AtomicU64::new(0),
            keys,
            links,
            health,
            outboxes: each.map(|_| Outbox::default()).collect(),
            news: Notify::new(),
            entry_bytes: AtomicUsize::new(FIRST_ENTRY_BYTES),
        }
    }

    pub fn outbox(&self, shard: ShardId) -> &Outbox {
        let outbox = self.outboxes.get(usize::from(shard.0)).or_else(|| self.outboxes.last());
        outbox.expect("there is one more than there are shards")
    }

    /// Runs a script, of whose effects nothing is promised.
    pub async fn eval(&self, script: &Script, call: &Call) -> Result<Value, StoreError> {
        let link = self.links.general();
        self.bounded(link.eval(script, call)).await
    }

    /// Runs a script; its effects are as durable as demanded when it is done.
    pub async fn eval_durably(&self, script: &Script, call: &Call) -> Result<Value, StoreError> {
        match self.fence() {
            Some((link, fence)) => self.bounded(link.eval_and_wait(script, call, fence)).await,
            None => self.eval(script, call).await,
        }
    }

    /// Sends several commands; their effects are as durable as demanded when it is done. On a cluster, all their keys must live
    /// in one slot.
    pub async fn pipe_durably(&self, pipe: Pipeline) -> Result<Vec<Value>, StoreError> {
        match self.fence() {
            Some((link, fence)) => self.bounded(link.pipe_and_wait(pipe, fence)).await,
            None => self.pipe(&pipe).await,
        }
    }

    fn fence(&self) -> Option<(Link, Fence)> {
        let Durability::Replicas(replicas) = self.settings.durability else { return None };
        // Less than the whole time, so that a slow replica is told from a Redis that does not answer.
        let wait = self.settings.response_timeout.mul_f32(0.75);
        Some((self.links.fenced()?, Fence { replicas, wait }))
    }

    pub async fn cmd(&self, cmd: &Cmd) -> Result<Value, StoreError> {
        let link = self.links.general();
        self.bounded(link.cmd(cmd)).await
    }

    pub async fn pipe(&self, pipe: &Pipeline) -> Result<Vec<Value>, StoreError> {
        let link = self.links.general();
        self.bounded(link.pipe(pipe)).await
    }

    /// Waits for `work`, but not for ever, and not at all while Redis is known to be away.
    async fn bounded<T>(&self, work: impl Future<Output = RedisResult<T>>) -> Result<T, StoreError> {
        self.bounded_by(self.settings.response_timeout, work).await
    }

    /// The same, with another bound.
    pub async fn bounded_by<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, StoreError> {
        self.health.up().await?;
        match tokio::time::timeout(limit, work).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                self.health.failed();
                self.health.heard(&error, self.settings.cluster);
                Err(store_error(&error))
            }
            Err(_) => {
                self.health.failed();
                self.health.suspect();
                Err(no_answer(limit))
            }
        }
    }
}
