//! Whether Redis is there: what calls do while it is not, and how it is found again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::{ErrorKind, RedisError, ServerErrorKind};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::store::StoreError;

/// What everybody knows about Redis being there.
pub(super) struct Health {
    state: watch::Sender<State>,
    /// Rung when Redis should be looked at.
    trouble: Notify,
    /// Which generation of connections is in use; what older ones have to say is of no interest.
    epoch: AtomicU64,
    /// How many calls have failed since all was well.
    failed: AtomicU64,
    patience: Duration,
}

#[derive(Clone)]
enum State {
    Up,
    /// Some nodes of a cluster don't answer. Calls go on, since they may be for others.
    Partly {
        since: Instant,
    },
    Down {
        since: Instant,
        why: Arc<str>,
    },
}

impl Health {
    pub fn new(patience: Duration) -> Self {
        Self {
            state: watch::Sender::new(State::Up),
            trouble: Notify::new(),
            epoch: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            patience,
        }
    }

    pub fn next_epoch(&self) -> u64 {
        self.epoch.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Returns when Redis is there. While it is away, calls wait for it for a moment, counted from when it was lost, so that
    /// a restart or a dropped connection is not felt; after that they fail at once, so that they do not pile up.
    pub async fn up(&self) -> Result<(), StoreError> {
        let State::Down { since, .. } = self.state.borrow().clone() else { return Ok(()) };
        let mut states = self.state.subscribe();
        let back = states.wait_for(|state| !matches!(state, State::Down { .. }));
        if tokio::time::timeout_at(since + self.patience, back).await.is_ok() {
            return Ok(());
        }
        let State::Down { why, .. } = self.state.borrow().clone() else { return Ok(()) };
        self.failed();
        Err(StoreError::Unavailable(why.to_string()))
    }

    /// Whether Redis is there, without waiting for it.
    pub fn is_up(&self) -> Result<(), StoreError> {
        let State::Down { why, .. } = &*self.state.borrow() else { return Ok(()) };
        Err(StoreError::Unavailable(why.to_string()))
    }

    /// Resolves once Redis should be looked at.
    pub async fn trouble(&self) {
        self.trouble.notified().await;
    }

    /// A call has failed, whatever the reason.
    pub fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
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
            // A shard without a state: the store was flushed.
            _ if error.code() == Some("NOSTATE") => self.suspect(),
            _ => {}
        }
    }

    /// Redis should be looked at; calls go on meanwhile.
    pub fn suspect(&self) {
        self.trouble.notify_one();
    }

    fn lost(&self, why: &str) {
        let lost = self.state.send_if_modified(|state| {
            let since = match state {
                State::Up => Instant::now(),
                State::Partly { since } => *since,
                State::Down { .. } => return false,
            };
            *state = State::Down { since, why: why.into() };
            true
        });
        if lost {
            tracing::warn!(reason = why, "redis is away");
        }
        self.trouble.notify_one();
    }

    /// A look was in vain. A single Redis is away then; in a cluster it may be one node of several. Not being what was demanded
    /// is as good as being away.
    pub fn looked(&self, error: &StoreError, cluster: bool) {
        let (StoreError::Unavailable(reason) | StoreError::Unusable(reason)) = error;
        let partly = cluster && matches!(error, StoreError::Unavailable(_));
        let mut news = false;
        self.state.send_if_modified(|state| {
            match state {
                State::Down { why, .. } => *why = reason.as_str().into(),
                State::Partly { .. } if partly => {}
                State::Up | State::Partly { .. } => {
                    let since = Instant::now();
                    news = true;
                    *state = if partly {
                        State::Partly { since }
                    } else {
                        State::Down { since, why: reason.as_str().into() }
                    };
                }
            }
            news
        });
        if news {
            tracing::warn!(reason, "redis is away{}", if partly { " in part" } else { "" });
        }
    }

    /// All is well.
    pub fn back(&self) {
        let failed_calls = self.failed.swap(0, Ordering::Relaxed);
        let (State::Down { since, .. } | State::Partly { since }) = self.state.send_replace(State::Up) else { return };
        tracing::info!(away_ms = since.elapsed().as_millis(), failed_calls, "redis is back");
    }
}
