//! A store that fails now and then: before it did anything, or after it did everything.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use handraiser::cdp::MessageHash;
use handraiser::identity::{PartitionId, Partitions, RecordKey};
use handraiser::store::*;
use handraiser::time::Millis;

/// Fails some of the commits and loads of the store that it wraps.
pub struct FaultyStore {
    inner: SharedStore,
    state: AtomicU64,
    together: Option<Together>,
}

impl FaultyStore {
    pub fn new(inner: SharedStore, seed: u64) -> Self {
        Self { inner, state: AtomicU64::new(seed), together: None }
    }

    /// One that takes commits as `together` says, which must not be more than `inner` can promise.
    pub fn taking(self, together: Together) -> Self {
        Self { together: Some(together), ..self }
    }

    fn dice(&self) -> u64 {
        // SplitMix64 (Steele, Lea, Flood 2014).
        let mut z = self.state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % 100
    }
}

fn down() -> StoreError {
    StoreError::Unavailable("a planned failure".to_owned())
}

#[async_trait]
impl Store for FaultyStore {
    fn partitions(&self) -> Partitions {
        self.inner.partitions()
    }

    async fn load(&self, partition: PartitionId, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        if self.dice() < 3 { Err(down()) } else { self.inner.load(partition, keys).await }
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        match self.dice() {
            0..5 => Err(down().into()),
            5..10 => {
                self.inner.commit(commit).await?;
                Err(down().into())
            }
            10..15 => Err(CommitError::Conflict(commit.writes.into_iter().map(|write| write.key).collect())),
            _ => self.inner.commit(commit).await,
        }
    }

    fn together(&self) -> Together {
        self.together.unwrap_or_else(|| self.inner.together())
    }

    async fn commit_all(&self, commits: Vec<Commit>) -> Vec<Result<(), CommitError>> {
        if self.together() != Together::Atomic {
            // Each fails or succeeds by itself.
            let mut outcomes = Vec::new();
            for commit in commits {
                outcomes.push(self.commit(commit).await);
            }
            return outcomes;
        }
        let len = commits.len();
        let all_fail = || (0..len).map(|_| Err(down().into())).collect();
        match self.dice() {
            0..5 => all_fail(),
            5..10 => {
                self.inner.commit_all(commits).await;
                all_fail()
            }
            10..15 => {
                let moved = |commit: Commit| commit.writes.into_iter().map(|write| write.key).collect();
                let refused =
                    |(at, commit)| if at == 0 { CommitError::Conflict(moved(commit)) } else { CommitError::Withdrawn };
                commits.into_iter().enumerate().map(|one| Err(refused(one))).collect()
            }
            _ => self.inner.commit_all(commits).await,
        }
    }

    async fn seen(&self, partition: PartitionId, messages: &[MessageHash]) -> Result<Vec<Option<Note>>, StoreError> {
        if self.dice() < 3 { Err(down()) } else { self.inner.seen(partition, messages).await }
    }

    async fn claim(
        &self,
        partition: PartitionId,
        queue: &QueueName,
        now: Millis,
        lease: Duration,
        limit: usize,
    ) -> Result<Claims, StoreError> {
        self.inner.claim(partition, queue, now, lease, limit).await
    }

    async fn entries(&self, query: &EntryQuery) -> Result<Vec<EntryRow>, StoreError> {
        self.inner.entries(query).await
    }

    async fn replay(&self, which: &Replay, now: Millis) -> Result<usize, StoreError> {
        self.inner.replay(which, now).await
    }

    async fn queue_stats(&self, now: Millis) -> Result<Vec<QueueStats>, StoreError> {
        self.inner.queue_stats(now).await
    }

    async fn leads(&self, query: &LeadQuery) -> Result<Vec<LeadRow>, StoreError> {
        self.inner.leads(query).await
    }

    async fn lead(&self, id: &str) -> Result<Option<LeadRow>, StoreError> {
        self.inner.lead(id).await
    }

    async fn reject(&self, rejected: Vec<Rejected>) -> Result<(), StoreError> {
        self.inner.reject(rejected).await
    }

    async fn rejected(&self, limit: usize) -> Result<Vec<Rejected>, StoreError> {
        self.inner.rejected(limit).await
    }

    async fn forget(&self, key: &RecordKey) -> Result<Forgotten, StoreError> {
        match self.dice() {
            0..15 => Err(down()),
            15..30 => {
                self.inner.forget(key).await?;
                Err(down())
            }
            _ => self.inner.forget(key).await,
        }
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }
}
