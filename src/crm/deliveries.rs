//! All destinations' workers: one runner each, so that none waits for another. Follows reloads of the configuration.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::DestinationName;
use super::worker::Deliverer;
use crate::engine::SharedConfig;
use crate::engine::queue::{Runner, Settings, Surroundings};
use crate::store::QueueName;

/// The queue of a destination.
#[must_use]
pub fn queue_of(destination: &str) -> QueueName {
    QueueName::new(&format!("deliver:{destination}"))
}

/// The workers of all configured destinations.
pub struct Deliveries {
    around: Surroundings,
    config: SharedConfig,
    running: BTreeMap<DestinationName, Running>,
}

struct Running {
    runner: Runner,
    concurrency: usize,
}

impl Deliveries {
    /// Starts a worker for every configured destination; must be called within a tokio runtime.
    #[must_use]
    pub fn start(around: Surroundings, config: SharedConfig) -> Self {
        let mut deliveries = Self { around, config, running: BTreeMap::new() };
        deliveries.start_missing();
        deliveries
    }

    /// To be called after a reload: starts workers for new destinations, ends those of destinations that left, and starts
    /// anew where the concurrency changed. Everything else takes effect by itself. What waits for a destination that left
    /// stays in its queue.
    pub async fn reload(&mut self, drain: Duration) {
        let wanted: BTreeMap<_, _> = self.wanted();
        let stale = |name: &DestinationName, running: &Running| wanted.get(name) != Some(&running.concurrency);
        let leaving: Vec<_> = self
            .running
            .iter()
            .filter(|(name, running)| stale(name, running))
            .map(|(name, _)| Arc::clone(name))
            .collect();
        let leaving = leaving.iter().filter_map(|name| self.running.remove(name));
        let drained = leaving.map(|running| running.runner.drain(drain));
        futures::future::join_all(drained).await;
        self.start_missing();
    }

    /// Ends all workers gracefully.
    pub async fn drain(self, limit: Duration) {
        futures::future::join_all(self.running.into_values().map(|running| running.runner.drain(limit))).await;
    }

    fn wanted(&self) -> BTreeMap<DestinationName, usize> {
        let config = self.config.load();
        config.destinations.iter().map(|destination| (Arc::clone(&destination.name), destination.concurrency)).collect()
    }

    fn start_missing(&mut self) {
        for (name, concurrency) in self.wanted() {
            if self.running.contains_key(&name) {
                continue;
            }
            let deliverer = Deliverer::new(Arc::clone(&name), Arc::clone(&self.config), self.around.clock.clone());
            let settings = Settings { concurrency, ..Settings::default() };
            let runner = Runner::start(queue_of(&name), self.around.clone(), Arc::new(deliverer), settings);
            self.running.insert(name, Running { runner, concurrency });
        }
    }
}
