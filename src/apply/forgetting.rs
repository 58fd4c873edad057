//! Forgetting a subject, as a deletion request demands: its record, its leads and their deliveries; for a user every id that was
//! merged into them as well, and their traces in their accounts. Counts that name nobody stay.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Applying, Body, Past, routing};
use crate::ids::{RecordKey, RecordKind};
use crate::record::Subject;

pub(super) fn forget(subject: &mut Box<Subject>, applying: &mut Applying<'_>) {
    applying.effects.forget_leads = true;
    applying.keep(|| Past::Gone);
    for destination in &applying.rules.destinations {
        for lead in subject.leads.keys() {
            applying.send(RecordKey::delivery(destination, lead), Body::Forget);
        }
        // Leads may have been made for an id before it was merged into this one.
        let homes = subject.leads.values().map(|home| home.as_ref().unwrap_or(&applying.key.id));
        for home in homes.collect::<BTreeSet<_>>() {
            let scrub = Body::Scrub { user: RecordKey::new(applying.key.kind, home).to_string().into() };
            applying.send(RecordKey::destination(destination), scrub);
        }
    }
    for definition in subject.standings.keys() {
        let waits = routing::first(subject, definition).map(|event| event.lead);
        if let Some((lead, hold)) = waits.and_then(|lead| Some((lead.id, lead.hold?))) {
            applying.send(RecordKey::hold(&hold.source, &lead), Body::Forget);
        }
    }
    if applying.key.kind == RecordKind::User {
        for (account, _) in &subject.ties.accounts {
            for id in subject.ties.aliases.keys().chain([&applying.key.id]) {
                let body = Body::Rename { from: Arc::clone(id), to: None };
                applying.send(RecordKey::account(account), body);
            }
        }
        for alias in subject.ties.aliases.keys() {
            applying.send(RecordKey::user(alias), Body::Forget);
        }
    }
    let mut forgotten = Box::<Subject>::default();
    forgotten.forgotten = Some(applying.now);
    *subject = forgotten;
}
