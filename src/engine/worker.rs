//! A worker: gathers what arrived while its last rounds were under way, and makes the next round of it.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesOrdered;

use super::Shared;
use super::cache::Cache;
use super::job::Job;
use super::mailbox::{Mailbox, Taker};
use super::round::{Again, Round};
use super::step::wants_what_is_stored;
use crate::store::Together;

/// A round takes no more requests when it has so many jobs: keeps a commit, and what a refusal costs, small.
const fn round_of(together: Together) -> usize {
    match together {
        // Small ones, so that the next is applied while one is written.
        Together::Atomic => 256,
        // What a call costs by partition is shared by more events.
        Together::OneTrip | Together::Apart => 1_024,
    }
}

/// How many rounds may be on their way at once: while one becomes durable, the next is applied on top of it. Should the first be
/// refused, what the second built on it is refused as well: it expects versions that only the first would have written
/// ([`crate::store::next_version`]). Nothing new is begun then until both have ended.
const ON_THEIR_WAY: usize = 2;

/// A second round is begun only when it has so many jobs: every round costs something, however few events it carries.
const SECOND: usize = 16;

/// Does the jobs of one group of partitions.
pub(super) struct Worker {
    shared: Arc<Shared>,
    /// Which of the mailboxes is its own.
    mailbox: usize,
    cache: Cache,
    /// How many jobs make a round.
    round: usize,
    /// What waits for a round.
    waiting: Vec<Job>,
    /// What was refused. It is tried again when no other round is on its way.
    again: Again,
}

impl Worker {
    pub fn new(shared: Arc<Shared>, mailbox: usize, cache: Cache) -> Self {
        let round = round_of(shared.store.together());
        Self { shared, mailbox, cache, round, waiting: Vec::new(), again: Again::default() }
    }

    /// Works until its mailbox is closed.
    pub async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let Some(mailbox) = shared.mailboxes.get(self.mailbox) else { return };
        let _taker = Taker(mailbox);
        let (mut rounds, mut open) = (FuturesOrdered::new(), true);
        loop {
            // Also sends a round on its way that was just begun, before the next one is applied.
            while let Poll::Ready(Some(round)) = futures::poll!(rounds.next()) {
                self.end(round).await;
            }
            self.gather(mailbox);
            if self.may_begin(rounds.len()) {
                let (again, jobs) = (std::mem::take(&mut self.again), std::mem::take(&mut self.waiting));
                if let Some(mut round) = Round::begin(&self.shared, &mut self.cache, again, jobs).await {
                    let commits = round.commits(&mut self.cache);
                    rounds.push_back(round.commit(commits));
                    continue;
                }
            }
            if !open && rounds.is_empty() {
                break;
            }
            let wanted = self.wanted(rounds.len()).filter(|_| open);
            tokio::select! {
                biased;
                Some(round) = rounds.next() => self.end(round).await,
                more = mailbox.filled(wanted.unwrap_or(usize::MAX)), if wanted.is_some() => open = more,
            }
        }
    }

    fn may_begin(&self, on_their_way: usize) -> bool {
        match on_their_way {
            0 => !self.again.steps.is_empty() || !self.waiting.is_empty(),
            _ => self.may_follow(on_their_way) && self.waiting.len() >= SECOND,
        }
    }

    /// Whether another round may be begun now, given enough jobs.
    fn may_follow(&self, on_their_way: usize) -> bool {
        // What is on its way is not stored yet.
        on_their_way < ON_THEIR_WAY
            && self.again.steps.is_empty()
            && !self.waiting.iter().any(|job| wants_what_is_stored(&job.task))
    }

    /// How many more jobs it takes for another round; `None` when only the end of one can help.
    fn wanted(&self, on_their_way: usize) -> Option<usize> {
        match on_their_way {
            0 => Some(1),
            _ => self.may_follow(on_their_way).then(|| SECOND.saturating_sub(self.waiting.len()).max(1)),
        }
    }

    /// Takes what waits, as much as makes a round.
    fn gather(&mut self, mailbox: &Mailbox) {
        mailbox.take(self.round, &mut self.waiting);
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
