//! Makes durable what was applied. One commit of a worker is under way at a time, and what comes meanwhile is applied meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::agenda::LOOK_AT_HELD;
use super::applier::{Applier, Written, log_of};
use super::{LOST, Upset, Worker, in_parallel};
use crate::engine::input::Input;
use crate::engine::pending::Pending;
use crate::engine::remembered::Remembered;
use crate::engine::scrub;
use crate::ids::{Position, RecordKey, RecordKind, ShardId};
use crate::record::AgendaList;
use crate::store::{Commit, CommitError, Listed};
use crate::time::Millis;

/// A commit is made at the latest after so many messages.
const MAX_PENDING_MESSAGES: usize = 25_000;
/// However much else there is in memory, records get this share of the setting, as a divisor.
const MIN_RECORDS_SHARE: usize = 4;
/// To write fewer records than this, other threads are not worth waking.
const MIN_PARALLEL_RECORDS: usize = 64;

/// What becomes true of a shard when its commit has happened.
struct Step {
    shard: ShardId,
    to: Position,
    ids: Vec<u64>,
    forgotten: Vec<i64>,
    /// How many messages were skipped, since they can't be applied.
    skipped: usize,
    /// How many bytes it leaves for the archive.
    left: usize,
    /// Up to where the archive has what was left before.
    archived: Option<u64>,
}

/// A commit on its way to the store.
pub(super) struct UnderWay {
    storing: JoinHandle<Result<(), CommitError>>,
    began: Instant,
    steps: Vec<Step>,
    /// What each applier writes with it.
    written: Vec<Vec<Written>>,
    /// The shards that it sends messages to.
    sends_to: BTreeSet<ShardId>,
    /// When the oldest message in it came into its log.
    pub oldest: Option<Millis>,
    messages: usize,
}

impl UnderWay {
    /// How it ended.
    pub async fn ended(&mut self) -> Result<(), Upset> {
        match (&mut self.storing).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(CommitError::Moved(shards))) => Err(Upset::Moved(shards)),
            Ok(Err(CommitError::Store(error))) => Err(Upset::Store(error)),
            // Whether it happened is as unknown as when the store doesn't answer.
            Err(error) if error.is_panic() => Err(Upset::Panic),
            // The runtime is shutting down, and everything in it ends where it is.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Worker {
    /// Whether somebody waits for the next commit.
    pub(super) fn is_urgent(&self) -> bool {
        self.appliers.iter().any(|applier| applier.pending.urgent)
    }

    /// When to commit what was applied, if anything was.
    pub(super) fn commit_at(&self) -> Option<Instant> {
        let since = self.appliers.iter().filter_map(|applier| applier.pending.since).min()?;
        Some(self.pace.next(since, self.is_urgent()))
    }

    /// Whether to commit what was applied.
    pub(super) fn is_time(&self) -> bool {
        self.commit_at().is_some_and(|at| at <= Instant::now()) || self.is_full()
    }

    /// Whether so much is applied and not committed that nothing more is read until it is.
    pub(super) fn is_full(&self) -> bool {
        self.appliers.iter().map(|applier| applier.pending.messages).sum::<usize>() >= MAX_PENDING_MESSAGES
    }

    /// Whether there is something to do that can be done only when everything is committed.
    pub(super) fn is_due(&self) -> bool {
        self.due.values().any(|at| *at <= self.batch.now)
    }

    pub(super) fn is_committed(&self) -> bool {
        self.under_way.is_none() && self.appliers.iter().all(|applier| applier.pending.is_empty())
    }

    /// Whether messages to a shard wait to be committed.
    pub(super) fn is_sending_to(&self, shard: ShardId) -> bool {
        self.under_way.as_ref().is_some_and(|under_way| under_way.sends_to.contains(&shard))
            || self.appliers.iter().any(|applier| applier.pending.sends_to(shard))
    }

    /// Commits what was applied, and waits until everything is stored.
    pub(super) async fn commit(&mut self) -> Result<(), Upset> {
        self.wait_for_commit().await?;
        self.begin_commit().await?;
        self.wait_for_commit().await
    }

    /// Begins to commit what was applied. None is under way when this is called.
    pub(super) async fn begin_commit(&mut self) -> Result<(), Upset> {
        if self.appliers.iter().all(|applier| applier.pending.is_empty()) {
            self.appliers.iter_mut().for_each(|applier| applier.pending = Pending::default());
            return Ok(());
        }
        let began = Instant::now();
        for applier in &mut self.appliers {
            scrub::leads(&self.shared.store, &mut applier.pending).await?;
            scrub::deliveries(&self.shared.store, &mut applier.pending, self.batch.now).await?;
        }
        let oldest = self.appliers.iter().filter_map(|applier| applier.pending.oldest).min();
        let messages = self.appliers.iter().map(|applier| applier.pending.messages).sum();
        let (commits, written) = self.write().await;
        let step = |commit: &Commit| Step {
            shard: commit.shard,
            to: commit.to,
            ids: commit.ids.clone(),
            skipped: commit.rejected.iter().filter(|one| one.source == log_of(commit.shard)).count(),
            forgotten: commit.forget_ids.clone(),
            left: commit.block.as_ref().map_or(0, Bytes::len),
            archived: commit.blocks_passed,
        };
        let steps: Vec<Step> = commits.iter().map(step).collect();
        for Step { shard, to, .. } in &steps {
            if let Some(owned) = self.shards.get_mut(shard) {
                owned.position = *to;
            }
        }
        let sends_to = commits.iter().flat_map(|commit| &commit.messages).map(|message| message.shard).collect();
        let store = Arc::clone(&self.shared.store);
        let storing = tokio::spawn(async move { store.commit(commits).await });
        self.under_way = Some(UnderWay { storing, began, steps, written, sends_to, oldest, messages });
        Ok(())
    }

    /// Waits for the commit that is under way, if one is. Whoever answers meanwhile is sent the next news: a destination doesn't wait
    /// for a commit.
    async fn wait_for_commit(&mut self) -> Result<(), Upset> {
        let mut delivered = Ok(());
        while let Some(under_way) = &mut self.under_way {
            tokio::select! {
                biased;
                ended = under_way.ended() => return self.committed(ended).await.and(delivered),
                Some(input) = self.inputs.recv() => {
                    if let Input::Attempted(key, _) = &input {
                        self.deliveries.answered(key);
                        delivered = delivered.and(self.deliver().await);
                    }
                    self.heard.push(input);
                }
            }
        }
        delivered
    }

    /// The commit that was under way has ended.
    pub(super) async fn committed(&mut self, ended: Result<(), Upset>) -> Result<(), Upset> {
        let Some(under_way) = self.under_way.take() else { return ended };
        let UnderWay { began, steps, written, sends_to, oldest, messages, .. } = under_way;
        if let Err(upset) = ended {
            // Did it happen after all, all of them are read anew.
            for Step { shard, ids, .. } in steps {
                let applier = self.shards.get(&shard).and_then(|owned| self.appliers.get_mut(owned.applier));
                if let Some(remembered) = applier.and_then(|applier| applier.remembered.get_mut(&shard)) {
                    remembered.take_back(&ids);
                }
            }
            return Err(upset);
        }
        self.pace.committed(began);
        self.note_steps(steps);
        self.shared.observe_lag(oldest, messages);
        self.note_written(written);
        self.note_own_messages(&sends_to).await
    }

    /// Waits until it is known whether the commit that is under way has happened, and notes it if it has.
    pub(super) async fn settle(&mut self) {
        if let Some(under_way) = &mut self.under_way {
            let ended = under_way.ended().await;
            // What is applied is dropped by whoever calls this, and read anew where this failed.
            let _ = self.committed(ended).await;
        }
    }

    /// The commits, and what each applier writes with them.
    async fn write(&mut self) -> (Vec<Commit>, Vec<Vec<Written>>) {
        let standing = self.shards.iter().map(|(shard, owned)| (*shard, (owned.position, owned.step))).collect();
        let standing = Arc::new(standing);
        let is_much =
            self.appliers.iter().map(|applier| applier.pending.dirty.len()).sum::<usize>() >= MIN_PARALLEL_RECORDS;
        let jobs = self.appliers.iter().map(|_| (Arc::clone(&standing), self.batch.clone())).collect();
        let all = in_parallel(&mut self.appliers, jobs, is_much, |mut applier, (standing, batch)| async move {
            let commits = applier.commits(&standing, &batch);
            (applier, commits)
        });
        let (commits, written): (Vec<_>, Vec<_>) = all.await.into_iter().unzip();
        let mut commits: Vec<Commit> = commits.into_iter().flatten().collect();
        commits.sort_unstable_by_key(|commit| commit.shard);
        (commits, written)
    }

    fn note_steps(&mut self, steps: Vec<Step>) {
        for Step { shard, to, ids, forgotten, skipped, left, archived } in steps {
            let Some(owned) = self.shards.get_mut(&shard).filter(|owned| owned.step != LOST) else { continue };
            self.shared.poisoned(skipped);
            owned.step += 1;
            self.shared.archiving.left(shard, owned.step, left);
            if let Some(archived) = archived {
                self.shared.archiving.passed(shard, archived);
            }
            if let Some(remembered) =
                self.appliers.get_mut(owned.applier).and_then(|applier| applier.remembered.get_mut(&shard))
            {
                remembered.stored(&ids, self.batch.now);
                remembered.forget(&forgotten);
            }
            self.shared.progress.committed(shard, to, owned.step);
            if self.poison.keys().any(|(of, position)| *of == shard && *position <= to) {
                Arc::make_mut(&mut self.poison).retain(|(of, position), _| *of != shard || *position > to);
            }
        }
    }

    fn note_written(&mut self, written: Vec<Vec<Written>>) {
        let oldest = self.appliers.iter().filter_map(|applier| applier.pending.oldest).min();
        self.shared.progress.waiting_since(self.number, oldest);
        for (key, listed, _) in written.iter().flatten() {
            self.note_agenda(key, listed.as_ref());
        }
        let mut destinations = Vec::new();
        for (applier, written) in self.appliers.iter_mut().zip(written) {
            for (key, listed, gone) in written {
                applier.cache.stored(&key, listed, gone);
                destinations.extend((key.kind == RecordKind::Destination).then_some(key));
            }
        }
        destinations.iter().for_each(|key| self.note_pause(key));
        self.bound_memory();
        self.shared.uses_memory(self.number, self.appliers.iter().map(|applier| applier.cache.bytes()).sum());
    }

    /// Lets go of records beyond what the setting leaves for them. Message ids, what was just appended, and what the store keeps in
    /// memory are part of it.
    fn bound_memory(&mut self) {
        let ids = |applier: &Applier| applier.remembered.values().map(Remembered::bytes).sum::<usize>();
        let beside = self.shared.store.memory_bytes() + self.shared.fresh.max_bytes();
        let own = self.memory_bytes.saturating_sub(beside / self.shared.inputs.len().max(1));
        let left = own.saturating_sub(self.appliers.iter().map(ids).sum()).max(self.memory_bytes / MIN_RECORDS_SHARE);
        let each = left / self.appliers.len().max(1);
        for applier in &mut self.appliers {
            applier.cache.limit(each);
            applier.cache.evict();
        }
    }

    /// Remembers when the agenda has to be looked at because of a record that was just stored.
    fn note_agenda(&mut self, key: &RecordKey, listed: Option<&Listed>) {
        let Some(listed) = listed else { return };
        let Some(list) = AgendaList::read(listed.list.as_str()) else { return };
        if matches!(list, AgendaList::Dead(_) | AgendaList::Wait(..) | AgendaList::Paused) {
            return;
        }
        if let AgendaList::Deliver(destination) = &list
            && listed.at <= self.batch.now
            && self.deliveries.ready(destination, key)
        {
            return;
        }
        let shard = self.shared.store.shards().of(key);
        // They are held for long, and asked about as seldom.
        let ahead = if matches!(list, AgendaList::Held(_)) { LOOK_AT_HELD } else { 0 };
        let due = self.due.entry((shard, list)).or_insert(Millis(i64::MAX));
        *due = (*due).min(listed.at.plus(ahead));
    }

    /// Messages were sent to shards of this worker through their logs: remembers up to where they stand there.
    async fn note_own_messages(&mut self, to: &BTreeSet<ShardId>) -> Result<(), Upset> {
        let own: Vec<ShardId> = to.iter().copied().filter(|shard| self.shards.contains_key(shard)).collect();
        if own.is_empty() || !self.shared.store.commits_shards_together() {
            return Ok(());
        }
        for (shard, progress) in own.iter().zip(self.shared.store.progress(&own).await?) {
            if let Some(owned) = self.shards.get_mut(shard) {
                owned.own_messages = progress.end;
            }
        }
        Ok(())
    }
}
