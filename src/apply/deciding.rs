//! Decisions: what the definitions make of a subject, and what that means for its leads.
//!
//! A user who has an account is decided about once for each event, with the account's state. As long as no definition could
//! come to anything, whatever the account's state is, nothing is asked. Otherwise the account is asked, the user's state as of
//! the event travels along, and the answer decides by both. While an answer is awaited, every later decision about the user goes
//! the same way, so that decisions stand in the order of the events.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::message::Answer;
use super::news::{news, tell};
use super::seeing::{Known, view};
use super::{Applying, ending, joining, noting, promising, telling};
use crate::event::{Call, Event};
use crate::ids::{DefinitionName, RecordKind, SubjectKind};
use crate::lead::build::lead_id;
use crate::lead::{LeadEventType, joiner};
use crate::qualify::agenda::next_decision;
use crate::qualify::{Decision, Definition, View, Who, decide as decide_one, evaluate};
use crate::record::{NotedSignals, Projection, Quiet, Standing, Subject};
use crate::time::Millis;

/// Decides about a user, or finds that their `account` has to be asked; returns whether it has.
pub(super) fn decide(
    user: &mut Subject,
    event: Option<&Arc<Event>>,
    account: Option<&Arc<str>>,
    applying: &mut Applying<'_>,
) -> bool {
    decide_deferred(user, applying);
    let at_hand = event.cloned();
    let event = at_hand.as_deref();
    // What hangs on the account is noted when it answers.
    let known = Known { user: None, account: Who::Nobody, event, now: applying.now };
    note(user, SubjectKind::User, &known, applying);
    if account.is_none() && user.ties.asks == 0 {
        let known = Known { user: None, account: Who::Nobody, event, now: applying.now };
        decide_all(user, SubjectKind::User, &known, applying);
        return false;
    }
    if account.is_none() {
        // Deciding now would overtake those that wait for an answer, and a lead would move there and back.
        user.ties.defer(at_hand);
        return false;
    }
    let asks = user.ties.asks > 0 || may_matter(user, event, applying);
    user.ties.asks += u32::from(asks);
    if !asks {
        let known = Known { user: None, account: Who::Pending, event, now: applying.now };
        schedule(user, SubjectKind::User, &known, applying);
    }
    asks
}

/// Decides about what came while answers were awaited and asks no account, when all have come.
fn decide_deferred(user: &mut Subject, applying: &mut Applying<'_>) {
    if user.ties.asks > 0 {
        return;
    }
    for event in std::mem::take(&mut user.ties.deferred) {
        let known = Known { user: None, account: Who::Nobody, event: event.as_deref(), now: applying.now };
        decide_all(user, SubjectKind::User, &known, applying);
    }
}

/// Notes when something may be decided otherwise about the subject though nothing happens.
fn schedule(subject: &mut Subject, of: SubjectKind, known: &Known<'_>, applying: &Applying<'_>) {
    subject.put_off = None;
    let seen = view(subject, of, known, applying);
    let next = applying.definitions(of).filter_map(|definition| {
        let standing = subject.standings.get(&definition.name);
        // Else nothing waits for a moment that is not the conditions' own.
        let may_wait = standing.is_some_and(|one| one.lapsed_at.is_some() || definition.settle_ms > 0);
        let change = definition.next_change(&seen);
        if change.is_none() && !may_wait {
            return None;
        }
        let evaluation = evaluate(definition, &View { event: None, ..seen.of(definition) });
        next_decision(definition, evaluation, standing, change, known.now)
    });
    // What is remembered must be noted when it changes, whether or not a decision hangs on it then.
    let noted = applying.rules.noted.iter().filter(|one| one.signal.of == of);
    let ends = ending::may_end(subject, applying)
        .then(|| applying.rules.endings.next_change(of, &View { event: None, ..seen }));
    let noted = noted.filter_map(|one| one.signal.next_change(&View { event: None, ..seen })).map(|drift| drift.at);
    let told = (of == SubjectKind::User).then(|| telling::next_change(subject, known.now, applying)).flatten();
    let again = applying.holds(of).then(|| applying.clock.plus(applying.held.look_again));
    subject.wakes_at = next.chain(noted).chain(told).chain(again).chain(ends.flatten()).min();
}

/// Whether something could follow for a user, depending on how their account stands.
fn may_matter(user: &Subject, event: Option<&Event>, applying: &Applying<'_>) -> bool {
    let known = Known { user: None, account: Who::Pending, event, now: applying.now };
    let view = view(user, SubjectKind::User, &known, applying);
    if noting::hangs_on_account(&user.noted, &view, applying) {
        return true;
    }
    applying.definitions(SubjectKind::User).any(|definition| {
        let evaluation = evaluate(definition, &view.of(definition));
        let standing = user.standings.get(&definition.name);
        if standing.is_some_and(|standing| ending::ends_with_account(standing, &view, applying)) {
            return true;
        }
        let is_edge = is_edge(definition, event, applying);
        !evaluation.is_sure()
            || decide_one(definition, evaluation, standing, applying.now, (event.is_some(), is_edge))
                != Decision::Nothing
    })
}

/// Whether something that rests on the event itself could follow for a user, depending on how their account stands.
pub(super) fn waits_for_account(user: &Subject, event: &Event, applying: &Applying<'_>) -> bool {
    let known = Known { user: None, account: Who::Nobody, event: Some(event), now: applying.now };
    waiting_for_account(user, &known, applying).next().is_some()
}

/// The definitions by which nothing could be decided about an event before its account was known, and that know nothing of it afterwards.
fn waiting_for_account<'a>(
    user: &'a Subject,
    known: &Known<'a>,
    applying: &'a Applying<'_>,
) -> impl Iterator<Item = &'a Definition> {
    let event = known.event;
    let seen = view(user, SubjectKind::User, &Known { account: Who::Pending, ..*known }, applying);
    applying.definitions(SubjectKind::User).filter(move |definition| {
        let rests = definition.each.map_or_else(|| definition.reads_event(), |_| is_edge(definition, event, applying));
        rests && !evaluate(definition, &seen.of(definition)).is_sure()
    })
}

/// Whether the event is one of the counter that the definition makes leads of. One that is too old makes none.
fn is_edge(definition: &Definition, event: Option<&Event>, applying: &Applying<'_>) -> bool {
    let (Some(id), Some(event)) = (definition.each, event) else { return false };
    let counter = applying.rules.plan.counters.get(usize::from(id.0));
    counter.is_some_and(|counter| counter.sees(event, applying.now)) && !is_old(definition, event)
}

/// Whether an event is too old to make a lead.
fn is_old(definition: &Definition, event: &Event) -> bool {
    // Since when something is known says nothing about when anything happened.
    event.call != Call::Traits && event.received_at.since(event.timestamp) > definition.fresh_ms
}

/// An account says how it stands.
pub(super) fn answer(user: &mut Subject, answer: &Answer, applying: &mut Applying<'_>) {
    hear_answer(user, answer, applying);
    decide_deferred(user, applying);
}

fn hear_answer(user: &mut Subject, answer: &Answer, applying: &mut Applying<'_>) {
    if answer.user.is_some() {
        user.ties.asks = user.ties.asks.saturating_sub(1);
    } else if user.ties.asks > 0 && answer.quiet.is_none() {
        // The account is asked already, and answers with what it is by then.
        return;
    }
    if !user.has_history() {
        // Forgotten meanwhile.
        return;
    }
    let (account, event) = (Who::Projection(&answer.account), answer.event.as_deref());
    let known = Known { user: answer.user.as_deref().map(Who::Projection), account, event, now: answer.at };
    if let Some(before) = answer.quiet {
        if answer.user.is_some() {
            note_quietly(user, SubjectKind::User, before, &known, applying);
            return;
        }
        decide_quietly(user, SubjectKind::User, before, &known, applying);
        if user.ties.asks > 0 {
            return;
        }
    }
    if noting::remembered(SubjectKind::User, true, applying).next().is_none() {
        return decide_answered(user, &known, answer.waited, applying);
    }
    // The user is seen as they stood when they asked, with what is known only now.
    let mut seen =
        answer.user.clone().map(|seen| Projection { noted: together(&seen.noted, &user.noted, applying), ..*seen });
    for one in noting::remembered(SubjectKind::User, true, applying) {
        let known = Known { user: seen.as_ref().map(Who::Projection), account, event, now: answer.at };
        let met = one.signal.test(&view(user, SubjectKind::User, &known, applying));
        user.noted.note(&one.signal.name, met, answer.at);
        if let (Some(seen), Some(noted)) = (&mut seen, user.noted.get(&one.signal.name)) {
            seen.noted.set(&one.signal.name, noted);
        }
    }
    let known = Known { user: seen.as_ref().map(Who::Projection), account, event, now: answer.at };
    decide_answered(user, &known, answer.waited, applying);
}

/// Decides by what the account says; about an event that waited by those definitions alone that could not tell before.
fn decide_answered(user: &mut Subject, known: &Known<'_>, waited: bool, applying: &mut Applying<'_>) {
    if !waited {
        return decide_all(user, SubjectKind::User, known, applying);
    }
    let those = waiting_for_account(user, known, applying).map(|definition| Arc::clone(&definition.name));
    let those: BTreeSet<DefinitionName> = those.collect();
    decide_those(user, SubjectKind::User, known, |definition| those.contains(&definition.name), applying);
}

/// What is remembered of a user who is seen as of an earlier moment: what hangs on their account is told by its answers in order.
fn together(then: &NotedSignals, now: &NotedSignals, applying: &Applying<'_>) -> NotedSignals {
    let mut noted = then.clone();
    for one in noting::remembered(SubjectKind::User, true, applying) {
        if let Some(known) = now.get(&one.signal.name) {
            noted.set(&one.signal.name, known);
        }
    }
    noted
}

/// Notes what hangs on the subject alone, one signal after the other: some ask since when others have been true.
fn note(subject: &mut Subject, of: SubjectKind, known: &Known<'_>, applying: &Applying<'_>) {
    for one in noting::remembered(of, false, applying) {
        let met = one.signal.test(&view(subject, of, known, applying));
        subject.noted.note(&one.signal.name, met, known.now);
    }
}

/// Decides about an account.
pub(super) fn decide_account(account: &mut Subject, event: Option<&Arc<Event>>, applying: &mut Applying<'_>) {
    let known = Known { user: None, account: Who::Nobody, event: event.map(|event| &**event), now: applying.now };
    note(account, SubjectKind::Account, &known, applying);
    decide_all(account, SubjectKind::Account, &known, applying);
}

/// Notes what an account is by what its members told of how they stood: it makes no lead of it where a definition starts quietly.
pub(super) fn decide_account_quietly(account: &mut Subject, applying: &Applying<'_>) {
    let known = Known { user: None, account: Who::Nobody, event: None, now: applying.now };
    decide_quietly(account, SubjectKind::Account, Millis(i64::MIN), &known, applying);
}

/// What would make leads is noted, for definitions that are newer than `before` and start quietly.
fn decide_quietly(subject: &mut Subject, of: SubjectKind, before: Millis, known: &Known<'_>, applying: &Applying<'_>) {
    let seen = view(subject, of, known, applying);
    let newer = applying.rules.newer_than(of, before).map(|(definition, _)| definition);
    let quiet = newer.filter(|one| !one.start_sends && !applying.held.definitions.contains(&one.name));
    let decided = quiet.filter_map(|definition| {
        let standing = subject.standings.get(&definition.name);
        let decision =
            decide_one(definition, evaluate(definition, &seen.of(definition)), standing, known.now, (false, false));
        let Decision::Qualify { tier } = decision else { return None };
        Some((definition, tier))
    });
    for (definition, tier) in decided.collect::<Vec<_>>() {
        note_one(subject, definition, (tier, Quiet::Start), known.now);
    }
}

/// What came of looking at somebody as they stood when definitions appeared.
pub(super) struct Found {
    /// Whether all definitions could tell.
    pub all_are_sure: bool,
    /// Whether the subject qualifies for any.
    pub any_noted: bool,
}

/// Notes for which of the definitions that are newer than `before` the subject qualifies, and makes no lead. Those whose figures are being
/// filled are left out.
pub(super) fn note_quietly(
    subject: &mut Subject,
    of: SubjectKind,
    before: Millis,
    known: &Known<'_>,
    applying: &mut Applying<'_>,
) -> Found {
    let (mut all_are_sure, mut noted) = (true, Vec::new());
    let seen = view(subject, of, known, applying);
    let held = applying.held;
    let is_asked = |one: &Definition| !one.start_sends && !held.definitions.contains(&one.name);
    for (definition, since) in applying.rules.newer_than(of, before).filter(|(one, _)| is_asked(one)) {
        let evaluation = evaluate(definition, &View { now: since, ..seen.of(definition) });
        all_are_sure &= evaluation.is_sure();
        let is_noted = subject.standings.get(&definition.name).is_some_and(|standing| standing.lapsed_at.is_none());
        // A definition that makes a lead of each event has nobody to note.
        if let (Some(true), Some(tier), false, None) = (evaluation.holds(), evaluation.tier, is_noted, definition.each)
        {
            noted.push((definition, tier, since));
        }
    }
    let any_noted = !noted.is_empty();
    for (definition, tier, since) in noted {
        note_one(subject, definition, (tier, Quiet::Start), since);
    }
    Found { all_are_sure, any_noted }
}

/// Notes that the subject qualifies, without a lead.
fn note_one(subject: &mut Subject, definition: &Definition, (tier, quiet): (u8, Quiet), at: Millis) {
    let before = subject.standings.remove(&definition.name);
    let (times, queue, routing) =
        before.map(|standing| (standing.times, standing.queue, standing.routing)).unwrap_or_default();
    let quiet = Some(quiet);
    let noted = Standing { times, tier, qualified_at: at, quiet, routing, queue, ..Standing::default() };
    subject.standings.insert(Arc::clone(&definition.name), noted);
}

/// Decides about the subject for every definition of its kind, and notes in it where it stands now.
fn decide_all(subject: &mut Subject, of: SubjectKind, known: &Known<'_>, applying: &mut Applying<'_>) {
    decide_those(subject, of, known, |_| true, applying);
}

fn decide_those(
    subject: &mut Subject,
    of: SubjectKind,
    known: &Known<'_>,
    those: impl Fn(&Definition) -> bool,
    applying: &mut Applying<'_>,
) {
    ending::end_all(subject, of, known, applying);
    let mut taken = Vec::new();
    let seen = view(subject, of, known, applying);
    for definition in applying.definitions(of).filter(|definition| those(definition)) {
        let evaluation = evaluate(definition, &seen.of(definition));
        let (standing, is_edge) = (subject.standings.get(&definition.name), is_edge(definition, known.event, applying));
        let is_event = known.event.is_some();
        let decision = decide_one(definition, evaluation, standing, known.now, (is_event, is_edge));
        if decision != Decision::Nothing {
            taken.push((definition, decision));
        }
    }
    for (definition, decision) in taken {
        if let (Decision::Qualify { tier }, true) =
            (decision, known.event.is_some_and(|event| is_old(definition, event)))
        {
            note_one(subject, definition, (tier, Quiet::OldEvent), known.now);
        } else if let Some(kind) = take(subject, definition, decision, known, applying) {
            if matches!(kind, LeadEventType::Qualified | LeadEventType::Joined) {
                applying.effects.qualified.push((Arc::clone(&definition.name), definition.shadow));
            }
            if kind == LeadEventType::Joined
                && let Some(event) = news(subject, definition, LeadEventType::Qualified, known, applying)
            {
                joining::add(subject, &definition.name, joiner(&event));
            }
            tell(subject, definition, kind, known, applying);
        }
    }
    super::unclear::hasten(subject, applying.now);
    // What others know of the subject is at hand only now.
    if applying.puts_off && known.user.is_none() && matches!(known.account, Who::Nobody) {
        subject.put_off = Some(known.now);
    } else {
        schedule(subject, of, known, applying);
    }
}

/// Asks when something about the subject changes by itself, if that was put off.
pub(super) fn look_ahead(subject: &mut Subject, applying: &Applying<'_>) {
    let Some(now) = subject.put_off else { return };
    let of = if applying.key.kind == RecordKind::User { SubjectKind::User } else { SubjectKind::Account };
    schedule(subject, of, &Known { user: None, account: Who::Nobody, event: None, now }, applying);
}

/// Notes a decision about `subject`; returns what it means for the lead, if anything.
fn take(
    subject: &mut Subject,
    definition: &Definition,
    decision: Decision,
    known: &Known<'_>,
    applying: &mut Applying<'_>,
) -> Option<LeadEventType> {
    let now = known.now;
    if let Decision::Qualify { tier } = decision {
        return qualify(subject, definition, tier, known, applying);
    }
    let standing = subject.standings.get_mut(&definition.name)?;
    let kind = match decision {
        Decision::Retier { tier } => {
            (standing.tier, standing.tier_at) = (tier, Some(now));
            promising::retier(standing, applying);
            LeadEventType::TierChanged
        }
        Decision::Lapse => {
            standing.lapsed_at = Some(now);
            promising::drop_promise(standing, applying);
            // What is true of one event is over with the next, and that is no news.
            Some(LeadEventType::Lapsed).filter(|_| !definition.reads_event())?
        }
        Decision::Nothing | Decision::Qualify { .. } => return None,
    };
    // Who was only noted has no lead that anything could happen to, and of one that is over nothing more is heard.
    if standing.quiet.is_some() || standing.ended.is_some() || standing.joined.is_some() {
        return None;
    }
    standing.revision += 1;
    Some(kind)
}

/// Makes a lead of the subject, or another edge of the lead that there is.
fn qualify(
    subject: &mut Subject,
    definition: &Definition,
    tier: u8,
    known: &Known<'_>,
    applying: &mut Applying<'_>,
) -> Option<LeadEventType> {
    let now = known.now;
    let seen = view(subject, definition.of, known, applying);
    let before = applying.rules.endings.before(definition.of, &seen.of(definition));
    let claims = joining::account(definition, known, applying);
    let was = subject.standings.remove(&definition.name);
    if let (Some(open), Some(_)) = (&was, &claims)
        && joining::is_part_of(open, now, applying)
    {
        let own = open.is_own();
        let again = Standing {
            times: open.times + 1,
            revision: open.revision + u32::from(own),
            again_at: Some(now),
            ..open.clone()
        };
        subject.standings.insert(Arc::clone(&definition.name), again);
        return own.then_some(LeadEventType::Joined);
    }
    let times = was.as_ref().map_or(0, |standing| standing.times) + 1;
    let lead_id = lead_id(&definition.name, definition.of, &applying.key.id, times, applying.origin);
    subject.remember_lead(&lead_id, applying.now, None);
    // News of the lead before may still be on its way to its rep.
    let mut was = was.unwrap_or_default();
    promising::drop_promise(&mut was, applying);
    let since = known.event.map(|event| event.timestamp.min(now));
    let shadow = definition.shadow;
    let fresh = Standing {
        times,
        lead_id,
        revision: 1,
        tier,
        qualified_at: now,
        since,
        before,
        claims,
        shadow,
        routing: was.routing,
        queue: was.queue,
        waits: was.waits,
        asks: was.asks,
        unclear: was.unclear,
        open_with: was.open_with,
        ..Standing::default()
    };
    subject.standings.insert(Arc::clone(&definition.name), fresh);
    Some(LeadEventType::Qualified)
}
