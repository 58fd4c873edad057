//! A store that fails in every way that the contract allows, as a seed has it; what simulations run on.
//!
//! Each simulated server gets one of its own over the store that they share, so that each has troubles of its own. All chance
//! comes from the seed and all waiting is tokio's: on a current-thread runtime with a paused clock a run is repeated exactly, as
//! long as nothing else in it rolls dice (`tokio::select!` does, unless it is `biased`).

mod plan;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use handraiser::ids::{Position, RecordKey, ShardId, Shards};
use handraiser::store::{
    Append, Block, Commit, CommitError, IdPack, LeadQuery, LeadRow, ListName, ListStats, Listing, Ownership, Progress,
    Reads, Rejected, SharedStore, Store, StoreError, SubjectPage,
};
use handraiser::time::Millis;
use tokio::sync::watch;
use tokio::time::Instant;

use self::plan::{Chance, Fate};
pub use self::plan::{Fault, FaultPlan};

/// Another store, seen through a bad connection.
pub struct FaultyStore {
    inner: SharedStore,
    chance: Mutex<Chance>,
    /// Until when it is away; whoever waits for an answer hears when that begins.
    away: watch::Sender<Option<Instant>>,
    /// From when to when each commit was under way.
    commits: Mutex<Vec<(Instant, Instant)>>,
}

impl FaultyStore {
    /// Looks at `inner` through faults that `plan` and `seed` decide.
    pub fn new(inner: SharedStore, seed: u64, plan: FaultPlan) -> Self {
        Self {
            inner,
            chance: Mutex::new(Chance::new(seed, plan)),
            away: watch::Sender::new(None),
            commits: Mutex::default(),
        }
    }

    /// It goes away for a while: what is under way is not answered, and nothing is taken until then.
    pub fn go_away(&self, lasting: Duration) {
        self.away.send_replace(Some(Instant::now() + lasting));
    }

    /// Calls it, unless it is away or goes away meanwhile.
    async fn reach<T, E: From<StoreError>>(&self, call: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let mut away = self.away.subscribe();
        if away.borrow_and_update().is_some_and(|until| Instant::now() < until) {
            return Err(failed("away").into());
        }
        tokio::select! {
            biased;
            _ = away.changed() => Err(failed("away").into()),
            answer = call => answer,
        }
    }

    /// From now on things go wrong by another plan: by [`FaultPlan::NONE`], when a simulation is to come to its end. What is late
    /// already still happens.
    pub fn replan(&self, plan: FaultPlan) {
        self.chance().replan(plan);
    }

    /// How often what has happened, for a simulation to tell whether it met everything.
    pub fn happened(&self) -> BTreeMap<Fault, u64> {
        self.chance().happened.clone()
    }

    /// From when to when each commit was under way, of those that ended.
    pub fn commits(&self) -> Vec<(Instant, Instant)> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn chance(&self) -> MutexGuard<'_, Chance> {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn delay(&self) {
        let delay = self.chance().delays();
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
    }

    /// A call that changes nothing.
    async fn ask<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.reach(async {
            self.delay().await;
            let refused = self.chance().refuses();
            let answer = if refused { Err(failed("refused")) } else { call.await };
            self.delay().await;
            answer
        })
        .await
    }

    /// A call that changes something, and whose answer matters.
    async fn change<T, E>(&self, call: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.reach(self.change_at_last(call)).await
    }

    async fn change_at_last<T, E>(&self, call: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.delay().await;
        let fate = self.chance().of_change();
        let answer = match fate {
            None => call.await,
            Some(Fate::Refused) => Err(failed("refused").into()),
            Some(Fate::Lost) => {
                let _ = call.await;
                Err(failed("done, but the answer is lost").into())
            }
            Some(Fate::Late(by)) => {
                // Of its own, so that it happens even when the server that asked for it is gone by then.
                tokio::spawn(async move {
                    tokio::time::sleep(by).await;
                    let _ = call.await;
                });
                Err(failed("given up").into())
            }
        };
        self.delay().await;
        answer
    }
}

fn failed(how: &str) -> StoreError {
    StoreError::Unavailable(format!("a planned fault: {how}"))
}

#[async_trait]
impl Store for FaultyStore {
    fn shards(&self) -> Shards {
        self.inner.shards()
    }

    fn seed(&self) -> u64 {
        self.inner.seed()
    }

    fn commits_shards_together(&self) -> bool {
        self.inner.commits_shards_together()
    }

    async fn append(&self, mut entries: Vec<Append>) -> Result<Vec<Position>, StoreError> {
        let mut shards = Vec::new();
        for entry in &entries {
            if !shards.contains(&entry.shard) {
                shards.push(entry.shard);
            }
        }
        let torn = self.chance().tears_after(shards.len());
        if let Some(count) = torn {
            shards.truncate(count);
            entries.retain(|entry| shards.contains(&entry.shard));
        }
        let inner = Arc::clone(&self.inner);
        let positions = self.change(async move { inner.append(entries).await }).await;
        if torn.is_some() { Err(failed("torn")) } else { positions }
    }

    async fn read(&self, after: &[(ShardId, Position)], max_bytes: usize, wait: Duration) -> Result<Reads, StoreError> {
        self.chance().panics();
        self.ask(self.inner.read(after, max_bytes, wait)).await
    }

    async fn progress(&self, shards: &[ShardId]) -> Result<Vec<Progress>, StoreError> {
        self.ask(self.inner.progress(shards)).await
    }

    async fn remembered(&self, shard: ShardId) -> Result<Vec<IdPack>, StoreError> {
        self.ask(self.inner.remembered(shard)).await
    }

    async fn blocks(&self, shard: ShardId, after: u64, max_bytes: usize) -> Result<Vec<Block>, StoreError> {
        self.ask(self.inner.blocks(shard, after, max_bytes)).await
    }

    async fn load(&self, keys: &[RecordKey]) -> Result<Vec<Option<Box<str>>>, StoreError> {
        self.ask(self.inner.load(keys)).await
    }

    async fn subjects(&self, shards: &[ShardId], after: Option<&str>, limit: usize) -> Result<SubjectPage, StoreError> {
        self.ask(self.inner.subjects(shards, after, limit)).await
    }

    async fn commit(&self, commits: Vec<Commit>) -> Result<(), CommitError> {
        self.chance().panics();
        if self.chance().moves() {
            self.delay().await;
            return Err(CommitError::Moved(commits.iter().map(|commit| commit.shard).collect()));
        }
        let (inner, began, takes) = (Arc::clone(&self.inner), Instant::now(), self.chance().commits_take());
        if takes > Duration::ZERO {
            tokio::time::sleep(takes).await;
        }
        let committed = self.change(async move { inner.commit(commits).await }).await;
        self.commits.lock().unwrap_or_else(PoisonError::into_inner).push((began, Instant::now()));
        committed
    }

    async fn due(&self, shard: ShardId, list: &ListName, until: Millis, limit: usize) -> Result<Listing, StoreError> {
        self.ask(self.inner.due(shard, list, until, limit)).await
    }

    async fn heartbeat(&self, server: &str, holding: &[ShardId], settings: &str) -> Result<Ownership, StoreError> {
        if self.chance().silences() {
            return Err(failed("silence"));
        }
        let inner = Arc::clone(&self.inner);
        let (server, holding, settings) = (server.to_owned(), holding.to_vec(), settings.to_owned());
        self.change(async move { inner.heartbeat(&server, &holding, &settings).await }).await
    }

    async fn leave(&self, server: &str) -> Result<(), StoreError> {
        let (inner, server) = (Arc::clone(&self.inner), server.to_owned());
        self.change(async move { inner.leave(&server).await }).await
    }

    async fn leads(&self, query: &LeadQuery) -> Result<Vec<LeadRow>, StoreError> {
        self.ask(self.inner.leads(query)).await
    }

    async fn lead(&self, id: &str) -> Result<Option<LeadRow>, StoreError> {
        self.ask(self.inner.lead(id)).await
    }

    async fn rejected(&self, limit: usize) -> Result<Vec<Rejected>, StoreError> {
        self.ask(self.inner.rejected(limit)).await
    }

    async fn listed(&self, list: &ListName, limit: usize) -> Result<Listing, StoreError> {
        self.ask(self.inner.listed(list, limit)).await
    }

    async fn lists(&self) -> Result<Vec<ListStats>, StoreError> {
        self.ask(self.inner.lists()).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.ask(self.inner.ping()).await
    }

    async fn warnings(&self) -> Vec<String> {
        self.inner.warnings().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.ask(self.inner.close()).await
    }
}
