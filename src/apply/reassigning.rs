//! A lead is given to somebody by hand.

use super::message::Reassign;
use super::routing::{begin, close_lead, first, settle};
use super::{Applying, Body};
use crate::ids::RecordKey;
use crate::lead::build::lead_event_id;
use crate::lead::{Lead, LeadEvent, LeadEventType, SCHEMA};
use crate::record::{Routing, Subject};

/// Somebody says whose a lead is. One that has no owner yet is routed by that; of one that has, destinations are told.
pub(super) fn reassign(subject: &mut Subject, reassign: &Reassign, applying: &mut Applying<'_>) {
    let Reassign { lead, owner, json } = reassign;
    let found = subject.standings.iter().find(|(_, standing)| *standing.lead_id == **lead && !standing.shadow);
    let Some((definition, standing)) = found.map(|(name, standing)| (name.clone(), standing)) else { return };
    if standing.hold.is_some() || standing.claims.is_some() || standing.joined.is_some() {
        return;
    }
    let reason = format!("{owner} was given the lead by hand");
    let routing = Routing { owner: Some(owner.to_string()), reason, ..Routing::default() };
    let Ok(known) = serde_json::from_str::<Lead>(json) else { return };
    if let Some(event) = first(subject, &definition) {
        if let Some(waits) = &standing.waits {
            applying.send(RecordKey::wait(&waits.team, lead), Body::Forget);
        }
        settle(subject, &definition, event, routing, applying);
    } else if let Some(standing) = subject.standings.get_mut(&definition) {
        standing.revision += 1;
        standing.routing = Some(routing);
        close_lead(standing, applying);
        let (id, revision) = (lead_event_id(lead, standing.revision), standing.revision);
        let (kind, schema) = (LeadEventType::Assigned, SCHEMA.to_owned());
        let news = Lead { revision, ..known.clone() };
        let event = LeadEvent { schema, id, kind, occurred_at: applying.now.rfc3339(), lead: news };
        begin(subject, &definition, event, applying);
    }
    let account = known.account.filter(|_| applying.rules.asks_account_owner);
    if let Some(account) = account {
        let body = Body::Owned { lead: lead.clone(), owner: Some(owner.clone()), by_hand: true };
        applying.send(RecordKey::account(&account.id), body);
    }
}
