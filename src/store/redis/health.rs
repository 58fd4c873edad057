//! Whether Redis is there: what calls do while it is not, and how it is found again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use redis::{ErrorKind, RedisError, ServerErrorKind};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::link::no_answer;
use super::{Core, meta, safety};
use crate::store::StoreError;

/// What everybody knows about Redis being there.
pub(super) struct Health {
    state: watch::Sender<State>,
    /// Rung when Redis should be looked at.
    trouble: Notify,
    /// Which generation of connections is in use; what older ones have to say is of no interest.
    epoch: AtomicU64,
    patience: Duration,
}

#[derive(Clone)]
enum State {
    Up,
    Down { since: Instant, why: Arc<str> },
}

impl Health {
    pub fn new(patience: Duration) -> Self {
        Self { state: watch::Sender::new(State::Up), trouble: Notify::new(), epoch: AtomicU64::new(0), patience }
    }

    pub fn next_epoch(&self) -> u64 {
        self.epoch.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Returns when Redis is there. While it is away, calls wait for it for a moment, counted from when it was lost, so that
    /// a restart or a dropped connection is not felt; after that they fail at once, so that they do not pile up.
    pub async fn up(&self) -> Result<(), StoreError> {
        let State::Down { since, .. } = self.state.borrow().clone() else { return Ok(()) };
        let mut states = self.state.subscribe();
        let back = states.wait_for(|state| matches!(state, State::Up));
        if tokio::time::timeout_at(since + self.patience, back).await.is_ok() {
            return Ok(());
        }
        match self.state.borrow().clone() {
            State::Up => Ok(()),
            State::Down { why, .. } => Err(StoreError::Unavailable(why.to_string())),
        }
    }

    /// A connection broke. A single Redis is away then; in a cluster it was one node of several, and the others go on.
    pub fn disconnected(&self, epoch: u64, cluster: bool) {
        if epoch != self.epoch.load(Ordering::SeqCst) {
            return;
        }
        metrics::counter!("handraiser_store_reconnects_total", "store" => "redis").increment(1);
        if cluster { self.suspect() } else { self.lost("the connection to redis broke") }
    }

    /// A call failed: judges by the error whether Redis has to be looked at.
    pub fn heard(&self, error: &RedisError, cluster: bool) {
        use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, ReadOnly};
        match error.kind() {
            ErrorKind::Io if error.is_timeout() || cluster => self.suspect(),
            ErrorKind::Io | ErrorKind::Server(BusyLoading | ReadOnly | MasterDown) if !cluster => {
                self.lost(&format!("redis: {error}"));
            }
            ErrorKind::Server(ReadOnly | ClusterDown | MasterDown) | ErrorKind::ClusterConnectionNotFound => {
                self.suspect();
            }
            _ => {}
        }
    }

    /// Redis should be looked at; calls go on meanwhile.
    pub fn suspect(&self) {
        self.trouble.notify_one();
    }

    fn lost(&self, why: &str) {
        let lost = self.state.send_if_modified(|state| {
            let was_up = matches!(state, State::Up);
            if was_up {
                *state = State::Down { since: Instant::now(), why: why.into() };
            }
            was_up
        });
        if lost {
            tracing::warn!(reason = why, "redis is away");
        }
        self.trouble.notify_one();
    }

    /// Gives a better reason, if Redis is away. Not being what was demanded is as good as being away.
    fn explain(&self, error: &StoreError) {
        let unusable = matches!(error, StoreError::Unusable(_));
        let (StoreError::Unavailable(reason) | StoreError::Unusable(reason)) = error;
        self.state.send_if_modified(|state| {
            match state {
                State::Down { why, .. } => *why = reason.as_str().into(),
                State::Up if unusable => *state = State::Down { since: Instant::now(), why: reason.as_str().into() },
                State::Up => {}
            }
            false
        });
    }

    fn back(&self) {
        let State::Down { since, .. } = self.state.send_replace(State::Up) else { return };
        tracing::info!(away_ms = since.elapsed().as_millis(), "redis is back");
    }
}

/// The task that finds Redis again; it ends with the store.
pub(super) struct Watcher(JoinHandle<()>);

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Watcher {
    pub fn start(core: &Arc<Core>) -> Self {
        let health = Arc::clone(&core.health);
        let core = Arc::downgrade(core);
        Self(tokio::spawn(async move {
            loop {
                health.trouble.notified().await;
                if recover(&core).await.is_none() {
                    return;
                }
            }
        }))
    }
}

/// Looks at Redis until all is well; `None` when the store is gone.
async fn recover(core: &Weak<Core>) -> Option<()> {
    for attempt in 0_u32.. {
        let core = core.upgrade()?;
        match core.look().await {
            Ok(()) => {
                core.health.back();
                break;
            }
            Err(error) => core.health.explain(&error),
        }
        // Connections that hang do not break by themselves for many minutes, and one to a former master stays with it.
        if attempt % RENEW_EVERY == RENEW_EVERY - 1
            && let Err(error) = core.links.renew(&core.settings, &core.health).await
        {
            core.health.explain(&error);
        }
        drop(core);
        tokio::time::sleep(FIRST_PAUSE.saturating_mul(1 << attempt.min(5)).min(LONGEST_PAUSE)).await;
    }
    Some(())
}

/// After so many looks in vain, new connections are made.
const RENEW_EVERY: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

impl Core {
    /// Whether Redis can be used: reachable, a master, as durable as demanded, and with our store on it.
    async fn look(&self) -> Result<(), StoreError> {
        let look = async {
            safety::inspect(&self.links, self.settings.durability).await?;
            meta::ensure(&self.links, &self.keys, &self.options).await
        };
        let limit = self.settings.response_timeout;
        let found = tokio::time::timeout(limit, look).await.unwrap_or_else(|_| Err(no_answer(limit)))?;
        if found.created {
            tracing::error!("redis has lost the store: it came back empty, and counting starts anew");
        }
        Ok(())
    }

    pub async fn ping(&self) -> Result<(), StoreError> {
        self.health.up().await?;
        self.masters(&redis::cmd("PING")).await?;
        let limit = self.settings.response_timeout;
        let meta = meta::ensure(&self.links, &self.keys, &self.options);
        let found = tokio::time::timeout(limit, meta).await.unwrap_or_else(|_| Err(no_answer(limit)))?;
        if found.created {
            tracing::error!("redis has lost the store: it is empty, and counting starts anew");
        }
        Ok(())
    }
}
