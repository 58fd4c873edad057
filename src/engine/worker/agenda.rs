//! What has become due by time alone, and news that may go out.

use std::sync::Arc;

use super::{Upset, Worker};
use crate::apply::Body;
use crate::engine::cache::list_name;
use crate::engine::dispatch::Before;
use crate::engine::input::Input;
use crate::ids::{RecordKey, ShardId, SourceName};
use crate::record::{AgendaList, Delivery, LeadQuota, News, Record};
use crate::store::StoreError;
use crate::time::Millis;

/// Timers that are worked in one batch.
const MAX_DUE: usize = 256;
/// How often leads that are held are looked at, in milliseconds: they may wait for days.
pub(super) const LOOK_AT_HELD: i64 = 10 * Millis::MINUTE;
/// No retry and no timer but that of an idle subject or a condition waits for so long, in milliseconds.
const LONGEST_AHEAD: i64 = 2 * Millis::DAY;

impl Worker {
    /// Works timers that have become due, and remembers which deliveries have.
    pub(super) async fn look_at_agenda(&mut self) -> Result<(), Upset> {
        let now = self.shared.clock.now();
        // Nothing is begun here while a shard is joining: it could pass by what stands in that one's log.
        if !self.is_committed() || self.is_joining() {
            return Ok(());
        }
        self.look_at_teams_anew();
        self.look_at_asked_anew().await?;
        self.look_at_refused().await?;
        let due: Vec<_> = self.due.iter().filter(|(_, at)| **at <= now).map(|(list, _)| list.clone()).collect();
        for (shard, list) in due {
            match &list {
                AgendaList::Timers => self.work_timers(shard, list, now).await?,
                // A clock that jumped ahead would end every trial: what waits for a date waits until the clock is believed again.
                AgendaList::Wakes if !self.shared.clock_is_steady(now) => {
                    self.due.insert((shard, list), now.plus(Millis::SECOND));
                }
                AgendaList::Wakes => self.work_timers(shard, list, now).await?,
                AgendaList::Deliver(destination) => {
                    if let Some(later) = self.deliveries.has_enough(destination, now) {
                        self.due.insert((shard, list), later);
                        continue;
                    }
                    let known = self.deliveries.len(destination);
                    let found = self.find_due(shard, &list, known + MAX_DUE).await?;
                    let (ripe, next) = split(found, now, LONGEST_AHEAD, known + MAX_DUE);
                    // Where there is no room for one, there is none for those behind it.
                    let all_known = ripe.iter().all(|key| self.deliveries.ready(destination, key));
                    // Those for which there was no room are looked for again. A clock that ran ahead must not hold back what was
                    // due then for as long as it was ahead.
                    let next = if all_known { next.min(now.plus(Millis::HOUR)) } else { now };
                    self.due.insert((shard, list), next.max(now.plus(if next <= now { 50 } else { 0 })));
                }
                AgendaList::Teams => self.call_teams(shard, now).await?,
                AgendaList::ReadBack => self.ask(shard, now).await?,
                AgendaList::Reroute => self.reroute(shard, now).await?,
                AgendaList::Held(source) => self.look_at_held(shard, &list, source, now).await?,
                AgendaList::Dead(_) | AgendaList::Wait(..) | AgendaList::Paused => {
                    self.due.remove(&(shard, list));
                }
            }
        }
        Ok(())
    }

    pub(super) async fn find_due(
        &self,
        shard: ShardId,
        list: &AgendaList,
        limit: usize,
    ) -> Result<Vec<(Millis, RecordKey)>, StoreError> {
        self.shared.store.due(shard, &list_name(list), Millis(i64::MAX), limit).await
    }

    async fn work_timers(&mut self, shard: ShardId, list: AgendaList, now: Millis) -> Result<(), Upset> {
        let skipped = self.poisoned_records.len();
        let found = self.find_due(shard, &list, MAX_DUE + skipped).await?;
        let ahead = match list {
            // A date may be years away.
            AgendaList::Wakes => i64::MAX,
            // Subjects that are idle may stay for long.
            _ => self.batch.rules.idle_subjects.map_or(0, |idle| idle.saturating_add(Millis::DAY)).max(LONGEST_AHEAD),
        };
        let (ripe, next) = split(found, now, ahead, MAX_DUE + skipped);
        // What can't be worked must not keep the worker busy.
        self.due.insert((shard, list), if skipped > 0 { next.max(now.plus(Millis::SECOND)) } else { next });
        self.batch.now = now;
        let may_expire = self.shared.clock_is_steady(now);
        let ripe = ripe.into_iter().filter(|key| !self.poisoned_records.contains(key));
        let work = ripe.filter_map(|key| self.local(key, Body::Wake { may_expire })).collect();
        self.apply(Vec::new(), work).await
    }

    /// Lets leads of a source go that were held for too long.
    async fn look_at_held(
        &mut self,
        shard: ShardId,
        list: &AgendaList,
        source: &Arc<str>,
        now: Millis,
    ) -> Result<(), Upset> {
        let limit = MAX_DUE + self.poisoned_records.len();
        let found = self.find_due(shard, list, limit).await?;
        let quota = self.batch.rules.lead_quotas.get(&SourceName::new(source));
        let held_for = quota.map_or(LeadQuota::HELD_FOR, |quota| quota.held_for);
        // A clock that jumped ahead would let them all go.
        let is_over = |since: Millis| self.shared.clock_is_steady(now) && since.plus(held_for) <= now;
        let over: Vec<_> = found.iter().filter(|(since, _)| is_over(*since)).map(|(_, key)| key.clone()).collect();
        if found.is_empty() {
            self.due.remove(&(shard, list.clone()));
        } else {
            let next = if over.len() >= MAX_DUE { now } else { now.plus(LOOK_AT_HELD) };
            self.due.insert((shard, list.clone()), next);
        }
        self.batch.now = now;
        let over = over.into_iter().filter(|key| !self.poisoned_records.contains(key));
        let work: Vec<_> = over.filter_map(|key| self.local(key, Body::Wake { may_expire: false })).collect();
        self.apply(Vec::new(), work).await
    }

    /// Sends what may be sent: news that is stored as it stands. What is not committed yet is sent when it is.
    pub(super) async fn deliver(&mut self) -> Result<(), Upset> {
        if self.shared.is_leaving() || !self.shared.has_lease() {
            // Whoever comes next begins it; what was begun here ends here.
            return Ok(());
        }
        let (dispatcher, now) = (Arc::clone(&self.shared.dispatcher), self.shared.clock.now());
        let (all, going) = (self.shared.store.shards(), self.changes.then_some(&self.wanted));
        let stays = |destination: &str| {
            going.is_none_or(|wanted| wanted.contains(&all.of(&RecordKey::destination(destination))))
        };
        let keys = self.deliveries.take(&*dispatcher, now, stays);
        if let Err(upset) = self.load(&keys).await {
            // What is not sent is not under way.
            keys.iter().for_each(|key| self.deliveries.returned(key));
            return Err(upset);
        }
        for key in keys {
            let applier = self.applier_of(&key).and_then(|applier| self.appliers.get_mut(applier));
            let first =
                applier.and_then(|applier| applier.cache.use_mut(&key)).and_then(|cached| match &cached.record {
                    Record::Delivery(delivery) if delivery.due <= now && cached.is_stored() => {
                        let since = self.shards.get(&all.of(&key)).map_or(now, |owned| owned.since);
                        delivery.pending.front().map(|news| (news.clone(), before(delivery, news, since)))
                    }
                    _ => None,
                });
            match first {
                Some(first) if !self.poisoned_records.contains(&key) => {
                    self.deliveries.send(key, first, &dispatcher, &self.sender);
                }
                _ => self.deliveries.returned(&key),
            }
        }
        Ok(())
    }

    /// Takes records into memory.
    pub(super) async fn load(&mut self, keys: &[RecordKey]) -> Result<(), Upset> {
        for number in 0..self.appliers.len() {
            let own: Vec<&RecordKey> = keys.iter().filter(|key| self.applier_of(key) == Some(number)).collect();
            if let Some(applier) = self.appliers.get_mut(number) {
                applier.load(own.into_iter(), &self.batch).await?;
            }
        }
        Ok(())
    }

    /// Which applier has a record, if its shard is this worker's.
    pub(super) fn applier_of(&self, key: &RecordKey) -> Option<usize> {
        self.shards.get(&self.shared.store.shards().of(key)).map(|owned| owned.applier)
    }

    /// Waits for what is being sent, and commits what came of it.
    pub(super) async fn finish(&mut self) -> Result<(), Upset> {
        while !self.shared.ended.is_cancelled() {
            let input = match self.heard.pop() {
                None if self.deliveries.under_way() > 0 => self.inputs.recv().await,
                heard => heard,
            };
            let Some(input) = input else { break };
            if let Input::Attempted(key, attempt) = input {
                self.deliveries.returned(&key);
                let work = self.local(key, Body::Attempted(Box::new(attempt))).into_iter().collect();
                self.apply(Vec::new(), work).await?;
                self.commit().await?;
            }
        }
        Ok(())
    }
}

/// What came before news of a delivery that is worked here since a moment.
fn before(delivery: &Delivery, news: &News, since: Millis) -> Before {
    Before {
        remembered: delivery.remembered.clone(),
        newer: delivery.newer_than(news),
        may_be_there: news.was_tried || news.attempts > 0 || news.created <= since,
    }
}

/// What of `found` is due at `now`, and when to look again. Nothing waits for longer than `ahead`: what seems to comes from a clock
/// that was ahead.
pub(super) fn split(
    found: Vec<(Millis, RecordKey)>,
    now: Millis,
    ahead: i64,
    limit: usize,
) -> (Vec<RecordKey>, Millis) {
    let full = found.len() >= limit;
    let is_due = |at: Millis| at <= now || at.since(now) > ahead;
    let later = found.iter().find(|(at, _)| !is_due(*at)).map(|(at, _)| *at);
    let next = later.unwrap_or(if full { now } else { Millis(i64::MAX) });
    (found.into_iter().filter(|(at, _)| is_due(*at)).map(|(_, key)| key).collect(), next)
}
