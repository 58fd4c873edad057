//! Decisions: what the definitions make of a subject, and what that means for its leads.
//!
//! A user who has an account is decided about once for each event, with the account's state. As long as no definition could
//! come to anything, whatever the account's state is, nothing is asked. Otherwise the account is asked, the user's state as of
//! the event travels along, and the answer decides by both. While an answer is awaited, every later decision about the user goes
//! the same way, so that decisions stand in the order of the events.

use std::sync::Arc;

use super::message::Answer;
use super::{Context, Effects, routing};
use crate::event::Event;
use crate::ids::{RecordKey, SubjectKind};
use crate::lead::LeadEventType;
use crate::lead::build::{lead_event, lead_id};
use crate::qualify::{Decision, Definition, View, Who, decide as decide_one, evaluate};
use crate::record::{Standing, Subject};
use crate::time::Millis;

/// Decides about a user, or finds that their `account` has to be asked; returns whether it has.
pub(super) fn decide(
    user: &mut Subject,
    key: &RecordKey,
    event: Option<&Arc<Event>>,
    account: Option<&Arc<str>>,
    context: &Context<'_>,
    effects: &mut Effects,
) -> bool {
    let event = event.map(|event| &**event);
    if account.is_none() && user.ties.asks == 0 {
        let around = Around { user: None, account: Who::Nobody, event, now: context.now };
        decide_all(user, key, SubjectKind::User, &around, context, effects);
        return false;
    }
    // Where nobody can be asked and an answer is on its way, the next decision makes up for it: deciding now would overtake those
    // that wait, and a lead would move there and back.
    let asks = account.is_some() && (user.ties.asks > 0 || may_matter(user, key, event, context));
    user.ties.asks += u32::from(asks);
    asks
}

/// Whether something could follow for a user, depending on how their account stands.
fn may_matter(user: &Subject, key: &RecordKey, event: Option<&Event>, context: &Context<'_>) -> bool {
    let view = View {
        plan: &context.rules.plan,
        now: context.now,
        user: Who::Record(&key.id, user),
        account: Who::Pending,
        event,
        intent: None,
        fit: None,
    };
    context.rules.definitions(SubjectKind::User).any(|definition| {
        let evaluation = evaluate(definition, &view);
        let standing = user.standings.get(&definition.name);
        !evaluation.is_sure() || decide_one(definition, evaluation, standing, context.now) != Decision::Nothing
    })
}

/// An account says how it stands.
pub(super) fn answer(
    user: &mut Subject,
    key: &RecordKey,
    answer: &Answer,
    context: &Context<'_>,
    effects: &mut Effects,
) {
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
    let around = Around {
        user: answer.user.as_deref().map(Who::Projection),
        account: Who::Projection(&answer.account),
        event: answer.event.as_deref(),
        now: answer.at,
    };
    decide_all(user, key, SubjectKind::User, &around, context, effects);
}

/// Decides about an account; `user` did the event.
pub(super) fn decide_account(
    account: &mut Subject,
    key: &RecordKey,
    user: Who<'_>,
    event: Option<&Arc<Event>>,
    context: &Context<'_>,
    effects: &mut Effects,
) {
    let around =
        Around { user: Some(user), account: Who::Nobody, event: event.map(|event| &**event), now: context.now };
    decide_all(account, key, SubjectKind::Account, &around, context, effects);
}

/// What is known besides the subject itself.
struct Around<'a> {
    /// The user as they are seen; `None`: as their record says.
    user: Option<Who<'a>>,
    account: Who<'a>,
    event: Option<&'a Event>,
    now: Millis,
}

fn view<'v>(
    subject: &'v Subject,
    key: &'v RecordKey,
    of: SubjectKind,
    around: &Around<'v>,
    context: &Context<'v>,
) -> View<'v> {
    let own = Who::Record(&key.id, subject);
    let (user, account) = match of {
        SubjectKind::User => (around.user.unwrap_or(own), around.account),
        SubjectKind::Account => (around.user.unwrap_or_default(), own),
    };
    View { plan: &context.rules.plan, now: around.now, user, account, event: around.event, intent: None, fit: None }
}

/// Decides about the subject for every definition of its kind, and notes in it where it stands now.
fn decide_all(
    subject: &mut Subject,
    key: &RecordKey,
    of: SubjectKind,
    around: &Around<'_>,
    context: &Context<'_>,
    effects: &mut Effects,
) {
    let mut taken = Vec::new();
    let seen = view(subject, key, of, around, context);
    for definition in context.rules.definitions(of) {
        let evaluation = evaluate(definition, &seen);
        let decision = decide_one(definition, evaluation, subject.standings.get(&definition.name), around.now);
        if decision != Decision::Nothing {
            taken.push((definition, decision));
        }
    }
    for (definition, decision) in taken {
        if let Some((kind, standing)) = take(subject, key, definition, decision, around.now, context) {
            if kind == LeadEventType::Qualified {
                effects.qualified.push(Arc::clone(&definition.name));
            }
            let seen = view(subject, key, of, around, context);
            let event = lead_event(definition, kind, &standing, (&key.id, subject), &seen);
            routing::begin(subject, key, &definition.name, event, context, effects);
        }
    }
}

/// Notes a decision about `subject`; returns what it means for the lead, if anything.
fn take(
    subject: &mut Subject,
    key: &RecordKey,
    definition: &Definition,
    decision: Decision,
    now: Millis,
    context: &Context<'_>,
) -> Option<(LeadEventType, Standing)> {
    let before = subject.standings.remove(&definition.name);
    let (kind, after) = match (decision, before) {
        (Decision::Qualify { tier }, before) => {
            let times = before.as_ref().map_or(0, |standing| standing.times) + 1;
            let lead_id = lead_id(&definition.name, definition.of, &key.id, times, context.origin);
            subject.remember_lead(&lead_id, None);
            // News of the lead before may still be on its way to its rep.
            let (routing, queue) = before.map(|standing| (standing.routing, standing.queue)).unwrap_or_default();
            let fresh =
                Standing { times, lead_id, revision: 1, tier, qualified_at: now, lapsed: false, routing, queue };
            (Some(LeadEventType::Qualified), fresh)
        }
        (Decision::Retier { tier }, Some(before)) => {
            (Some(LeadEventType::TierChanged), Standing { tier, revision: before.revision + 1, ..before })
        }
        (Decision::Lapse, Some(before)) => (None, Standing { lapsed: true, ..before }),
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
