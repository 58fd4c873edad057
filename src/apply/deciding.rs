//! Decisions: what the definitions make of a subject, and what that means for its leads.
//!
//! A user who has an account is decided about once for each event, with the account's state. As long as no definition could
//! come to anything, whatever the account's state is, nothing is asked. Otherwise the account is asked, the user's state as of
//! the event travels along, and the answer decides by both. While an answer is awaited, every later decision about the user goes
//! the same way, so that decisions stand in the order of the events.

use std::sync::Arc;

use super::message::Answer;
use super::{Applying, routing};
use crate::event::Event;
use crate::ids::SubjectKind;
use crate::lead::LeadEventType;
use crate::lead::build::{lead_event, lead_id};
use crate::qualify::agenda::next_decision;
use crate::qualify::{Decision, Definition, View, Who, decide as decide_one, evaluate};
use crate::record::{Standing, Subject};
use crate::time::Millis;

/// Decides about a user, or finds that their `account` has to be asked; returns whether it has.
pub(super) fn decide(
    user: &mut Subject,
    event: Option<&Arc<Event>>,
    account: Option<&Arc<str>>,
    applying: &mut Applying<'_>,
) -> bool {
    let event = event.map(|event| &**event);
    if account.is_none() && user.ties.asks == 0 {
        let known = Known { user: None, account: Who::Nobody, event, now: applying.now };
        decide_all(user, SubjectKind::User, &known, applying);
        return false;
    }
    // Where nobody can be asked and an answer is on its way, the next decision makes up for it: deciding now would overtake those
    // that wait, and a lead would move there and back.
    let asks = account.is_some() && (user.ties.asks > 0 || may_matter(user, event, applying));
    user.ties.asks += u32::from(asks);
    if account.is_some() && !asks {
        let known = Known { user: None, account: Who::Pending, event, now: applying.now };
        schedule(user, SubjectKind::User, &known, applying);
    }
    asks
}

/// Notes when something may be decided otherwise about the subject though nothing happens.
fn schedule(subject: &mut Subject, of: SubjectKind, known: &Known<'_>, applying: &Applying<'_>) {
    let seen = view(subject, of, known, applying);
    let next = applying.rules.definitions(of).filter_map(|definition| {
        let standing = subject.standings.get(&definition.name);
        let is_lapsed = standing.is_some_and(|standing| standing.lapsed_at.is_some());
        let change = definition.next_change(&seen);
        if change.is_none() && !is_lapsed {
            return None;
        }
        let evaluation = evaluate(definition, &View { event: None, ..seen.of(definition) });
        next_decision(definition, evaluation, standing, change, known.now)
    });
    subject.wakes_at = next.min();
}

/// Whether something could follow for a user, depending on how their account stands.
fn may_matter(user: &Subject, event: Option<&Event>, applying: &Applying<'_>) -> bool {
    let view = View {
        plan: &applying.rules.plan,
        now: applying.now,
        user: Who::Record(&applying.key.id, user),
        account: Who::Pending,
        event,
        intent: None,
        fit: None,
    };
    applying.rules.definitions(SubjectKind::User).any(|definition| {
        let evaluation = evaluate(definition, &view.of(definition));
        let standing = user.standings.get(&definition.name);
        !evaluation.is_sure() || decide_one(definition, evaluation, standing, applying.now) != Decision::Nothing
    })
}

/// An account says how it stands.
pub(super) fn answer(user: &mut Subject, answer: &Answer, applying: &mut Applying<'_>) {
    if answer.user.is_some() {
        user.ties.asks = user.ties.asks.saturating_sub(1);
    } else if user.ties.asks > 0 {
        // The account is asked already, and answers with what it is by then.
        return;
    }
    if !user.has_history() {
        // Forgotten meanwhile.
        return;
    }
    let known = Known {
        user: answer.user.as_deref().map(Who::Projection),
        account: Who::Projection(&answer.account),
        event: answer.event.as_deref(),
        now: answer.at,
    };
    decide_all(user, SubjectKind::User, &known, applying);
}

/// Decides about an account; `user` did the event.
pub(super) fn decide_account(
    account: &mut Subject,
    user: Who<'_>,
    event: Option<&Arc<Event>>,
    applying: &mut Applying<'_>,
) {
    let known = Known { user: Some(user), account: Who::Nobody, event: event.map(|event| &**event), now: applying.now };
    decide_all(account, SubjectKind::Account, &known, applying);
}

/// What is known besides the subject itself.
struct Known<'a> {
    /// The user as they are seen; `None`: as their record says.
    user: Option<Who<'a>>,
    account: Who<'a>,
    event: Option<&'a Event>,
    now: Millis,
}

fn view<'v>(subject: &'v Subject, of: SubjectKind, known: &Known<'v>, applying: &Applying<'v>) -> View<'v> {
    let own = Who::Record(&applying.key.id, subject);
    let (user, account) = match of {
        SubjectKind::User => (known.user.unwrap_or(own), known.account),
        SubjectKind::Account => (known.user.unwrap_or_default(), own),
    };
    View { plan: &applying.rules.plan, now: known.now, user, account, event: known.event, intent: None, fit: None }
}

/// Decides about the subject for every definition of its kind, and notes in it where it stands now.
fn decide_all(subject: &mut Subject, of: SubjectKind, known: &Known<'_>, applying: &mut Applying<'_>) {
    let mut taken = Vec::new();
    let seen = view(subject, of, known, applying);
    for definition in applying.rules.definitions(of) {
        let evaluation = evaluate(definition, &seen.of(definition));
        let decision = decide_one(definition, evaluation, subject.standings.get(&definition.name), known.now);
        if decision != Decision::Nothing {
            taken.push((definition, decision));
        }
    }
    for (definition, decision) in taken {
        if let Some((kind, standing)) = take(subject, definition, decision, known.now, applying) {
            if kind == LeadEventType::Qualified {
                applying.effects.qualified.push(Arc::clone(&definition.name));
            }
            let seen = view(subject, of, known, applying);
            let event = lead_event(definition, kind, &standing, (&applying.key.id, subject), &seen);
            routing::begin(subject, &definition.name, event, applying);
        }
    }
    schedule(subject, of, known, applying);
}

/// Notes a decision about `subject`; returns what it means for the lead, if anything.
fn take(
    subject: &mut Subject,
    definition: &Definition,
    decision: Decision,
    now: Millis,
    applying: &Applying<'_>,
) -> Option<(LeadEventType, Standing)> {
    let before = subject.standings.remove(&definition.name);
    let (kind, after) = match (decision, before) {
        (Decision::Qualify { tier }, before) => {
            let times = before.as_ref().map_or(0, |standing| standing.times) + 1;
            let lead_id = lead_id(&definition.name, definition.of, &applying.key.id, times, applying.origin);
            subject.remember_lead(&lead_id, None);
            // News of the lead before may still be on its way to its rep.
            let (routing, queue) = before.map(|standing| (standing.routing, standing.queue)).unwrap_or_default();
            let fresh = Standing {
                times,
                lead_id,
                revision: 1,
                tier,
                qualified_at: now,
                lapsed_at: None,
                routing,
                hold: None,
                queue,
            };
            (Some(LeadEventType::Qualified), fresh)
        }
        (Decision::Retier { tier }, Some(before)) => {
            (Some(LeadEventType::TierChanged), Standing { tier, revision: before.revision + 1, ..before })
        }
        (Decision::Lapse, Some(before)) => {
            let lapsed = Standing { lapsed_at: Some(now), ..before };
            // What is true of one event is over with the next, and that is no news.
            if definition.reads_event() {
                (None, lapsed)
            } else {
                (Some(LeadEventType::Lapsed), Standing { revision: lapsed.revision + 1, ..lapsed })
            }
        }
        (_, before) => {
            before
                .into_iter()
                .for_each(|standing| drop(subject.standings.insert(Arc::clone(&definition.name), standing)));
            return None;
        }
    };
    subject.standings.insert(Arc::clone(&definition.name), after.clone());
    kind.map(|kind| (kind, after))
}
