//! What users tell their accounts of themselves: what came of the conditions on members. An event takes it along; what changes
//! otherwise, and what other accounts of the user should know, is a message of its own.

use std::sync::Arc;

use super::{Applying, Body};
use crate::event::Event;
use crate::ids::RecordKey;
use crate::qualify::{View, Who};
use crate::record::Subject;
use crate::record::outcomes::Told;
use crate::time::Millis;

/// What is true of a user, by the conditions on members.
pub(super) fn told(user: &Subject, applying: &Applying<'_>) -> Told {
    if applying.rules.members.is_empty() {
        return Vec::new();
    }
    let view = view(user, applying);
    applying.rules.members.iter().map(|one| (one.fingerprint, one.condition.test(&view))).collect()
}

/// When that may change though nothing happens.
pub(super) fn next_change(user: &Subject, applying: &Applying<'_>) -> Option<Millis> {
    if applying.rules.members.is_empty() || user.ties.accounts.is_empty() {
        return None;
    }
    let view = view(user, applying);
    applying.rules.members.iter().filter_map(|one| one.condition.next_change(&view)).min()
}

fn view<'v>(user: &'v Subject, applying: &Applying<'v>) -> View<'v> {
    View {
        plan: &applying.rules.plan,
        now: applying.now,
        user: Who::Record(&applying.key.id, user),
        account: Who::Nobody,
        event: None::<&Event>,
        intent: None,
        fit: None,
    }
}

/// Tells the user's accounts what has changed, but for `knows`, which is told otherwise.
pub(super) fn tell(user: &mut Subject, knows: Option<&Arc<str>>, applying: &mut Applying<'_>) {
    let told = told(user, applying);
    if told.is_empty() {
        user.told = None;
        return;
    }
    let hash = Some(xxhash_rust::xxh3::xxh3_64(format!("{told:?}").as_bytes()));
    if user.told == hash {
        return;
    }
    user.told = hash;
    for account in user.ties.accounts.iter().filter(|account| Some(*account) != knows) {
        let body = Body::Member { user: Arc::clone(&applying.key.id), told: told.clone() };
        applying.send(RecordKey::account(account), body);
    }
}

/// A member tells what is true of them; returns whether that changes anything.
pub(super) fn hear(account: &mut Subject, user: &str, told: &[(u32, Option<bool>)], applying: &Applying<'_>) -> bool {
    if told.is_empty() {
        account.outcomes = None;
        return false;
    }
    let member = crate::counters::distinct::hash(user, applying.seed);
    account.outcomes.get_or_insert_default().hear(member, told)
}
