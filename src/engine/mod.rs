//! Takes events into the logs, and applies the logs of the shards that this server owns.
//!
//! [`Engine::submit`] appends and returns ([`intake`]); nothing is decided while a sender waits. Workers ([`worker`]) read the
//! logs of their shards ([`reader`]), apply what stands there by the pure functions of `apply`, keep records in memory ([`cache`]),
//! and commit what follows ([`pending`]). A heartbeat says which shards are this server's ([`ownership`]). Whoever wants to read
//! what was written sets a barrier ([`asking`]).

mod archiving;
mod asking;
mod cache;
mod deliveries;
mod dispatch;
mod filling;
mod fresh;
mod input;
mod intake;
mod keeping;
mod looking;
mod ownership;
mod pending;
mod progress;
mod reader;
mod remembered;
mod scrub;
mod steady;
mod telling;
#[cfg(test)]
mod tests;
mod usage;
mod walking;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use archiving::Archiving;
pub use archiving::{ArchivingStatus, HistorySettings};
pub use dispatch::{Admission, Before, Dispatcher};
pub use usage::Usage;
pub use walking::{ShardWalk, WalkStatus};

use crate::apply::{Body, Held, LogItem, Message, NOTHING_HELD, Notice, Rules};
use crate::event::{Event, Rejected, SourceName};
use crate::ids::ShardId;
use crate::store::{ServerInfo, SharedStore, StoreError};
use crate::time::{Clock, Millis};
use fresh::Fresh;
use input::Input;
use intake::{Intake, Parcel};
use progress::AllProgress;
use steady::Steadiness;
use worker::Worker;

/// The rules in force; a reload swaps them.
pub type SharedRules = Arc<ArcSwap<Rules>>;

/// How an engine runs.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// The server's name: unique for each process.
    pub server: Arc<str>,
    /// How many bytes may be used for what is kept in memory: records above all.
    pub memory_bytes: usize,
    /// On how many threads logs are applied at the same time. Where each shard is committed alone, each has a task of its own
    /// whatever this says.
    pub appliers: usize,
    /// How many entries of a shard's log may wait to be applied; beyond it nothing more is taken.
    pub max_backlog_entries: u64,
    /// How long message ids are remembered.
    pub remember: Duration,
    /// Where the past is kept, if anywhere.
    pub history: Option<HistorySettings>,
}

/// Takes events in, and applies the logs of the shards that this server owns. Cheap to clone. Its tasks end when the last clone is
/// dropped, as if the process were killed, or with [`Engine::drain`] in order.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    _ends: Arc<Ends>,
}

/// Ends the tasks when it is dropped.
struct Ends(CancellationToken);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// What all parts of an engine work with.
struct Shared {
    store: SharedStore,
    rules: SharedRules,
    clock: Clock,
    dispatcher: Arc<dyn Dispatcher>,
    settings: EngineSettings,
    intake: Intake,
    progress: AllProgress,
    fresh: Fresh,
    inputs: Vec<mpsc::UnboundedSender<Input>>,
    workers: Mutex<Vec<JoinHandle<()>>>,
    ended: CancellationToken,
    draining: AtomicBool,
    leaving: AtomicBool,
    /// Requests that are being made durable.
    open: AtomicUsize,
    steadiness: Mutex<Steadiness>,
    /// When the last heartbeat began that was answered.
    leased: Mutex<Option<Instant>>,
    /// Rung when a shard was let go.
    let_go: Notify,
    poisoned: AtomicU64,
    told: Mutex<Told>,
    notices: Notices,
    usage: usage::UsageBook,
    archiving: Archiving,
    walking: walking::WalkBook,
    /// Which definitions wait for figures, under which rules.
    held: ArcSwap<(Arc<str>, Arc<Held>)>,
}

/// What is told to operators.
#[derive(Default)]
struct Told {
    owned: BTreeMap<usize, Vec<ShardId>>,
    memory: BTreeMap<usize, usize>,
    servers: Vec<ServerInfo>,
    differing: BTreeSet<String>,
    duplicates: BTreeMap<SourceName, u64>,
    /// When it was last said that a commit was refused.
    refused: Option<Instant>,
    /// Calls of the store that failed since it answered last.
    failures: u64,
}

/// Which notices were told: each is worth one line of the log.
#[derive(Default)]
struct Notices(Mutex<BTreeSet<Notice>>);

impl Notices {
    /// Whether this is the first of its kind.
    fn first(&self, notice: Notice) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(notice)
    }
}

/// Why events could not be taken, or a question not be answered. None of a request may be acknowledged then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server is stopping; another one will take the retry.
    #[error("the server is draining")]
    Draining,
    /// The log of a shard is longer than it may be: events come faster than they are applied.
    #[error("{entries} entries of the log of shard {shard} wait to be applied, more than are allowed")]
    Overloaded {
        /// The shard.
        shard: ShardId,
        /// How many entries wait.
        entries: u64,
    },
    /// The same, since what has happened can't be moved into the archive. Senders are not told where that lies.
    #[error("events can't be archived, and as many wait for it as are allowed; the server's log says why")]
    ArchiveFull,
    /// What was written before was not applied in time, so that it can't be read yet.
    #[error("what was written before is not applied within {0:?}")]
    Behind(Duration),
}

/// How far the shards' logs are applied, and by whom.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EngineStatus {
    /// The shards that this server owns.
    pub owned: Vec<ShardId>,
    /// Entries that wait to be applied, over all shards.
    pub lag_entries: u64,
    /// For how long the oldest of them has waited, in the shards that this server owns.
    pub lag_ms: i64,
    /// Every server that lives.
    pub servers: Vec<ServerInfo>,
    /// Messages that were skipped since this server started, because applying them failed.
    pub poisoned: u64,
    /// Bytes of records in memory.
    pub memory_bytes: usize,
    /// How the archive is doing, if there is one.
    pub archiving: Option<ArchivingStatus>,
    /// How far users and accounts were looked at for what is new in the configuration, in the shards that this server owns.
    pub walking: WalkStatus,
}

/// That commits are refused is said once in so long.
const REFUSAL_SAID_AFTER: Duration = Duration::from_mins(1);
/// How many bytes may wait to be applied, over all shards, however few entries they are: a store keeps them in memory.
const MAX_BACKLOG_BYTES: u64 = 2 << 30;
/// How often it is looked whether requests that are under way have ended.
const LOOK: Duration = Duration::from_millis(2);

impl Engine {
    /// Starts an engine on the current tokio runtime.
    #[must_use]
    pub fn start(
        store: SharedStore,
        rules: SharedRules,
        clock: Clock,
        dispatcher: Arc<dyn Dispatcher>,
        settings: EngineSettings,
    ) -> Self {
        // Where shards are a matter of their own, down to being reachable, one must not wait for another.
        let together = store.commits_shards_together();
        let (workers, appliers) =
            if together { (1, settings.appliers.max(1)) } else { (usize::from(store.shards().count()), 1) };
        let channels: Vec<_> = (0..workers).map(|_| mpsc::unbounded_channel()).collect();
        let inputs = channels.iter().map(|(sender, _)| sender.clone()).collect();
        let store_shards = store.shards();
        let shared = Arc::new(Shared {
            progress: AllProgress::new(store.shards(), workers),
            fresh: Fresh::new(store.shards()),
            steadiness: Mutex::new(Steadiness::new(clock.now(), Instant::now())),
            leased: Mutex::default(),
            let_go: Notify::new(),
            store,
            rules,
            clock,
            dispatcher,
            intake: Intake::default(),
            inputs,
            workers: Mutex::default(),
            ended: CancellationToken::new(),
            draining: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            open: AtomicUsize::new(0),
            poisoned: AtomicU64::new(0),
            told: Mutex::default(),
            notices: Notices::default(),
            usage: usage::UsageBook::default(),
            archiving: Archiving::new(store_shards),
            walking: walking::WalkBook::default(),
            held: ArcSwap::from_pointee((Arc::from(""), Arc::new(NOTHING_HELD.clone()))),
            settings,
        });
        let memory_bytes = shared.settings.memory_bytes / workers;
        for (number, channel) in channels.into_iter().enumerate() {
            let worker = Worker::new(Arc::clone(&shared), channel, number, appliers, memory_bytes);
            let ended = shared.ended.clone();
            let task = tokio::spawn(async move { ended.run_until_cancelled(worker.run()).await.unwrap_or_default() });
            shared.workers.lock().unwrap_or_else(PoisonError::into_inner).push(task);
        }
        intake::start(&shared);
        ownership::start(&shared);
        archiving::start(&shared);
        filling::start(&shared);
        walking::start(&shared);
        let ends = Arc::new(Ends(shared.ended.clone()));
        Self { shared, _ends: ends }
    }

    /// Makes events durable; they are applied soon after. `rejected` are kept for operators, just as durably.
    ///
    /// # Errors
    /// When the store can't be written, or too much waits already. Sending all of it again is harmless.
    pub async fn submit(&self, events: Vec<Arc<Event>>, rejected: Vec<Rejected>) -> Result<(), EngineError> {
        let _open = self.shared.enter()?;
        let mut parcel = Parcel::default();
        for event in events {
            let (to, at) = (event.first_record(), event.received_at);
            parcel.message(&self.shared, Message { to, at, hops: 0, body: Body::Event(event) });
        }
        if !rejected.is_empty() {
            parcel.item(ShardId(0), LogItem::Reject(rejected));
        }
        for shard in parcel.shards() {
            let entries = self.shared.progress.backlog(shard);
            let max_bytes = MAX_BACKLOG_BYTES / u64::from(self.shared.store.shards().count());
            if entries > self.shared.settings.max_backlog_entries
                || self.shared.progress.backlog_bytes(shard) > max_bytes
            {
                let blocked = self.shared.archiving.is_full();
                return Err(if blocked {
                    EngineError::ArchiveFull
                } else {
                    EngineError::Overloaded { shard, entries }
                });
            }
        }
        self.shared.intake.append(parcel).await.map(drop)
    }

    /// Whether this server owns a shard.
    pub fn owns(&self, shard: ShardId) -> bool {
        self.shared.told().owned.values().any(|shards| shards.contains(&shard))
    }

    /// How far the logs are applied.
    #[must_use]
    pub fn status(&self) -> EngineStatus {
        let (lag_entries, since) = self.shared.progress.lag();
        let told = self.shared.told();
        let mut owned: Vec<ShardId> = told.owned.values().flatten().copied().collect();
        owned.sort_unstable();
        EngineStatus {
            owned,
            lag_entries,
            lag_ms: since.map_or(0, |since| self.shared.clock.now().since(since).max(0)),
            servers: told.servers.clone(),
            poisoned: self.shared.poisoned.load(Ordering::Relaxed),
            memory_bytes: told.memory.values().sum(),
            archiving: self.shared.settings.history.is_some().then(|| self.shared.archiving.status()),
            walking: self.shared.walking.status(),
        }
    }

    /// Events that were known already by their message ids, by source, as far as this server applied them since it started.
    #[must_use]
    pub fn duplicates(&self) -> BTreeMap<SourceName, u64> {
        self.shared.told().duplicates.clone()
    }

    /// What the events of a source led to, as far as this server applied them since it started.
    #[must_use]
    pub fn usage(&self, source: &SourceName) -> Usage {
        self.shared.usage.of(source, self.shared.clock.now())
    }

    /// Stops taking events, finishes what is under way within `timeout`, and gives the shards back; returns whether all is done.
    /// What is not done is not lost: it is in the log, and whoever owns the shards next does it.
    pub async fn drain(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        self.shared.draining.store(true, Ordering::SeqCst);
        while self.shared.open.load(Ordering::SeqCst) > 0 && Instant::now() < deadline {
            tokio::time::sleep(LOOK).await;
        }
        self.shared.leaving.store(true, Ordering::SeqCst);
        for input in &self.shared.inputs {
            let _ = input.send(Input::Stop);
        }
        let workers = std::mem::take(&mut *self.shared.workers.lock().unwrap_or_else(PoisonError::into_inner));
        let ended = tokio::time::timeout_at(deadline, futures::future::join_all(workers)).await.is_ok();
        self.shared.ended.cancel();
        let left = self.shared.store.leave(&self.shared.settings.server).await;
        ended && left.is_ok()
    }
}

/// Counts a request as open while it lives.
struct Open<'a>(&'a AtomicUsize);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shared {
    fn enter(&self) -> Result<Open<'_>, EngineError> {
        self.open.fetch_add(1, Ordering::SeqCst);
        let open = Open(&self.open);
        // Counted first, asked second: a drain that begins in between sees this request.
        if self.draining.load(Ordering::SeqCst) { Err(EngineError::Draining) } else { Ok(open) }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::SeqCst)
    }

    /// The worker that works a shard when this server owns it.
    fn worker_of(&self, shard: ShardId) -> usize {
        usize::from(shard.0) % self.inputs.len().max(1)
    }

    fn owns(&self, worker: usize, shards: Vec<ShardId>) {
        self.told().owned.insert(worker, shards);
    }

    fn uses_memory(&self, worker: usize, bytes: usize) {
        self.told().memory.insert(worker, bytes);
    }

    fn duplicate(&self, source: &SourceName) {
        metrics::counter!("handraiser_events_total", "source" => source.to_string(), "outcome" => "duplicate")
            .increment(1);
        *self.told().duplicates.entry(source.clone()).or_default() += 1;
    }

    fn poisoned(&self, messages: usize) {
        if messages > 0 {
            metrics::counter!("handraiser_poisoned_messages_total").increment(messages as u64);
            self.poisoned.fetch_add(messages as u64, Ordering::Relaxed);
        }
    }

    fn observe_lag(&self, oldest: Option<Millis>, messages: usize) {
        if let Some(oldest) = oldest {
            let lag = u64::try_from(self.clock.now().since(oldest)).unwrap_or(0);
            metrics::histogram!("handraiser_lag_seconds").record(Duration::from_millis(lag).as_secs_f64());
        }
        metrics::counter!("handraiser_messages_applied_total").increment(messages as u64);
    }

    fn heard_of(&self, servers: Vec<ServerInfo>, settings: &str) {
        let differing = ownership::differing(&servers, settings);
        let mut told = self.told();
        if differing != told.differing && !differing.is_empty() {
            let servers = differing.iter().cloned().collect::<Vec<_>>().join(", ");
            tracing::warn!(%servers, "these servers of the same store run with another configuration");
        }
        (told.differing, told.servers) = (differing, servers);
    }

    /// A commit was refused, since another server has worked these shards.
    fn was_refused(&self, shards: &[ShardId]) {
        metrics::counter!("handraiser_commits_refused_total").increment(1);
        let mut told = self.told();
        if told.refused.is_none_or(|last| last.elapsed() >= REFUSAL_SAID_AFTER) {
            told.refused = Some(Instant::now());
            tracing::info!(?shards, "another server has worked these shards meanwhile; this one begins again there");
        }
    }

    /// A call of the store failed: said once, until it answers again.
    fn store_failed(&self, error: &StoreError) {
        if self.ended.is_cancelled() {
            // Whoever ends the engine closes the store, too.
            return;
        }
        let mut told = self.told();
        told.failures += 1;
        if told.failures == 1 {
            tracing::warn!(%error, "the store can't be used; what is in the log waits");
        }
    }

    fn store_answers(&self) {
        let failures = std::mem::take(&mut self.told().failures);
        if failures > 0 {
            tracing::info!(failures, "the store can be used again");
        }
    }
}

/// What was deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// The subject and every id that was merged into it.
    pub ids: Vec<String>,
    /// How many leads they had.
    pub leads: usize,
}
