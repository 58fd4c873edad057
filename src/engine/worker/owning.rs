//! Which shards are this worker's: taking them over, working them to the end of their logs, and beginning again.

use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;

use super::applier::Applier;
use super::{LAST_PAUSE, LOST, Owned, Upset, Worker, new_appliers};
use crate::engine::deliveries::Deliveries;
use crate::engine::input::Input;
use crate::engine::reader::Reader;
use crate::engine::remembered::Remembered;
use crate::ids::{Position, RecordKey, ShardId};
use crate::lead::build::Origin;
use crate::record::{AgendaList, Roster};
use crate::store::{Progress, StoreError};
use crate::time::Millis;

/// How a shard stands in the store.
struct Found {
    progress: Progress,
    /// `None` where what is in memory holds.
    remembered: Option<Remembered>,
    roster: Arc<Roster>,
}

impl Worker {
    /// Ends the joining of shards that have reached the end of their logs, and goes on with the next one.
    pub(super) async fn joined(&mut self) -> Result<(), Upset> {
        let at_work = self.shards.iter().find(|(_, owned)| owned.joining.is_some()).map(|(shard, _)| *shard);
        let Some(shard) = at_work else { return Ok(()) };
        if !self.is_committed() {
            self.commit().await?;
        }
        let Some(owned) = self.shards.get_mut(&shard) else { return Ok(()) };
        if owned.joining.is_some_and(|end| owned.position < end) {
            return Ok(());
        }
        owned.joining = None;
        // What its predecessors sent to the next one stands in that one's log by now.
        self.read_on().await
    }

    /// Reads the logs from where they are committed: of the shard that is joining, or of all.
    async fn read_on(&mut self) -> Result<(), Upset> {
        let joining = self.shards.iter().find(|(_, owned)| owned.joining.is_some()).map(|(shard, _)| *shard);
        if let Some(shard) = joining {
            let progress = self.shared.store.progress(&[shard]).await?;
            let end = progress.first().map_or(Position(0), |progress| progress.end);
            if let Some(owned) = self.shards.get_mut(&shard) {
                owned.joining = Some(end);
                if owned.position >= end {
                    owned.joining = None;
                    return Box::pin(self.read_on()).await;
                }
            }
        }
        let wanted = self.shards.iter().filter(|(shard, _)| joining.is_none_or(|only| only == **shard));
        let after = wanted.map(|(shard, owned)| (*shard, owned.position)).collect();
        self.reader = Reader::start(Arc::clone(&self.shared), after);
        Ok(())
    }

    /// Whether it is time to own what is wanted: what was sent from shards that are to be let go has been answered. Else another
    /// server would send the next news of a lead while an earlier one is still on its way, and may arrive before it.
    pub(super) fn may_change(&self) -> bool {
        self.changes && !self.shards.keys().any(|shard| !self.wanted.contains(shard) && self.sends_from(*shard))
    }

    /// Whether deliveries of a shard are under way.
    fn sends_from(&self, shard: ShardId) -> bool {
        let all = self.shared.store.shards();
        self.deliveries.busy().any(|destination| all.of(&RecordKey::destination(destination)) == shard)
    }

    /// Owns what is wanted from now on. Nothing is pending when this is called.
    pub(super) async fn own(&mut self) -> Result<(), Upset> {
        let wanted = self.wanted.clone();
        self.changes = false;
        self.adopted.clear();
        self.teams_by.clear();
        self.asks_by.clear();
        let all = self.shared.store.shards();
        self.shards.retain(|shard, _| wanted.contains(shard));
        self.before.retain(|shard, _| wanted.contains(shard));
        for applier in &mut self.appliers {
            applier.remembered.retain(|shard, _| wanted.contains(shard));
            applier.rosters.retain(|shard, _| wanted.contains(shard));
            applier.cache.retain(|key, _| wanted.contains(&all.of(key)));
        }
        self.shared.progress.waiting_since(self.number, None);
        self.due.retain(|(shard, _), _| wanted.contains(shard));
        self.shared.let_go.notify_one();
        self.deliveries.retain(|destination| wanted.contains(&all.of(&RecordKey::destination(destination))));
        let new: Vec<ShardId> = wanted.into_iter().filter(|shard| !self.shards.contains_key(shard)).collect();
        let found = try_join_all(new.iter().map(|shard| self.find(*shard))).await?;
        for (shard, found) in new.into_iter().zip(found) {
            let owned = self.take_over(shard, found);
            self.shards.insert(shard, owned);
            self.due.insert((shard, AgendaList::Timers), Millis(0));
            self.due.insert((shard, AgendaList::Wakes), Millis(0));
        }
        let some_are_paused = self.find_lists().await?;
        self.find_paused(some_are_paused).await?;
        let together = self.shared.store.commits_shards_together();
        for owned in self.shards.values_mut() {
            owned.joining = together.then_some(Position(u64::MAX));
        }
        for shard in all.all().filter(|shard| self.shared.worker_of(*shard) == self.number) {
            self.shared.fresh.own(shard, self.shards.contains_key(&shard));
        }
        self.shared.owns(self.number, self.shards.keys().copied().collect());
        self.read_on().await
    }

    /// How a shard stands in the store. Where it stands is asked first: if somebody else commits after that, what is read now may be
    /// too new, and the next commit is refused.
    async fn find(&self, shard: ShardId) -> Result<Found, StoreError> {
        let progress = self.shared.look(&[shard]).await?.first().copied().unwrap_or_default();
        let before = self.before.get(&shard).copied().filter(|(_, step)| *step == progress.step);
        let is_remembered = |applier: &Applier| applier.remembered.contains_key(&shard);
        let remembered = match before.and_then(|(applier, _)| self.appliers.get(applier)) {
            // There may be very many, and nothing of them has changed.
            Some(applier) if is_remembered(applier) => None,
            _ => Some(Remembered::new(self.shared.store.remembered(shard).await?)),
        };
        Ok(Found { progress, remembered, roster: self.shared.roster(shard).await? })
    }

    /// Begins at the stored position of a shard.
    fn take_over(&mut self, shard: ShardId, found: Found) -> Owned {
        let Found { progress, remembered, roster } = found;
        let before = self.before.remove(&shard);
        let number = before.map_or_else(|| self.least_busy(), |(applier, _)| applier);
        if let Some(applier) = self.appliers.get_mut(number) {
            if before.is_none_or(|(_, step)| step != progress.step) {
                // Somebody else has been at work here, or a commit has happened after all.
                let all = self.shared.store.shards();
                applier.cache.retain(|key, _| all.of(key) != shard);
            }
            if let Some(remembered) = remembered {
                applier.remembered.insert(shard, remembered);
            }
            applier.rosters.insert(shard, roster);
        }
        Owned {
            applier: number,
            position: progress.position,
            step: progress.step,
            since: self.shared.clock.now(),
            joining: None,
            own_messages: Position(0),
        }
    }

    /// The applier that has the fewest shards.
    fn least_busy(&self) -> usize {
        let shards = |number: &usize| self.shards.values().filter(|owned| owned.applier == *number).count();
        (0..self.appliers.len()).min_by_key(shards).unwrap_or(0)
    }

    /// Every destination that something waits for, and every source that leads are held because of, also those that are configured no longer.
    /// Returns whether any are paused.
    async fn find_lists(&mut self) -> Result<bool, StoreError> {
        let all = self.shared.store.shards();
        let own: Vec<ShardId> = self.shards.keys().copied().collect();
        let waiting = self.shared.store.lists_of(&own).await?;
        for list in waiting.iter().filter_map(|stats| AgendaList::read(stats.list.as_str())) {
            let shard = match &list {
                AgendaList::Deliver(destination) => all.of(&RecordKey::destination(destination)),
                AgendaList::Held(source) => all.of(&RecordKey::source(source)),
                _ => continue,
            };
            if self.shards.contains_key(&shard) {
                self.due.insert((shard, list), Millis(0));
            }
        }
        Ok(waiting.iter().any(|stats| AgendaList::read(stats.list.as_str()) == Some(AgendaList::Paused)))
    }

    /// Drops what was applied and begins again at the stored positions.
    pub(super) async fn begin_again(&mut self, upset: Upset, pause: &mut Duration) {
        self.settle().await;
        match &upset {
            Upset::Moved(shards) => self.shared.was_refused(shards),
            Upset::Store(error) => self.shared.store_failed(error),
            Upset::Lost => {}
            Upset::Poison(origin, began_at) => self.note_poison(*origin, began_at.clone()),
            Upset::Panic => {
                self.shared.panicked("what applies logs");
                // What they hold may be half of something.
                self.appliers = new_appliers(&self.shared, self.memory_bytes, self.appliers_wanted);
                self.before.clear();
                self.shards.clear();
                // What was heard in this turn is lost: whatever was answered is sent again.
                self.deliveries = Deliveries::default();
                self.asking.clear();
            }
        }
        if !matches!(upset, Upset::Poison(..)) {
            tokio::time::sleep(*pause).await;
            *pause = (*pause * 2).min(LAST_PAUSE);
        }
        self.appliers.iter_mut().for_each(Applier::drop_pending);
        self.deliveries.forget_ready();
        self.reader = Reader::idle();
        let shards = std::mem::take(&mut self.shards).into_iter();
        self.before.extend(shards.map(|(shard, owned)| (shard, (owned.applier, owned.step))));
        while let Err(upset) = self.own().await {
            if let Upset::Store(error) = upset {
                self.shared.store_failed(&error);
            }
            tokio::time::sleep(*pause).await;
            *pause = (*pause * 2).min(LAST_PAUSE);
        }
        self.shared.store_answers();
    }

    /// Whether the store has lost something of this worker's shards: nothing in memory is true of them any more.
    pub(super) fn has_lost(&mut self, inputs: &mut Vec<Input>) -> bool {
        let mut lost = false;
        inputs.retain(|input| {
            let Input::Lost(shard) = input else { return true };
            if let Some(owned) = self.shards.get_mut(shard) {
                owned.step = LOST;
                lost = true;
            }
            false
        });
        lost
    }

    fn note_poison(&mut self, origin: Origin, began_at: Option<RecordKey>) {
        let Origin { shard, position, index, .. } = origin;
        tracing::error!(%shard, %position, index, "applying a message panicked; it is skipped and kept among the rejected events");
        let _ = match began_at {
            Some(key) => self.poisoned_records.insert(key),
            None => Arc::make_mut(&mut self.poison).entry((shard, position)).or_default().insert(index),
        };
    }
}
