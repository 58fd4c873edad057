//! Open leads go where new routes say: the owner of the record of configurations looks at all of them, a page in each batch.

use serde::Deserialize;
use serde_json::Value;

use super::agenda::split;
use super::{Upset, Worker};
use crate::apply::Body;
use crate::ids::ShardId;
use crate::record::{AgendaList, Record};
use crate::store::{LeadQuery, LeadRow, page};
use crate::time::Millis;

/// Leads that are looked at in one batch.
const PAGE: usize = 256;
/// Nothing here waits for longer: what seems to comes from a clock that was ahead.
const LONGEST_AHEAD: i64 = Millis::HOUR;

/// What of a lead says that it is over, or waits.
#[derive(Deserialize)]
struct Stands {
    #[serde(default)]
    outcome: Value,
    #[serde(default)]
    hold: Value,
    #[serde(default)]
    shadow: Value,
    #[serde(default)]
    waits: Value,
    #[serde(default)]
    routing: Value,
}

impl Worker {
    /// Goes on with it.
    pub(super) async fn reroute(&mut self, shard: ShardId, now: Millis) -> Result<(), Upset> {
        self.batch.now = now;
        let found = self.find_due(shard, &AgendaList::Reroute, 2).await?;
        let (ripe, next) = split(found, now, LONGEST_AHEAD, 2);
        self.due.insert((shard, AgendaList::Reroute), next);
        self.load(&ripe).await?;
        let mut work = Vec::new();
        for key in ripe {
            let cached = self.applier_of(&key).and_then(|applier| self.appliers.get(applier)?.cache.get(&key));
            let Some(Record::Config(versions)) = cached.map(|cached| &cached.record) else { continue };
            let Some(pass) = &versions.reroutes.pass else { continue };
            let (told, before) = (pass.told, pass.before);
            let (rows, before) = self.page_of_leads(before).await?;
            let leads: Vec<_> = rows.into_iter().filter(may_go).map(|row| (row.subject, row.id.into())).collect();
            if before.is_none() {
                let leads = told + leads.len() as u64;
                tracing::info!(leads, "open leads were looked at: those that the new routes send elsewhere go there");
            }
            work.extend(self.local(key, Body::Reroutes { leads, before: before.map(Millis) }));
        }
        if work.is_empty() { Ok(()) } else { self.apply(Vec::new(), work).await }
    }
}

impl Worker {
    /// The leads that changed last before a moment. Pages go by time, so that those of one moment are on one page, however many they are.
    async fn page_of_leads(&self, before: Option<Millis>) -> Result<(Vec<LeadRow>, Option<i64>), Upset> {
        let mut most = PAGE;
        loop {
            let query = LeadQuery { before, limit: most + 1, ..LeadQuery::default() };
            let rows = self.shared.store.leads(&query).await?;
            let updated = |row: Option<&LeadRow>| row.map(|row| row.updated);
            if rows.len() <= most || updated(rows.first()) != updated(rows.last()) {
                return Ok(page(rows, most));
            }
            most *= 4;
        }
    }
}

/// Whether it may be one that goes elsewhere. Fails open: its subject knows.
fn may_go(row: &LeadRow) -> bool {
    let Ok(lead) = serde_json::from_str::<Stands>(&row.json) else { return true };
    let is_over = [&lead.outcome, &lead.hold, &lead.shadow, &lead.waits].into_iter().any(|one| !one.is_null());
    !is_over && !lead.routing.is_null()
}
