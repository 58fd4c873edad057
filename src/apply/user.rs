//! A user's part of an event: who they are, what is counted for them, whose event it is, and what follows for them.

use std::sync::Arc;

use super::message::AccountEvent;
use super::{Body, Context, Effects, Notice, deciding, merging};
use crate::counters::plan::is_use;
use crate::event::{Call, Event};
use crate::ids::{RecordKey, SubjectKind};
use crate::record::account::{Found, account_of, current_account};
use crate::record::ties::{MAX_WAITING, WAITS_FOR};
use crate::record::{Profile, Projection, Subject, Waiting};
use crate::time::Millis;

/// How long an event whose account only the user's e-mail address tells waits for a group call: browsers send both at once.
const GROUP_CALL_GRACE: i64 = 2 * Millis::SECOND;

pub(super) fn event(
    user: &mut Subject,
    key: &RecordKey,
    event: &Arc<Event>,
    context: &Context<'_>,
    effects: &mut Effects,
) {
    user.touched = context.now;
    learn(user, key, event, context, effects);
    user.ledger.apply(&context.rules.plan, SubjectKind::User, event, Some(&key.id), context.now);
    user.see(event.timestamp);
    merging::tie(user, key, event, context, effects);
    let account = match account_of(&context.rules.accounts, event, user) {
        Found::Surely(account) => Some(account),
        Found::Perhaps(_) if is_use(event.call) => wait(user, event, GROUP_CALL_GRACE, context, effects),
        Found::NotYet if is_use(event.call) => wait(user, event, WAITS_FOR, context, effects),
        Found::Perhaps(_) | Found::NotYet | Found::Nowhere => None,
    };
    settle_waiting(user, key, context, effects);
    let asks = deciding::decide(user, key, Some(event), account.as_ref(), context, effects);
    if let Some(account) = account {
        let projection = (asks || context.rules.accounts_read_users).then(|| project(user, key, context));
        send_to_account(user, key, event, &account, (projection, asks), context, effects);
    }
}

fn learn(user: &mut Subject, key: &RecordKey, event: &Event, context: &Context<'_>, effects: &mut Effects) {
    user.ties.known |= event.user_id.as_deref() == Some(&*key.id);
    match event.call {
        Call::Identify => user.traits.learn(&event.traits, event.timestamp),
        Call::Group => {
            if let Some(group) = &event.group_id {
                user.ties.join(group, event.timestamp);
            }
        }
        _ => user.traits.learn(&event.context_traits, event.timestamp),
    }
    keep_traits(user, SubjectKind::User, context, effects);
}

/// Keeps the traits of a subject within their bound.
pub(super) fn keep_traits(subject: &mut Subject, of: SubjectKind, context: &Context<'_>, effects: &mut Effects) {
    if subject.traits.keep(|name| context.rules.reads_trait(of, name)) > 0 {
        effects.notices.push(Notice::TraitsDropped);
    }
}

/// Lets an event wait until its account is known.
fn wait(
    user: &mut Subject,
    event: &Arc<Event>,
    how_long: i64,
    context: &Context<'_>,
    effects: &mut Effects,
) -> Option<Arc<str>> {
    if user.ties.waiting.len() >= MAX_WAITING {
        user.ties.waiting.remove(0);
        effects.notices.push(Notice::AccountNeverKnown);
    }
    user.ties.waiting.push(Waiting { event: Arc::clone(event), until: context.clock.plus(how_long) });
    None
}

/// Sends events that waited to their accounts, as far as those are known now, and gives up those that waited too long.
pub(super) fn settle_waiting(user: &mut Subject, key: &RecordKey, context: &Context<'_>, effects: &mut Effects) {
    for waiting in std::mem::take(&mut user.ties.waiting) {
        // A clock that ran ahead must not hold it back for as long as it was ahead.
        let is_over = waiting.until <= context.clock || waiting.until.since(context.clock) > 2 * WAITS_FOR;
        match account_of(&context.rules.accounts, &waiting.event, user) {
            Found::Surely(account) => {
                send_to_account(user, key, &waiting.event, &account, (None, false), context, effects);
            }
            Found::Perhaps(account) if is_over => {
                user.ties.settled = true;
                send_to_account(user, key, &waiting.event, &account, (None, false), context, effects);
            }
            Found::Perhaps(_) => {
                let until = waiting.until.min(context.clock.plus(GROUP_CALL_GRACE));
                user.ties.waiting.push(Waiting { until, ..waiting });
            }
            Found::NotYet if !is_over => user.ties.waiting.push(waiting),
            Found::NotYet | Found::Nowhere => effects.notices.push(Notice::AccountNeverKnown),
        }
    }
}

fn send_to_account(
    user: &mut Subject,
    key: &RecordKey,
    event: &Arc<Event>,
    account: &Arc<str>,
    (projection, asks): (Option<Box<Projection>>, bool),
    context: &Context<'_>,
    effects: &mut Effects,
) {
    user.ties.know_account(account);
    let projection = projection.or_else(|| context.rules.accounts_read_users.then(|| project(user, key, context)));
    let body = AccountEvent {
        event: Arc::clone(event),
        user: Arc::clone(&key.id),
        profile: Profile::of(user),
        projection,
        asks,
    };
    effects.send(RecordKey::account(account), Body::AccountEvent(Box::new(body)), context);
}

/// The user as they stand now.
pub(super) fn project(user: &Subject, key: &RecordKey, context: &Context<'_>) -> Box<Projection> {
    Box::new(Projection::of(user, &key.id, SubjectKind::User, &context.rules.plan, context.now))
}

/// Looks at a user anew for whom things have changed without an event.
pub(super) fn reconsider(user: &mut Subject, key: &RecordKey, context: &Context<'_>, effects: &mut Effects) {
    let account = current_account(&context.rules.accounts, user);
    let asks = deciding::decide(user, key, None, account.as_ref(), context, effects);
    if let (true, Some(account)) = (asks, account) {
        let body = Body::Ask { user: project(user, key, context), at: context.now };
        effects.send(RecordKey::account(&account), body, context);
    }
}
