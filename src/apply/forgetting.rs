//! Forgetting a subject, as a deletion request demands: its record, its leads and their deliveries; for a user every id that was
//! merged into them as well, and their traces in their accounts. Counts that name nobody stay.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Applying, Body, Past, delivering, owning, routing, waiting};
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
    owning::forget(subject, applying);
    let definitions: Vec<_> = subject.standings.keys().cloned().collect();
    for definition in &definitions {
        let waits = routing::first(subject, definition).map(|event| event.lead);
        waiting::leave(subject, definition, applying);
        if let Some((lead, hold)) = waits.and_then(|lead| Some((lead.id, lead.hold?))) {
            applying.send(RecordKey::hold(&hold.source, &lead), Body::Forget);
        }
    }
    if applying.key.kind == RecordKind::User {
        // Leads of others name them.
        for open in subject.standings.values().filter_map(|standing| standing.joined.as_deref()) {
            for id in subject.ties.aliases.keys().chain([&applying.key.id]) {
                applying.send(open.subject.clone(), Body::Scrub { user: Arc::clone(id) });
            }
        }
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

/// Takes a user out of all that the subject's leads say.
pub(super) fn scrub(subject: &mut Subject, user: &Arc<str>, applying: &mut Applying<'_>) {
    applying.effects.scrub_leads.push(Arc::clone(user));
    for standing in subject.standings.values_mut() {
        standing.joiners.iter_mut().for_each(|joiners| joiners.forget(user));
        // News that waits for its rep names them, too.
        for json in &mut standing.queue {
            if let Some(without) = delivering::without(json, user) {
                *json = without.into();
            }
        }
    }
    for (destination, lead) in
        applying.rules.destinations.iter().flat_map(|name| subject.leads.keys().map(move |lead| (name, lead)))
    {
        let to = RecordKey::delivery(destination, lead);
        applying.send(to, Body::Scrub { user: Arc::clone(user) });
    }
}
