//! A user's part of an event: who they are, what is counted for them, whose event it is, and what follows for them.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::message::AccountEvent;
use super::{Applying, Body, Notice, Past, deciding, merging, telling};
use crate::counters::plan::is_use;
use crate::event::{Call, Event};
use crate::ids::{RecordKey, SubjectKind};
use crate::record::account::{Found, account_of, current_account};
use crate::record::ties::WAITS_FOR;
use crate::record::{Profile, Projection, Saying, Subject, Waiting};
use crate::time::Millis;

/// How long an event whose account only the user's e-mail address tells waits for a group call: browsers send both at once.
const GROUP_CALL_GRACE: i64 = 2 * Millis::SECOND;

pub(super) fn event(user: &mut Subject, event: &Arc<Event>, applying: &mut Applying<'_>) {
    user.touched = applying.now;
    if is_repeated(user, event, applying) {
        applying.effects.duplicates.push(event.source.clone());
        return;
    }
    if event.call == Call::Traits {
        return enrich(user, event, applying);
    }
    applying.keep(|| Past::Counted { by: None, event: Arc::clone(event) });
    user.senders.note(&event.source, event.trust);
    applying.meet(user, event);
    learn(user, event, applying);
    let (plan, id) = (&applying.rules.plan, &applying.key.id);
    user.ledger.apply(plan, SubjectKind::User, event, Some(id), (applying.now, applying.seed));
    user.see(event.timestamp);
    merging::tie(user, event, applying);
    let account = match account_of(&applying.rules.accounts, event, user) {
        Found::Surely(account) => Some(account),
        Found::Perhaps(_) if is_use(event.call) => wait(user, event, GROUP_CALL_GRACE, applying),
        Found::NotYet if is_use(event.call) => wait(user, event, WAITS_FOR, applying),
        Found::Perhaps(_) | Found::NotYet | Found::Nowhere => None,
    };
    settle_waiting(user, applying);
    // Before it is decided when to look again: what is true of a member may change by time. It is counted there when it is sent.
    account.iter().for_each(|account| user.ties.know_account(account, 0));
    let asks = deciding::decide(user, Some(event), account.as_ref(), applying);
    telling::tell(user, account.as_ref(), applying);
    if let Some(account) = account {
        let asking = asks.then(|| project(user, applying));
        send_to_account(user, event, &account, (asking, false), applying);
    }
}

/// Another system says what it knows of a user, who did nothing: nothing is counted, and they were not seen.
fn enrich(user: &mut Subject, event: &Arc<Event>, applying: &mut Applying<'_>) {
    applying.keep(|| Past::Counted { by: None, event: Arc::clone(event) });
    applying.meet(user, event);
    user.ties.known = true;
    hear(user, SubjectKind::User, event, &event.traits, applying);
    keep_traits(user, SubjectKind::User, applying);
    settle_waiting(user, applying);
    let account = current_account(&applying.rules.accounts, user);
    look_again(user, Some(event), account, applying);
}

/// Whether an event was counted already, for an id that turned out to be this user: senders that learn who somebody is before they send
/// something again send it under another id.
fn is_repeated(user: &mut Subject, event: &Event, applying: &Applying<'_>) -> bool {
    let Some(message) = event.message else { return false };
    if event.user_id.is_none() && !user.ties.known {
        user.ties.counted.get_or_insert_default().note(message);
    }
    user.ties.counted.as_ref().is_some_and(|counted| counted.has(message, applying.now))
}

fn learn(user: &mut Subject, event: &Event, applying: &mut Applying<'_>) {
    user.ties.known |= event.user_id.as_deref() == Some(&*applying.key.id);
    let mut hear = |said| hear(user, SubjectKind::User, event, said, applying);
    match event.call {
        Call::Identify => hear(&event.traits),
        Call::Group => {
            if let Some(group) = &event.group_id {
                user.ties.memberships.join(group, event.timestamp, event.trust);
            }
        }
        _ => hear(&event.context_traits),
    }
    keep_traits(user, SubjectKind::User, applying);
}

/// Takes in what an event says of a subject's traits.
pub(super) fn hear(
    subject: &mut Subject,
    of: SubjectKind,
    event: &Event,
    said: &Map<String, Value>,
    applying: &mut Applying<'_>,
) {
    let rules = applying.rules;
    let heard = rules.heard(of, &event.source, said);
    if rules.is_unreadable(of, &heard) {
        applying.effects.notices.push(Notice::TraitUnreadable);
    }
    let saying = Saying { source: &event.source, at: event.timestamp, trust: event.trust };
    subject.traits.learn(&heard, saying, |name| rules.trait_rule(of, name));
}

/// Keeps the traits of a subject within their bound.
pub(super) fn keep_traits(subject: &mut Subject, of: SubjectKind, applying: &mut Applying<'_>) {
    let max_bytes = applying.rules.traits_bytes();
    if subject.traits.keep(max_bytes, |name| applying.rules.reads_trait(of, name)) > 0 {
        applying.effects.notices.push(Notice::TraitsDropped);
    }
}

/// Lets an event wait until its account is known.
fn wait(user: &mut Subject, event: &Arc<Event>, how_long: i64, applying: &mut Applying<'_>) -> Option<Arc<str>> {
    let waiting = Waiting { event: Arc::clone(event), until: applying.clock.plus(how_long) };
    let given_up = user.ties.wait(waiting);
    applying.effects.notices.extend(std::iter::repeat_n(Notice::AccountNeverKnown, given_up));
    None
}

/// Sends events that waited to their accounts, as far as those are known now, and gives up those that waited too long.
pub(super) fn settle_waiting(user: &mut Subject, applying: &mut Applying<'_>) {
    for waiting in std::mem::take(&mut user.ties.waiting) {
        // A clock that ran ahead must not hold it back for as long as it was ahead.
        let is_over = waiting.until <= applying.clock || waiting.until.since(applying.clock) > 2 * WAITS_FOR;
        match account_of(&applying.rules.accounts, &waiting.event, user) {
            Found::Surely(account) => {
                settle(user, &waiting.event, &account, applying);
            }
            Found::Perhaps(account) if is_over => {
                user.ties.settled = true;
                settle(user, &waiting.event, &account, applying);
            }
            Found::Perhaps(_) => {
                let until = waiting.until.min(applying.clock.plus(GROUP_CALL_GRACE));
                user.ties.waiting.push(Waiting { until, ..waiting });
            }
            Found::NotYet if !is_over => user.ties.waiting.push(waiting),
            Found::NotYet | Found::Nowhere => applying.effects.notices.push(Notice::AccountNeverKnown),
        }
    }
}

/// Sends an event that waited to its account, and asks how that stands where something rests on the event itself.
fn settle(user: &mut Subject, event: &Arc<Event>, account: &Arc<str>, applying: &mut Applying<'_>) {
    let asking = deciding::waits_for_account(user, event, applying).then(|| project(user, applying));
    user.ties.asks += u32::from(asking.is_some());
    send_to_account(user, event, account, (asking, true), applying);
}

fn send_to_account(
    user: &mut Subject,
    event: &Arc<Event>,
    account: &Arc<str>,
    (asking, waited): (Option<Box<Projection>>, bool),
    applying: &mut Applying<'_>,
) {
    user.ties.know_account(account, u64::from(is_use(event.call)));
    let body = AccountEvent {
        event: Arc::clone(event),
        user: Arc::clone(&applying.key.id),
        profile: Profile::of(user),
        asking,
        told: telling::told(user, account, applying),
        waited,
    };
    applying.send(RecordKey::account(account), Body::AccountEvent(Box::new(body)));
}

/// The user as they stand now.
pub(super) fn project(user: &Subject, applying: &Applying<'_>) -> Box<Projection> {
    let reads = |name: &str| applying.rules.reads_trait(SubjectKind::User, name);
    let asks = |name: &str| applying.rules.asks_who_said(SubjectKind::User, name);
    let read = (&applying.rules.plan, reads, asks);
    Box::new(Projection::of(user, &applying.key.id, SubjectKind::User, read, applying.now))
}

/// Looks at a user anew for whom things have changed without an event.
pub(super) fn reconsider(user: &mut Subject, applying: &mut Applying<'_>) {
    let account = current_account(&applying.rules.accounts, user);
    look_again(user, None, account, applying);
}

fn look_again(user: &mut Subject, event: Option<&Arc<Event>>, account: Option<Arc<str>>, applying: &mut Applying<'_>) {
    let asks = deciding::decide(user, event, account.as_ref(), applying);
    telling::tell(user, None, applying);
    if let (true, Some(account)) = (asks, account) {
        let body = Body::Ask { user: project(user, applying), at: applying.now, quiet: None };
        applying.send(RecordKey::account(&account), body);
    }
}
