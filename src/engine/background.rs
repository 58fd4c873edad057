//! Everything that works besides the requests: merges, routing, deliveries. One of these per process.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::merge::{MergeError, MergeHandler};
use super::queue::backoff::{Backoff, later};
use super::queue::{Handler, Runner, Settings, Surroundings, Work};
use super::route_worker::Router;
use super::{Engine, EngineError, SharedConfig, queues};
use crate::crm::Deliveries;
use crate::store::{Claimed, Outcome, StoreError};
use crate::time::Clock;

/// When a merge that could not be finished is tried again.
const MERGE_RETRY: Backoff = Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(30) };

/// The workers of all queues.
pub struct Background {
    merges: Runner,
    routing: Runner,
    deliveries: Deliveries,
}

impl Background {
    /// Starts the workers of all queues; must be called within a tokio runtime.
    #[must_use]
    pub fn start(engine: &Engine, around: Surroundings, config: SharedConfig) -> Self {
        let merge = Merge { handler: MergeHandler::new(engine.clone()), clock: around.clock.clone() };
        let router = Router::new(Arc::clone(&around.store), Arc::clone(&config), around.clock.clone());
        let settings = Settings::default();
        Self {
            merges: Runner::start(queues::merge(), around.clone(), Arc::new(merge), settings),
            routing: Runner::start(queues::route(), around.clone(), Arc::new(router), settings),
            deliveries: Deliveries::start(around, config),
        }
    }

    /// To be called after a reload of the configuration: follows changes of the destinations.
    pub async fn reload(&mut self, drain: Duration) {
        self.deliveries.reload(drain).await;
    }

    /// Ends all workers gracefully, all at once; what isn't finished within `limit` goes back to its queue. To be called
    /// before the engine and the store are closed.
    pub async fn drain(self, limit: Duration) {
        tokio::join!(self.merges.drain(limit), self.routing.drain(limit), self.deliveries.drain(limit));
    }
}

/// The merge queue's handler, as the runner wants it.
struct Merge {
    handler: MergeHandler,
    clock: Clock,
}

#[async_trait]
impl Handler for Merge {
    /// Short, as [`Handler::commit_time`] is: a history whose bearer was killed should not wait long for the next one, and
    /// bringing it home twice does no harm.
    fn deadline(&self) -> Duration {
        Duration::from_secs(5)
    }

    fn commit_time(&self) -> Duration {
        Duration::from_secs(5)
    }

    async fn handle(&self, claimed: &Claimed) -> Result<Work, StoreError> {
        let attempts = claimed.entry.attempts.saturating_add(1);
        let outcome = match self.handler.merge(claimed).await {
            Ok(()) => Outcome::Done { keep: false },
            Err(MergeError::Engine(EngineError::Store(error))) => return Err(error),
            // Another process takes it, or this one when it starts again.
            Err(error @ MergeError::Engine(EngineError::Draining)) => {
                let due = later(self.clock.now(), MERGE_RETRY.wait(attempts, rand::random()));
                Outcome::Retry { due, attempts: claimed.entry.attempts, error: error.to_string() }
            }
            Err(error @ MergeError::Payload(_)) => Outcome::Dead { attempts, error: error.to_string() },
        };
        Ok(outcome.into())
    }
}
