//! Ids that turn out to be one user: Link → Absorb → Rename. A user who hears that another id is theirs asks it to hand over what
//! it has; that id hands it over, and from then on sends on whatever comes to it; the user takes it in, and tells the accounts.

use std::sync::Arc;

use super::{Applying, Body, MAX_HOPS, Message};
use crate::event::{Call, Event};
use crate::ids::RecordKey;
use crate::record::{Record, Subject};
use crate::time::Millis;

/// Sends on a message whose record was merged away; returns whether it did.
pub(super) fn forward(subject: &mut Subject, message: &Message, applying: &mut Applying<'_>) -> bool {
    let Some((into, _)) = subject.ties.merged_into.clone() else { return false };
    match &message.body {
        // About the id itself.
        Body::Link { .. } | Body::StoreLead { .. } | Body::Wake { .. } => return false,
        Body::Forget => {
            // The history is with the user, and so is whatever leads here; what was stored for this id goes with it.
            applying.effects.forget_leads = true;
            *subject = Subject::default();
        }
        // Two ids that became each other in the same instant: the smaller one is the user.
        Body::Absorb { from, .. } if *from == into && message.to.id < into => {
            subject.ties.merged_into = None;
            return false;
        }
        _ if message.hops >= MAX_HOPS => {
            subject.ties.merged_into = None;
            return false;
        }
        _ => subject.touched = applying.now,
    }
    let (to, hops) = (RecordKey::user(&into), message.hops + 1);
    applying.effects.messages.push(Message { to, hops, at: message.at, body: message.body.clone() });
    true
}

/// Asks an id that an event ties to its user for what it has.
pub(super) fn tie(user: &Subject, event: &Event, applying: &mut Applying<'_>) {
    let from = match event.call {
        Call::Identify => event.anonymous_id.as_deref(),
        Call::Alias => event.previous_id.as_deref().or(event.anonymous_id.as_deref()),
        _ => None,
    };
    let (Some(from), Some(to)) = (from, event.user_id.as_deref()) else { return };
    let shared = [from, to].into_iter().any(|id| applying.rules.shared_ids.contains(&*id.to_lowercase()));
    // An id that nothing was heard of for long has left, and knows no longer whose it is.
    let may_have_left =
        |linked: &Millis| applying.rules.idle_subjects.is_some_and(|idle| linked.plus(idle) <= applying.now);
    let is_linked = user.ties.aliases.get(from).is_some_and(|linked| !may_have_left(linked));
    if from != &*applying.key.id && from != to && !shared && !is_linked {
        applying.send(RecordKey::user(from), Body::Link { to: Arc::clone(&applying.key.id) });
    }
}

/// The record's id turned out to be the user `to`.
pub(super) fn link(subject: &mut Box<Subject>, to: &Arc<str>, applying: &mut Applying<'_>) {
    if subject.ties.merged_into.is_some() || *to == applying.key.id {
        // The first link stands: an id's history belongs to one user, and is handed over once.
        return;
    }
    let mut stub = Box::<Subject>::default();
    stub.touched = applying.now;
    stub.ties.known = subject.ties.known;
    stub.ties.merged_into = Some((Arc::clone(to), applying.now));
    let history = Record::Subject(std::mem::replace(subject, stub)).write().unwrap_or_default();
    let body = Body::Absorb { from: Arc::clone(&applying.key.id), at: applying.now, history: history.into() };
    applying.send(RecordKey::user(to), body);
}
