//! Opening the store, and what waits for it: the engine.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::changes;
use super::in_force::InForce;
use crate::config::{Config, Diagnostic, HistoryOptions, HistoryPlace, diagnostic};
use crate::crm::Deliverer;
use crate::engine::{Engine, EngineSettings, HistorySettings};
use crate::history::Archive;
use crate::http::{AppState, Backend, versions};
use crate::store::{self, SharedStore, Store, StoreError, StoreKind};

/// How long to wait before Redis is tried again, at first and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Opens the store of a server, and starts its engine.
pub(super) struct Opener {
    pub app: AppState,
    pub in_force: InForce,
    /// Whether something of the configuration before may be lost.
    pub accept: bool,
}

/// Why a store can't be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OpenError {
    /// It can't be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something of the configuration that had force in it would be lost.
    #[error(
        "the configuration would lose something of what had force in this store before; nothing was started\n\n{}",
        diagnostic::render_all(_0, false)
    )]
    WouldLose(Vec<Diagnostic>),
}

/// An opening that may still be under way.
pub(super) struct Opening {
    outcome: watch::Receiver<Option<Result<(), OpenError>>>,
    task: Option<AbortHandle>,
}

impl Opening {
    /// Waits until the store is open or can't be used.
    pub(super) async fn done(&mut self) -> Result<(), OpenError> {
        let gone = || StoreError::Unavailable("opening the store was interrupted".to_owned());
        let outcome = self.outcome.wait_for(Option::is_some).await.map_err(|_| gone())?;
        outcome.clone().unwrap_or_else(|| Err(gone().into()))
    }

    /// Gives up; does nothing once the store is open.
    pub(super) fn cancel(&self) {
        self.task.iter().for_each(AbortHandle::abort);
    }
}

impl Opener {
    /// Uses `store`, or opens the one that is configured. While Redis is away or loading its data, this goes on in the background;
    /// any other store that can't be opened now can't be opened later either.
    pub(super) async fn open(self, store: Option<SharedStore>) -> Result<Opening, OpenError> {
        let waits = matches!(self.app.config.load().store.kind, StoreKind::Redis { .. });
        let (tell, outcome) = watch::channel(None);
        match self.attempt(store).await {
            Ok(()) => {
                tell.send_replace(Some(Ok(())));
                Ok(Opening { outcome, task: None })
            }
            Err(OpenError::Store(StoreError::Unavailable(reason))) if waits => {
                tracing::warn!(reason, "the store is away: waiting for it, and answering 503 meanwhile");
                let task = tokio::spawn(async move { tell.send_replace(Some(self.keep_trying(reason).await)) });
                Ok(Opening { outcome, task: Some(task.abort_handle()) })
            }
            Err(error) => Err(error),
        }
    }

    async fn keep_trying(self, mut reason: String) -> Result<(), OpenError> {
        let (mut wait, longest) = RETRY;
        loop {
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(longest);
            match self.attempt(None).await {
                Ok(()) => {
                    tracing::info!("the store is there");
                    return Ok(());
                }
                Err(OpenError::Store(StoreError::Unavailable(now))) if now == reason => {}
                Err(OpenError::Store(StoreError::Unavailable(now))) => {
                    tracing::warn!(reason = now, "the store is still away");
                    reason = now;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn attempt(&self, store: Option<SharedStore>) -> Result<(), OpenError> {
        let store = match store {
            Some(store) => store,
            None => store::open(&self.app.config.load_full().store).await?,
        };
        self.begin(store).await
    }

    async fn begin(&self, store: SharedStore) -> Result<(), OpenError> {
        for warning in store.warnings().await {
            tracing::warn!(store = true, "{warning}");
        }
        let (config, clock) = (self.app.config.load_full(), self.app.clock.clone());
        self.may_follow(&*store, &config).await?;
        let since = versions::versions(&*store).await?.definitions_since(&config.written.meaning, clock.now());
        self.in_force.know(since);
        let deliverer = Deliverer::new(Arc::clone(&self.in_force.destinations), clock.clone());
        let settings = EngineSettings {
            server: Arc::from(self.app.status.server()),
            memory_bytes: config.engine.memory_bytes,
            appliers: std::thread::available_parallelism().map_or(1, usize::from),
            max_backlog_entries: config.engine.max_backlog_entries,
            remember: config.engine.remember,
            history: match &config.history {
                Some(history) => Some(open_history(history)?),
                None => None,
            },
        };
        let rules = Arc::clone(&self.in_force.rules);
        let engine = Engine::start(Arc::clone(&store), rules, clock, Arc::new(deliverer), settings);
        changes::took_force(&engine, &self.app).await;
        // Set once: there is one opening for each server.
        let _ = self.app.backend.set(Backend { engine, store });
        Ok(())
    }

    /// Whether nothing is lost by this configuration that had force before, or all of it may be.
    async fn may_follow(&self, store: &dyn Store, config: &Config) -> Result<(), OpenError> {
        let lost = changes::at_start(store, config, &self.app.clock).await?;
        if lost.is_empty() || self.accept {
            lost.iter().for_each(|loss| tracing::warn!("accepted: {}", loss.message));
            return Ok(());
        }
        if let Err(error) = store.close().await {
            tracing::error!(%error, "the store could not be closed in order");
        }
        Err(OpenError::WouldLose(lost))
    }
}

fn open_history(history: &HistoryOptions) -> Result<HistorySettings, StoreError> {
    let (archive, mend) = match &history.place {
        HistoryPlace::Directory(path) => (Archive::open(path), "name another directory in `history.path`"),
        HistoryPlace::Bucket(at) => (Archive::in_bucket(at), "see `history.to`, and the environment's `AWS_…`"),
    };
    let archive =
        archive.map_err(|error| StoreError::Unusable(format!("the archive can't be opened: {error}; {mend}")))?;
    let keep = history.keep.map(|keep| i64::try_from(keep.as_millis()).unwrap_or(i64::MAX));
    Ok(HistorySettings::new(archive, keep))
}

/// A name for this process that no other one has: `host-pid-random`.
pub(super) fn server_name() -> Arc<str> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = host.as_deref().map_or("server", str::trim);
    format!("{host}-{}-{:06x}", std::process::id(), rand::random::<u32>() & 0x00ff_ffff).into()
}
