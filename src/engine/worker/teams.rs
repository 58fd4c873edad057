//! Leads that wait for their teams: when somebody of a team is there, or other rules say who that is, they are called in their order.

use std::sync::Arc;

use super::agenda::split;
use super::applier::Work;
use super::{Upset, Worker};
use crate::apply::Body;
use crate::ids::{RecordKey, ShardId};
use crate::record::{AgendaList, LeadClass, NOBODY_AWAY, Record};
use crate::routing::{Present, is_open};
use crate::time::Millis;

/// Teams that are looked at in one batch.
const MAX_TEAMS: usize = 1_000;
/// Leads of one team that are called in one batch.
const MAX_CALLED: usize = 256;
/// No team waits for longer until it is looked at, in milliseconds.
const LONGEST_AHEAD: i64 = 2 * Millis::HOUR;

impl Worker {
    /// Has all teams looked at that these rules have not been asked about yet.
    pub(super) fn look_at_teams_anew(&mut self) {
        let version = &self.batch.rules.version;
        let open = self.shards.keys().filter(|shard| self.teams_by.get(shard) != Some(version));
        self.due.extend(open.map(|shard| ((*shard, AgendaList::Teams), Millis(0))));
    }

    /// Calls the leads that wait for teams of which somebody is there.
    pub(super) async fn call_teams(&mut self, shard: ShardId, now: Millis) -> Result<(), Upset> {
        self.batch.now = now;
        let version = Arc::clone(&self.batch.rules.version);
        let are_asked = self.teams_by.insert(shard, Arc::clone(&version)) == Some(version);
        let found = self.find_due(shard, &AgendaList::Teams, MAX_TEAMS).await?;
        let (ripe, next) = split(found, now, if are_asked { LONGEST_AHEAD } else { i64::MIN }, MAX_TEAMS);
        self.due.insert((shard, AgendaList::Teams), next);
        self.load(&ripe).await?;
        let mut work = Vec::new();
        for team in ripe.into_iter().filter(|team| !self.poisoned_records.contains(team)) {
            let open = self.open_classes(&team, now);
            self.call(shard, &team, open, &mut work).await?;
            // Of the others it is computed anew when somebody is there.
            work.extend(self.local(team, Body::Wake { may_expire: false }));
        }
        self.apply(Vec::new(), work).await
    }

    /// What leads ask that somebody of a team may be given now. The leads of a team that is no more go on their way, too.
    fn open_classes(&self, key: &RecordKey, now: Millis) -> Vec<LeadClass> {
        let Some(applier) = self.applier_of(key).and_then(|applier| self.appliers.get(applier)) else {
            return Vec::new();
        };
        let Some(Record::Team(turns)) = applier.cache.get(key).map(|cached| &cached.record) else { return Vec::new() };
        let team = self.batch.rules.teams.iter().find(|team| team.name == key.id);
        let roster = applier.rosters.get(&self.shared.store.shards().of(key));
        let present = Present { now, roster: roster.map_or(&NOBODY_AWAY, |roster| roster) };
        let is_open = |class: &&LeadClass| team.is_none_or(|team| is_open(team, turns, (*class).into(), present));
        turns.waits.keys().filter(is_open).cloned().collect()
    }

    /// Calls the next ones of these classes, in the order in which they stand in all of them together.
    async fn call(
        &self,
        shard: ShardId,
        team: &RecordKey,
        open: Vec<LeadClass>,
        work: &mut Vec<Work>,
    ) -> Result<(), Upset> {
        let (mut all, mut called) = (Vec::new(), Vec::new());
        let is_all_stored = self.is_committed();
        for class in open {
            let list = AgendaList::Wait(Arc::clone(&team.id), class.name());
            let waits = self.find_due(shard, &list, MAX_CALLED + self.poisoned_records.len()).await?;
            let before = all.len();
            all.extend(waits.into_iter().filter(|(_, key)| !self.poisoned_records.contains(key)));
            let leads = u32::try_from(all.len() - before).unwrap_or(u32::MAX);
            // Where a timer of this pass has just let one wait, the store doesn't list it yet: the class stays, and is called again.
            if leads > 0 || is_all_stored {
                called.push(Body::Called { class: Box::new(class), leads });
            }
        }
        all.sort();
        all.truncate(MAX_CALLED);
        work.extend(all.into_iter().filter_map(|(_, key)| self.local(key, Body::Wake { may_expire: false })));
        work.extend(called.into_iter().filter_map(|called| self.local(team.clone(), called)));
        Ok(())
    }
}
