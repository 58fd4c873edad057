//! An account's part of its people's events, and what it tells them.

use std::sync::Arc;

use super::message::{AccountEvent, Answer};
use super::{Body, Context, Effects, deciding, delivering, user};
use crate::counters::plan::is_use;
use crate::event::{Call, Event};
use crate::ids::{RecordKey, SubjectKind};
use crate::qualify::Who;
use crate::record::{Projection, Subject};
use crate::time::Millis;

/// How long an account gathers changes before it tells those whose qualification hangs on it.
const TELL_AFTER: i64 = Millis::SECOND;

pub(super) fn event(
    account: &mut Subject,
    key: &RecordKey,
    part: &AccountEvent,
    context: &Context<'_>,
    effects: &mut Effects,
) {
    let event = &part.event;
    count(account, event, Some(&part.user), context, effects);
    account.meet(&part.user, &part.profile, event.timestamp, is_use(event.call));
    let user = match &part.projection {
        Some(projection) if context.rules.accounts_read_users => Who::Projection(projection),
        _ => Who::Nobody,
    };
    deciding::decide_account(account, key, user, Some(event), context, effects);
    tell_later(account, event, &part.user, context);
    if let (true, Some(projection)) = (part.asks, &part.projection) {
        account.watch(&part.user, context.now);
        answer(account, key, projection.clone(), Some(Arc::clone(event)), context.now, context, effects);
    }
}

/// A group call that names no user.
pub(super) fn own_event(
    account: &mut Subject,
    key: &RecordKey,
    event: &Arc<Event>,
    context: &Context<'_>,
    effects: &mut Effects,
) {
    count(account, event, None, context, effects);
    deciding::decide_account(account, key, Who::Nobody, Some(event), context, effects);
    tell_later(account, event, "", context);
}

fn count(account: &mut Subject, event: &Event, user: Option<&str>, context: &Context<'_>, effects: &mut Effects) {
    account.touched = context.now;
    if event.call == Call::Group {
        account.traits.learn(&event.traits, event.timestamp);
        user::keep_traits(account, SubjectKind::Account, context, effects);
    }
    account.ledger.apply(&context.rules.plan, SubjectKind::Account, event, user, context.now);
    account.see(event.timestamp);
}

/// Sees to it that other people whose qualification hangs on this account are looked at again.
fn tell_later(account: &mut Subject, event: &Event, actor: &str, context: &Context<'_>) {
    let rules = context.rules;
    let changed = (rules.users_read_account_counters && is_use(event.call))
        || (rules.users_read_account_traits && event.call == Call::Group);
    if changed && account.tell_at.is_none() && account.watchers.keys().any(|user| **user != *actor) {
        account.tell_at = Some(context.clock.plus(TELL_AFTER));
    }
}

pub(super) fn ask(
    account: &mut Subject,
    key: &RecordKey,
    (user, at): (&Projection, Millis),
    context: &Context<'_>,
    effects: &mut Effects,
) {
    account.watch(&user.id, context.now);
    answer(account, key, Box::new(user.clone()), None, at, context, effects);
}

fn answer(
    account: &Subject,
    key: &RecordKey,
    user: Box<Projection>,
    event: Option<Arc<Event>>,
    at: Millis,
    context: &Context<'_>,
    effects: &mut Effects,
) {
    let to = RecordKey::user(&user.id);
    let account = Projection::of(account, &key.id, SubjectKind::Account, &context.rules.plan, at);
    effects.send(to, Body::Answer(Box::new(Answer { account, user: Some(user), event, at })), context);
}

/// Tells everybody whose qualification hangs on this account how it stands.
pub(super) fn tell(account: &mut Subject, key: &RecordKey, context: &Context<'_>, effects: &mut Effects) {
    account.tell_at = None;
    let (at, plan) = (context.now, &context.rules.plan);
    let stands = Projection::of(account, &key.id, SubjectKind::Account, plan, at);
    for user in account.watchers.keys() {
        let answer = Answer { account: stands.clone(), user: None, event: None, at };
        effects.send(RecordKey::user(user), Body::Answer(Box::new(answer)), context);
    }
}

/// Whoever was `from` was `to` all along; without `to`, they are forgotten.
pub(super) fn rename(
    account: &mut Subject,
    from: &Arc<str>,
    to: Option<&Arc<str>>,
    context: &Context<'_>,
    effects: &mut Effects,
) {
    account.ledger.rename_user(&context.rules.plan, from, to.map(|to| &**to));
    account.rename_member(from, to.map(|to| &**to));
    let watched = account.watchers.remove(from);
    match to {
        Some(to) => watched.into_iter().for_each(|at| account.watch(to, at)),
        None => {
            effects.scrub_leads.push(Arc::clone(from));
            // News that waits for its rep names them, too.
            for json in account.standings.values_mut().flat_map(|standing| &mut standing.queue) {
                if let Some(without) = delivering::without(json, from) {
                    *json = without.into();
                }
            }
            for (destination, lead) in
                context.rules.destinations.iter().flat_map(|name| account.leads.keys().map(move |lead| (name, lead)))
            {
                let to = RecordKey::delivery(destination, lead);
                effects.send(to, Body::Scrub { user: Arc::clone(from) }, context);
            }
        }
    }
}
