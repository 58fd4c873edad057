//! A worker: gathers what arrived while its last round was under way, and makes the next round of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::Shared;
use super::cache::Cache;
use super::job::Job;
use super::round::{Again, Round};

/// A round takes no more requests when it has so many steps: keeps a commit, and what a refusal costs, small.
const ROUND: usize = 512;

/// Does the jobs of one group of partitions.
pub(super) struct Worker {
    shared: Arc<Shared>,
    jobs: mpsc::UnboundedReceiver<Vec<Job>>,
    cache: Cache,
    again: Again,
}

impl Worker {
    pub fn new(shared: Arc<Shared>, jobs: mpsc::UnboundedReceiver<Vec<Job>>, cache: Cache) -> Self {
        Self { shared, jobs, cache, again: Again::default() }
    }

    /// Works until every sender is gone.
    pub async fn run(mut self) {
        while let Some(jobs) = self.gather().await {
            let again = std::mem::take(&mut self.again);
            let steps = again.steps.len() + jobs.len();
            let setup = self.shared.setup();
            self.again = Round::new(&self.shared, &setup, &mut self.cache).run(again, jobs).await;
            self.cache.trim();
            if self.again.steps.len() == steps {
                back_off(self.again.steps.iter().map(|step| step.tries).max().unwrap_or(0)).await;
            }
        }
    }

    /// The next jobs; waits for some unless there is something to be tried again.
    async fn gather(&mut self) -> Option<Vec<Job>> {
        let mut all = if self.again.steps.is_empty() { self.jobs.recv().await? } else { Vec::new() };
        while self.again.steps.len() + all.len() < ROUND
            && let Ok(jobs) = self.jobs.try_recv()
        {
            all.extend(jobs);
        }
        Some(all)
    }
}

/// Other processes change the same records; a little patience lets one of them through.
async fn back_off(tries: u32) {
    let ceiling = 1_u64 << tries.min(6);
    tokio::time::sleep(Duration::from_millis(rand::random_range(0..=ceiling))).await;
}
