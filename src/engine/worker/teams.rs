//! Leads that wait for their teams: when somebody of a team is there, or other rules say who that is, they are called in their order.

use std::sync::Arc;

use super::agenda::split;
use super::applier::Work;
use super::{Upset, Worker};
use crate::apply::Body;
use crate::ids::{RecordKey, ShardId};
use crate::record::{AgendaList, NOBODY_AWAY, Record};
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
            if self.is_there(&team, now) {
                self.call(shard, team, &mut work).await?;
            } else {
                work.extend(self.local(team, Body::Wake { may_expire: false }));
            }
        }
        self.apply(Vec::new(), work).await
    }

    /// Whether somebody of a team may be given a lead. The leads of a team that is no more go on their way, too.
    fn is_there(&self, key: &RecordKey, now: Millis) -> bool {
        let Some(applier) = self.applier_of(key).and_then(|applier| self.appliers.get(applier)) else { return false };
        let Some(Record::Team(turns)) = applier.cache.get(key).map(|cached| &cached.record) else { return false };
        let team = self.batch.rules.teams.iter().find(|team| team.name == key.id);
        let roster = applier.rosters.get(&self.shared.store.shards().of(key));
        let present = Present { now, roster: roster.map_or(&NOBODY_AWAY, |roster| roster) };
        team.is_none_or(|team| is_open(team, turns, present))
    }

    /// Calls the next ones.
    async fn call(&self, shard: ShardId, team: RecordKey, work: &mut Vec<Work>) -> Result<(), Upset> {
        let list = AgendaList::Wait(Arc::clone(&team.id));
        let waits = self.find_due(shard, &list, MAX_CALLED + self.poisoned_records.len()).await?;
        let waits = waits.into_iter().map(|(_, key)| key).filter(|key| !self.poisoned_records.contains(key));
        let waits: Vec<RecordKey> = waits.collect();
        let leads = u32::try_from(waits.len()).unwrap_or(u32::MAX);
        work.extend(waits.into_iter().filter_map(|key| self.local(key, Body::Wake { may_expire: false })));
        work.extend(self.local(team, Body::Called { leads }));
        Ok(())
    }
}
