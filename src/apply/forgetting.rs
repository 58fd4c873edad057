//! Forgetting a subject, as a deletion request demands: its record, its leads and their deliveries; for a user every id that was
//! merged into them as well, and their traces in their accounts. Counts that name nobody stay.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Applying, Body, MAX_HOPS, Message, Past, delivering, owning, routing, waiting};
use crate::event::SourceName;
use crate::ids::{RecordKey, RecordKind};
use crate::record::merge_log::OPERATOR;
use crate::record::{MAX_LEADS, Subject};

pub(super) fn forget(subject: &mut Box<Subject>, applying: &mut Applying<'_>) {
    applying.effects.forget_leads = true;
    applying.keep(|| Past::Gone);
    let destinations = destinations(subject, applying);
    for destination in &destinations {
        for lead in subject.leads.keys() {
            applying.send(RecordKey::delivery(destination, lead), Body::Forget);
        }
        // Leads may have been made for an id before it was merged into this one.
        let homes = subject.leads.values().map(|known| known.home.as_ref().unwrap_or(&applying.key.id));
        for home in homes.collect::<BTreeSet<_>>() {
            let scrub = Body::Scrub { user: RecordKey::new(applying.key.kind, home).to_string().into() };
            applying.send(RecordKey::destination(destination), scrub);
        }
    }
    if subject.leads.len() >= MAX_LEADS {
        // There may be more, which it knows of no longer.
        applying.effects.forget_deliveries = destinations;
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
        let ids = subject.ties.aliases.keys().chain([&applying.key.id]).cloned().collect::<Vec<_>>();
        scrub_merges(subject, &ids, applying);
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

/// Takes ids out of what sources said of them: of those that are configured, and of those that are so no longer and have said something of
/// this subject.
pub(super) fn scrub_merges(subject: &Subject, ids: &[Arc<str>], applying: &mut Applying<'_>) {
    let rules = applying.rules;
    let operator = SourceName::new(OPERATOR);
    let senders = subject.senders.iter().map(|(source, _)| source);
    let said = rules.sources.iter().chain(subject.ties.sources()).chain(senders).chain([&operator]);
    for source in said.collect::<BTreeSet<_>>() {
        for id in ids {
            applying.send(RecordKey::source(source.as_str()), Body::Scrub { user: Arc::clone(id) });
        }
    }
}

/// Sends an event back that an id has sent on to whoever is forgotten: a user knows only the last of the ids that were merged into them, so
/// that one may not have heard of it. Returns whether it did.
pub(super) fn send_back(subject: &Subject, message: &Message, applying: &mut Applying<'_>) -> bool {
    let Body::Event(event) = &message.body else { return false };
    let own = event.user_id.as_deref().or(event.anonymous_id.as_deref());
    let Some(id) = own.filter(|id| **id != *applying.key.id && message.hops > 0 && message.hops < MAX_HOPS) else {
        return false;
    };
    if subject.forgotten.is_none() || subject.has_history() {
        return false;
    }
    let to = RecordKey::user(id);
    applying.send(to.clone(), Body::Disowned { user: Arc::clone(&applying.key.id) });
    let body = message.body.clone();
    applying.effects.messages.push(Message { to, hops: message.hops + 1, at: message.at, body });
    true
}

/// Takes a user out of all that the subject's leads say.
pub(super) fn scrub(subject: &mut Subject, user: &Arc<str>, applying: &mut Applying<'_>) {
    applying.effects.scrub_leads.push(Arc::clone(user));
    subject.ties.refused.retain(|(to, _)| **to != **user);
    for standing in subject.standings.values_mut() {
        standing.joiners.iter_mut().for_each(|joiners| joiners.forget(user));
        // News that waits for its rep names them, too.
        for json in &mut standing.queue {
            if let Some(without) = delivering::without(json, user) {
                *json = without.into();
            }
        }
    }
    for destination in destinations(subject, applying) {
        for lead in subject.leads.keys() {
            applying.send(RecordKey::delivery(&destination, lead), Body::Scrub { user: Arc::clone(user) });
        }
    }
}

/// Every destination that may have something of the subject's leads, also where it is configured no longer.
fn destinations(subject: &Subject, applying: &Applying<'_>) -> Vec<Arc<str>> {
    let all: BTreeSet<&Arc<str>> = applying.rules.destinations.iter().chain(&subject.sent_to).collect();
    all.into_iter().cloned().collect()
}
