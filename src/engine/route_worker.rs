//! Works the `route` queue: finds a lead its owner, and sends it on its way.
//!
//! Two commits, in an order in which a crash harms nothing. First the turn in the team's record, remembered under the lead's
//! id; then, in one step in the lead's partition: the `route` entry is settled, the routed lead stored, and one delivery per
//! destination queued. Whoever dies in between leaves the entry to the next one, who finds the turn already taken and comes
//! to the same rep. The team's next turn notes which leads reached their reps meanwhile, so that those may be forgotten.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::SharedConfig;
use super::arrivals::Arrivals;
use super::queue::{Handler, Work, settle};
use crate::config::Config;
use crate::crm::deliveries::queue_of;
use crate::identity::RecordKey;
use crate::lead::{Lead, LeadEvent, Routing};
use crate::routing::{Decision, Team, TeamName, Turn, assign, decide};
use crate::store::{
    Claimed, Commit, CommitError, Entry, LeadRow, Outcome, Record, SharedStore, StoreError, Write, next_version,
};
use crate::time::{Clock, Millis};

/// How often a turn is tried when other processes take theirs in the same instant.
const TURN_CONFLICTS: usize = 100;

/// Routes leads.
pub struct Router {
    store: SharedStore,
    config: SharedConfig,
    clock: Clock,
    /// One lead at a time takes a turn of a team, so that only other processes can come in between.
    lines: Mutex<BTreeMap<TeamName, Arc<tokio::sync::Mutex<()>>>>,
    arrivals: Arrivals,
}

#[async_trait]
impl Handler for Router {
    async fn handle(&self, claimed: &Claimed) -> Result<Work, StoreError> {
        let entry = &claimed.entry;
        let (event, subject) = match (serde_json::from_str::<LeadEvent>(&entry.payload), entry.subject.parse()) {
            (Ok(event), Ok(subject)) => (event, subject),
            (Err(error), _) => return Ok(dead(claimed, format!("the payload is no lead event: {error}"))),
            (_, Err(error)) => return Ok(dead(claimed, format!("the entry has no subject: {error}"))),
        };
        let config = self.config.load_full();
        let existing = self.existing(&event, entry).await?;
        let routing = self.route(&config, &event, existing.as_ref().and_then(|lead| lead.routing.as_ref())).await?;
        let routed = with(event, routing, self.clock.now());
        match self.commit(claimed, &config, &routed, subject, existing.as_ref()) {
            Ok(commit) => Ok(commit.into()),
            Err(error) => Ok(dead(claimed, format!("the lead can't be written as JSON: {error}"))),
        }
    }

    /// Short, as [`Handler::commit_time`] is: a lead whose router was killed should not wait long for the next one, and routing
    /// it twice does no harm.
    fn deadline(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn commit_time(&self) -> Duration {
        Duration::from_secs(5)
    }

    fn over(&self, claimed: &Claimed, committed: bool) {
        // The lane of an entry of this queue is its lead.
        if let Some(lead) = &claimed.entry.lane {
            self.arrivals.over(lead, committed);
        }
    }
}

impl Router {
    /// A router of leads in `store`; each is routed by the configuration that is in force then.
    #[must_use]
    pub fn new(store: SharedStore, config: SharedConfig, clock: Clock) -> Self {
        Self { store, config, clock, lines: Mutex::default(), arrivals: Arrivals::default() }
    }

    /// The lead as it is stored.
    async fn existing(&self, event: &LeadEvent, entry: &Entry) -> Result<Option<Lead>, StoreError> {
        // The first news of a lead, tried for the first time: there is nothing to look for.
        if event.lead.revision <= 1 && entry.last_error.is_none() {
            return Ok(None);
        }
        let row = self.store.lead(&event.lead.id).await?;
        // A row that can't be read is as if it weren't there: the lead is routed afresh rather than lost.
        Ok(row.and_then(|row| serde_json::from_str(&row.json).ok()))
    }

    async fn route(&self, config: &Config, event: &LeadEvent, before: Option<&Routing>) -> Result<Routing, StoreError> {
        match decide(&config.routes, &config.teams, event, before, self.clock.now()) {
            Decision::Settled(routing) => Ok(routing),
            Decision::Turn(pending) => Ok(match self.turn(pending.team, &event.lead.id).await? {
                Some(turn) => pending.settle(&turn.rep, &turn.reason),
                None => pending.nobody(),
            }),
        }
    }

    /// Takes a turn in the team's record, atomically: whoever comes second looks again.
    async fn turn(&self, team: &Team, lead: &str) -> Result<Option<Turn>, StoreError> {
        let key = RecordKey::team(&team.name);
        let partition = self.store.partitions().of(&key);
        let line = self.line(&team.name);
        let _turn = line.lock().await;
        let arrived = self.arrivals.of(&team.name);
        self.arrivals.set_out(lead, &team.name);
        for _ in 0..TURN_CONFLICTS {
            let loaded = self.store.load(partition, std::slice::from_ref(&key)).await?;
            let record = loaded.into_iter().next().flatten().unwrap_or_default();
            let now = self.clock.now();
            let Some(turn) = assign(team, &record.fields, lead, &arrived, now) else { return Ok(None) };
            if turn.set.is_empty() && turn.unset.is_empty() {
                return Ok(Some(turn));
            }
            let writes = vec![write(&key, &record, &turn)];
            match self.store.commit(Commit { partition, now, writes, ..Commit::default() }).await {
                Ok(()) => {
                    self.arrivals.told(&team.name, &arrived);
                    return Ok(Some(turn));
                }
                Err(CommitError::Store(error)) => return Err(error),
                Err(_) => tokio::task::yield_now().await,
            }
        }
        Err(StoreError::Unavailable(format!("the record of team {} kept changing", team.name)))
    }

    /// Where the leads of one team stand in line.
    fn line(&self, team: &TeamName) -> Arc<tokio::sync::Mutex<()>> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lines.entry(Arc::clone(team)).or_default())
    }

    fn commit(
        &self,
        claimed: &Claimed,
        config: &Config,
        routed: &LeadEvent,
        subject: RecordKey,
        existing: Option<&Lead>,
    ) -> Result<Commit, serde_json::Error> {
        let now = self.clock.now();
        let payload = serde_json::to_string(routed)?;
        let lead = &routed.lead;
        let (id, definition) = (lead.id.clone(), lead.definition.clone());
        let row = LeadRow { id, subject, definition, updated: now, json: serde_json::to_string(lead)? };
        // News that was overtaken is still delivered (the receiver keeps the highest revision), but not stored over the newer.
        let newest = existing.is_none_or(|existing| existing.revision <= lead.revision);
        let destinations = config.destinations.iter();
        Ok(Commit {
            partition: claimed.partition,
            now,
            leads: if newest { vec![row] } else { Vec::new() },
            enqueue: destinations.map(|to| delivery(claimed, &to.name, routed, payload.clone(), now)).collect(),
            settle: vec![settle(claimed, Outcome::Done { keep: false })],
            ..Commit::default()
        })
    }
}

fn dead(claimed: &Claimed, error: String) -> Work {
    Outcome::Dead { attempts: claimed.entry.attempts.saturating_add(1), error }.into()
}

fn with(mut event: LeadEvent, routing: Routing, now: Millis) -> LeadEvent {
    event.lead.routing = Some(routing);
    event.lead.timestamps.routed = Some(now.rfc3339());
    event
}

fn write(key: &RecordKey, record: &Record, turn: &Turn) -> Write {
    let (expected, version) = (record.version, next_version(record.version));
    Write { key: key.clone(), expected, version, set: turn.set.clone(), unset: turn.unset.clone() }
}

fn delivery(claimed: &Claimed, destination: &str, routed: &LeadEvent, payload: String, now: Millis) -> Entry {
    Entry {
        id: format!("{}/{destination}", routed.id),
        queue: queue_of(destination),
        lane: Some(routed.lead.id.clone()),
        subject: claimed.entry.subject.clone(),
        due: now,
        created: now,
        attempts: 0,
        last_error: None,
        payload,
    }
}
