//! The store that lives and dies with the process: the reference for the others, and what tests, backtests and simulations run on.
//!
//! It is written to be obviously right rather than fast: ordered maps behind one mutex. It can be both kinds of store: one that
//! commits shards together and writes messages straight into their logs, and ([`MemoryStore::apart`]) one where each shard is a
//! matter of its own and messages take a while.
//!
//! All waiting is tokio's, so that under a paused clock time passes only when everybody waits.

mod check;
mod owners;
mod shard;
mod state;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::shard::Shard;
use self::state::{Relays, State};
use super::{
    Append, Block, Commit, CommitError, IdPack, LeadQuery, LeadRow, ListName, ListStats, Listing, Ownership, Progress,
    Reads, Rejected, Store, StoreError, StoreOptions, SubjectPage,
};
use crate::ids::{Position, RecordKey, ShardId, Shards};
use crate::time::Millis;

/// How long messages are on their way at most, in a store whose shards are apart.
const RELAY: Duration = Duration::from_millis(2);

/// A store in memory. What it took is durable in the sense that the process remembers it.
pub struct MemoryStore {
    options: StoreOptions,
    together: bool,
    state: Mutex<State>,
    /// Something was appended, or is on its way.
    appended: Notify,
}

/// What a store in memory held at one moment; see [`MemoryStore::go_back_to`].
pub struct Moment(State);

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(StoreOptions::default())
    }
}

impl MemoryStore {
    /// An empty store that commits shards together.
    pub fn new(options: StoreOptions) -> Self {
        Self::with(options, None)
    }

    /// An empty store whose shards are apart, as on Redis Cluster: a commit names one shard, and messages stay with it in an
    /// outbox until they arrive, a moment later.
    pub fn apart(options: StoreOptions) -> Self {
        Self::with_relays(options, 0, RELAY)
    }

    /// As [`MemoryStore::apart`], with each message on its way for up to `within`, as the seed has it. Those of one shard arrive in
    /// order; those of several shards may overtake each other.
    pub fn with_relays(options: StoreOptions, seed: u64, within: Duration) -> Self {
        Self::with(options, Some(Relays::new(seed, within)))
    }

    fn with(options: StoreOptions, relays: Option<Relays>) -> Self {
        let (together, state) = (relays.is_none(), Mutex::new(State::new(options, relays)));
        Self { options, together, state, appended: Notify::new() }
    }

    /// All that it holds.
    pub fn moment(&self) -> Moment {
        Moment(self.state().clone())
    }

    /// Loses everything that came since `moment`, as a Redis does that is restarted from an older file. Who lives and who owns what stays:
    /// leases are renewed at once.
    pub fn go_back_to(&self, moment: &Moment) {
        let mut state = self.state();
        let owners = std::mem::take(&mut state.owners);
        *state = moment.0.clone();
        state.owners = owners;
        drop(state);
        self.appended.notify_waiters();
    }

    /// The state as of now: messages whose time has come have arrived.
    fn state(&self) -> MutexGuard<'_, State> {
        // A commit checks everything before it changes anything, so that a panic leaves no half of one behind.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.relay();
        state
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn shards(&self) -> Shards {
        self.options.shards
    }

    fn commits_shards_together(&self) -> bool {
        self.together
    }

    async fn append(&self, entries: Vec<Append>) -> Result<Vec<Position>, StoreError> {
        let started = std::time::Instant::now();
        let positions = {
            let mut state = self.state();
            entries.into_iter().map(|entry| state.append(entry)).collect()
        };
        self.appended.notify_waiters();
        super::observe_append("memory", started.elapsed());
        positions
    }

    async fn read(&self, after: &[(ShardId, Position)], max_bytes: usize, wait: Duration) -> Result<Reads, StoreError> {
        let deadline = Instant::now() + wait;
        loop {
            let mut appended = std::pin::pin!(self.appended.notified());
            // Listening begins before looking, so that nothing is missed in between.
            appended.as_mut().enable();
            let (found, next_arrival) = {
                let state = self.state();
                (state.read(after, max_bytes)?, state.next_arrival())
            };
            if !found.is_empty() || Instant::now() >= deadline {
                return Ok(found);
            }
            let look_again = next_arrival.map_or(deadline, |arrives| arrives.min(deadline));
            let _ = tokio::time::timeout_at(look_again, appended).await;
        }
    }

    async fn progress(&self, shards: &[ShardId]) -> Result<Vec<Progress>, StoreError> {
        let state = self.state();
        shards.iter().map(|shard| state.known(*shard).map(Shard::progress)).collect()
    }

    async fn remembered(&self, shard: ShardId) -> Result<Vec<IdPack>, StoreError> {
        self.state().known(shard).map(Shard::remembered)
    }

    async fn blocks(&self, shard: ShardId, after: u64, max_bytes: usize) -> Result<Vec<Block>, StoreError> {
        self.state().known(shard).map(|shard| shard.blocks(after, max_bytes))
    }

    async fn load(&self, keys: &[RecordKey]) -> Result<Vec<Option<Box<str>>>, StoreError> {
        let state = self.state();
        keys.iter().map(|key| Ok(state.known(self.options.shards.of(key))?.record(key))).collect()
    }

    async fn subjects(&self, shards: &[ShardId], after: Option<&str>, limit: usize) -> Result<SubjectPage, StoreError> {
        let (state, after, mut keys) = (self.state(), after.and_then(|after| after.parse().ok()), Vec::new());
        for shard in shards {
            keys.extend(state.known(*shard)?.subjects(after.as_ref(), limit).cloned());
        }
        keys.sort_unstable();
        keys.truncate(limit);
        let next = keys.last().filter(|_| keys.len() == limit).map(|last| last.to_string().into());
        Ok(SubjectPage { keys, next })
    }

    async fn commit(&self, commits: Vec<Commit>) -> Result<(), CommitError> {
        let started = std::time::Instant::now();
        if !self.together && commits.len() > 1 {
            let refusal = "a commit names one shard where shards are not committed together";
            return Err(StoreError::Unusable(refusal.to_owned()).into());
        }
        let done = self.state().commit(commits);
        self.appended.notify_waiters();
        super::observe_commit("memory", started.elapsed());
        done
    }

    async fn due(&self, shard: ShardId, list: &ListName, until: Millis, limit: usize) -> Result<Listing, StoreError> {
        self.state().known(shard).map(|shard| shard.due(list, until, limit))
    }

    async fn heartbeat(&self, server: &str, holding: &[ShardId], settings: &str) -> Result<Ownership, StoreError> {
        Ok(self.state().owners.heartbeat(self.options.shards, server, holding, settings))
    }

    async fn leave(&self, server: &str) -> Result<(), StoreError> {
        self.state().owners.leave(server);
        Ok(())
    }

    async fn leads(&self, query: &LeadQuery) -> Result<Vec<LeadRow>, StoreError> {
        let state = self.state();
        let leads = state.shards.iter().flat_map(|shard| shard.leads.values());
        let mut rows: Vec<LeadRow> = leads.filter(|lead| query.matches(lead)).cloned().collect();
        rows.sort_by(|a, b| (b.updated, &b.id).cmp(&(a.updated, &a.id)));
        rows.truncate(query.limit);
        Ok(rows)
    }

    async fn lead(&self, id: &str) -> Result<Option<LeadRow>, StoreError> {
        Ok(self.state().shards.iter().find_map(|shard| shard.leads.get(id)).cloned())
    }

    async fn rejected(&self, limit: usize) -> Result<Vec<Rejected>, StoreError> {
        Ok(self.state().rejected.iter().rev().take(limit).cloned().collect())
    }

    async fn listed(&self, list: &ListName, limit: usize) -> Result<Listing, StoreError> {
        let state = self.state();
        let lists = state.shards.iter().filter_map(|shard| shard.lists.get(list));
        let mut rows: Vec<_> = lists.flatten().cloned().collect();
        rows.sort_unstable_by(|a, b| b.cmp(a));
        rows.truncate(limit);
        Ok(rows)
    }

    async fn lists(&self) -> Result<Vec<ListStats>, StoreError> {
        let mut all: BTreeMap<ListName, ListStats> = BTreeMap::new();
        for (name, standing) in self.state().shards.iter().flat_map(|shard| &shard.lists) {
            let Some((earliest, _)) = standing.first() else { continue };
            let stats = all.entry(name.clone());
            let stats = stats.or_insert(ListStats { list: name.clone(), records: 0, earliest: *earliest });
            stats.records += standing.len() as u64;
            stats.earliest = stats.earliest.min(*earliest);
        }
        Ok(all.into_values().collect())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
