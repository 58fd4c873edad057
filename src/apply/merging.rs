//! Ids that turn out to be one user: Link → Absorb → Rename. A user who hears that another id is theirs asks it to hand over what
//! it has; that id hands it over, and from then on sends on whatever comes to it; the user takes it in, and tells the accounts.
//!
//! Anybody can send what a public source sends. So it ties ids only that nobody has sent as a `userId`: an id that is known is
//! never handed over on its word, and one that becomes known later is its own again. What was handed over until then was counted
//! while nobody knew it, and stays where it is.

use std::sync::Arc;

use super::{Applying, Body, MAX_HOPS, Message, Notice, Past, forgetting};
use crate::event::{Call, Event, SourceName, Trust};
use crate::ids::RecordKey;
use crate::record::{MergeNote, MergeOutcome, MergedInto, Record, Subject, Tie};
use crate::time::Millis;

/// Sends on a message whose record was merged away; returns whether it did.
pub(super) fn forward(subject: &mut Subject, message: &Message, applying: &mut Applying<'_>) -> bool {
    let Some(MergedInto { user: into, tie }) = subject.ties.merged_into.as_deref().cloned() else { return false };
    match &message.body {
        // About the id itself.
        Body::Link { .. } | Body::StoreLead { .. } | Body::Wake { .. } | Body::Unlink { .. } => return false,
        Body::Event(event) if tie.trust == Trust::Public && event.user_id.as_deref() == Some(&*message.to.id) => {
            untie(subject, &event.source, applying);
            return false;
        }
        // Whoever holds the history is told as well.
        Body::LookAgain => return true,
        // Only so many of a user's ids are known to it: what was left out comes to know like this.
        Body::Disowned { user } => {
            if *user == into {
                applying.keep(|| Past::Gone);
                let id = Arc::clone(&applying.key.id);
                forgetting::scrub_merges(subject, &[id], applying);
                *subject = Subject::default();
            }
            return true;
        }
        Body::Forget => {
            // The history is with the user, and so is whatever leads here; what was stored for this id goes with it.
            applying.effects.forget_leads = true;
            applying.keep(|| Past::Gone);
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
        |linked: Millis| applying.rules.idle_subjects.is_some_and(|idle| linked.plus(idle) <= applying.now);
    let is_linked = user.ties.aliases.get(from).is_some_and(|tie| !may_have_left(tie.at));
    if from != &*applying.key.id && from != to && !shared && !is_linked {
        let trust = if event.covered { event.trust } else { Trust::Public };
        let tie = Tie { at: applying.now, trust, source: event.source.clone() };
        applying.send(RecordKey::user(from), Body::Link { to: Arc::clone(&applying.key.id), tie });
    }
}

/// The record's id turned out to be the user `to`.
pub(super) fn link(subject: &mut Box<Subject>, to: &Arc<str>, tie: &Tie, applying: &mut Applying<'_>) {
    if subject.ties.merged_into.is_some() || *to == applying.key.id {
        // The first link stands: an id's history belongs to one user, and is handed over once.
        return;
    }
    if subject.ties.known && tie.trust == Trust::Public {
        subject.ties.refuse(to, tie.clone());
        note(MergeOutcome::Refused, &tie.source, (to, tie.trust), applying);
        applying.effects.merges.push((tie.source.clone(), MergeOutcome::Refused));
        applying.effects.notices.push(Notice::MergeRefused);
        return;
    }
    if subject.ties.known {
        note(MergeOutcome::Merged, &tie.source, (to, tie.trust), applying);
    }
    let mut stub = Box::<Subject>::default();
    stub.touched = applying.now;
    stub.ties.known = subject.ties.known;
    stub.ties.merged_into = Some(Box::new(MergedInto { user: Arc::clone(to), tie: tie.clone() }));
    let history = Record::Subject(std::mem::replace(subject, stub)).write().unwrap_or_default();
    let body = Body::Absorb { from: Arc::clone(&applying.key.id), tie: tie.clone(), history: history.into() };
    applying.send(RecordKey::user(to), body);
    applying.effects.merges.push((tie.source.clone(), MergeOutcome::Merged));
}

/// An operator says that this id is not the user's whom it was merged into. From now on only a server may tie it to another.
pub(super) fn unlink(subject: &mut Subject, by: &SourceName, applying: &mut Applying<'_>) {
    if subject.ties.merged_into.is_some() {
        subject.touched = applying.now;
        subject.ties.known = true;
        untie(subject, by, applying);
    }
}

fn untie(subject: &mut Subject, by: &SourceName, applying: &mut Applying<'_>) {
    if let Some(merged) = subject.ties.merged_into.take() {
        applying.send(RecordKey::user(&merged.user), Body::Untied { id: Arc::clone(&applying.key.id) });
        note(MergeOutcome::Undone, by, (&merged.user, merged.tie.trust), applying);
        applying.effects.merges.push((by.clone(), MergeOutcome::Undone));
    }
}

/// The source's record says later what came of what it said.
fn note(outcome: MergeOutcome, source: &SourceName, (user, trust): (&Arc<str>, Trust), applying: &mut Applying<'_>) {
    let id = Arc::clone(&applying.key.id);
    let note = MergeNote { at: applying.now, outcome, id, user: Arc::clone(user), trust };
    applying.send(RecordKey::source(source.as_str()), Body::Noted(Box::new(note)));
}
