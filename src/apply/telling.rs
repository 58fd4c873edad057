//! What users tell their accounts of themselves: what came of the conditions on members, and what members are sorted by. An event takes
//! it along; what changes otherwise, and what other accounts of the user should know, is a message of its own.

use std::sync::Arc;

use super::{Applying, Body};
use crate::event::Event;
use crate::ids::RecordKey;
use crate::qualify::{View, Who};
use crate::record::outcomes::Told;
use crate::record::{Profile, Subject};
use crate::time::Millis;

/// What is true of a user as a member of `account`.
pub(super) fn told(user: &Subject, account: &str, applying: &Applying<'_>) -> Told {
    if applying.rules.members.is_empty() {
        return Told::default();
    }
    told_at(user, account, applying.now, applying)
}

fn told_at(user: &Subject, account: &str, now: Millis, applying: &Applying<'_>) -> Told {
    let rules = applying.rules;
    let known = user.ties.accounts.iter().find(|(known, _)| **known == *account);
    let view = View { now, member_events: known.map(|(_, uses)| *uses), ..view(user, applying) };
    Told {
        outcomes: rules.members.conditions.iter().map(|one| (one.fingerprint, one.condition.test(&view))).collect(),
        keys: rules.members.keys.iter().filter_map(|key| key.told(&view)).collect(),
    }
}

/// When that may change though nothing happens.
pub(super) fn next_change(user: &Subject, now: Millis, applying: &Applying<'_>) -> Option<Millis> {
    if applying.rules.members.is_empty() || user.ties.accounts.is_empty() {
        return None;
    }
    let (rules, view) = (applying.rules, View { now, ..view(user, applying) });
    let outcomes = rules.members.conditions.iter().filter_map(|one| one.condition.next_change(&view));
    outcomes.chain(rules.members.keys.iter().filter_map(|key| key.next_change(&view))).min()
}

fn view<'v>(user: &'v Subject, applying: &Applying<'v>) -> View<'v> {
    View {
        plan: &applying.rules.plan,
        now: applying.now,
        user: Who::Record(&applying.key.id, user),
        account: Who::Nobody,
        event: None::<&Event>,
        member_events: None,
        intent: None,
        fit: None,
    }
}

/// Tells the user's accounts what has changed, but for `knows`, which is told otherwise.
pub(super) fn tell(user: &mut Subject, knows: Option<&Arc<str>>, applying: &mut Applying<'_>) {
    if applying.rules.members.is_empty() {
        user.told = None;
        return;
    }
    tell_all(user, knows, (applying.now, false), applying);
}

/// Tells the user's accounts how they stood at `since`, if those ask for something that they didn't ask for when they were told last: what
/// they hear of that is no news. Returns whether they were told.
pub(super) fn tell_as_it_stood(user: &mut Subject, since: Millis, applying: &mut Applying<'_>) -> bool {
    if applying.rules.members.conditions.is_empty() || user.ties.accounts.is_empty() {
        return false;
    }
    if user.told.is_some_and(|(asked, _)| asked == self::asked(applying)) {
        return false;
    }
    tell_all(user, None, (since, true), applying);
    true
}

/// A hash of what accounts ask of their members. While figures are filled that some of it may read, it is not the same as afterwards.
fn asked(applying: &Applying<'_>) -> u64 {
    let conditions = &applying.rules.members.conditions;
    let asked: Vec<u8> = conditions.iter().flat_map(|one| one.fingerprint.to_be_bytes()).collect();
    let held = applying.held.definitions.iter().flat_map(|name| name.bytes().chain([0]));
    xxhash_rust::xxh3::xxh3_64(&asked.into_iter().chain(held).collect::<Vec<u8>>())
}

fn tell_all(user: &mut Subject, knows: Option<&Arc<str>>, (now, quiet): (Millis, bool), applying: &mut Applying<'_>) {
    let accounts: Vec<&Arc<str>> = user.ties.accounts.iter().map(|(account, _)| account).collect();
    // Accounts are told the same, unless it is asked what happened in each of them.
    let differ = applying.rules.members.counts_events;
    let told: Vec<Told> = match accounts.first() {
        None => return,
        Some(first) if !differ => vec![told_at(user, first, now, applying)],
        Some(_) => accounts.iter().map(|account| told_at(user, account, now, applying)).collect(),
    };
    let hash = Some((asked(applying), xxhash_rust::xxh3::xxh3_64(format!("{told:?}").as_bytes())));
    if user.told == hash {
        return;
    }
    let profile = Profile::of(user);
    let told = told.iter().cycle();
    for (account, told) in accounts.into_iter().zip(told).filter(|(account, _)| Some(*account) != knows) {
        let (user, profile, told) = (Arc::clone(&applying.key.id), profile.clone(), told.clone());
        applying.send(RecordKey::account(account), Body::Member { user, profile, told, quiet });
    }
    user.told = hash;
}

/// A member tells what is true of them; returns whether that changes what is known of the account's people.
pub(super) fn hear(account: &mut Subject, user: &str, told: &Told, applying: &Applying<'_>) -> bool {
    if told.outcomes.is_empty() {
        account.outcomes = None;
        return false;
    }
    let member = crate::counters::distinct::hash(user, applying.seed);
    account.outcomes.get_or_insert_default().hear(member, &told.outcomes)
}
