//! A worker: gathers what arrived while its last rounds were under way, and makes the next round of it.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesOrdered;
use tokio::sync::mpsc;

use super::Shared;
use super::cache::Cache;
use super::job::Job;
use super::round::{Again, Round};
use super::step::wants_what_is_stored;
use crate::store::Together;

/// A round takes no more requests when it has so many steps: keeps a commit, and what a refusal costs, small.
const ROUND: usize = 512;

/// How many rounds may be on their way at once: while one becomes durable, the next is applied on top of it. Should the first be
/// refused, what the second built on it is refused as well: it expects versions that only the first would have written
/// ([`crate::store::next_version`]). Nothing new is begun then until both have ended.
const ON_THEIR_WAY: usize = 2;

/// A second round is begun only when it has so many jobs. Where a commit costs an fsync, one for all is cheaper than two under
/// less load; where another process does the work, both may as well work at once.
const SECOND_DURABLE: usize = 128;
const SECOND_ELSEWHERE: usize = 16;

/// Does the jobs of one group of partitions.
pub(super) struct Worker {
    shared: Arc<Shared>,
    jobs: mpsc::UnboundedReceiver<Vec<Job>>,
    cache: Cache,
    /// How many jobs a second round needs.
    second: usize,
    /// What waits for a round.
    waiting: Vec<Job>,
    /// What was refused. It is tried again when no other round is on its way.
    again: Again,
}

impl Worker {
    pub fn new(shared: Arc<Shared>, jobs: mpsc::UnboundedReceiver<Vec<Job>>, cache: Cache) -> Self {
        let second = match shared.store.together() {
            Together::Atomic => SECOND_DURABLE,
            Together::OneTrip | Together::Apart => SECOND_ELSEWHERE,
        };
        Self { shared, jobs, cache, second, waiting: Vec::new(), again: Again::default() }
    }

    /// Works until every sender is gone.
    pub async fn run(mut self) {
        let mut rounds = FuturesOrdered::new();
        loop {
            if self.may_begin(rounds.len()) {
                let (again, jobs) = (std::mem::take(&mut self.again), std::mem::take(&mut self.waiting));
                if let Some(mut round) = Round::begin(&self.shared, &mut self.cache, again, jobs).await {
                    let commits = round.commits(&mut self.cache);
                    rounds.push_back(round.commit(commits));
                }
            }
            tokio::select! {
                // First of all, so that a round that was just begun is on its way before the next one is applied.
                biased;
                Some(round) = rounds.next() => self.end(round).await,
                jobs = self.jobs.recv(), if self.waiting.len() < ROUND => match jobs {
                    Some(jobs) => self.gather(jobs),
                    None => break,
                },
            }
        }
        while let Some(round) = rounds.next().await {
            self.end(round).await;
        }
    }

    fn may_begin(&self, on_their_way: usize) -> bool {
        let refused = !self.again.steps.is_empty();
        match on_their_way {
            0 => refused || !self.waiting.is_empty(),
            ON_THEIR_WAY.. => false,
            // What is on its way is not stored yet.
            _ => {
                !refused
                    && self.waiting.len() >= self.second
                    && !self.waiting.iter().any(|job| wants_what_is_stored(&job.task))
            }
        }
    }

    /// Takes the jobs that came, and those that wait behind them.
    fn gather(&mut self, jobs: Vec<Job>) {
        self.waiting.extend(jobs);
        while self.waiting.len() < ROUND
            && let Ok(more) = self.jobs.try_recv()
        {
            self.waiting.extend(more);
        }
    }

    async fn end(&mut self, round: Round) {
        let left = round.end(&mut self.cache).await;
        self.cache.trim();
        if left.done_nothing {
            back_off(left.steps.iter().map(|step| step.tries).max().unwrap_or(0)).await;
        }
        self.again.steps.extend(left.steps);
        self.again.seen.extend(left.seen);
    }
}

/// Other processes change the same records; a little patience lets one of them through.
async fn back_off(tries: u32) {
    let ceiling = 1_u64 << tries.min(6);
    tokio::time::sleep(Duration::from_millis(rand::random_range(0..=ceiling))).await;
}
