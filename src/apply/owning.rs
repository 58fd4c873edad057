//! Whose the leads of an account are: `AskOwner` → `AccountOwner` → `Owned`. Where nobody owns them, the first lead that asks is routed, and those
//! that ask meanwhile wait for what comes of it, so that all go to one owner, whatever comes at the same time.

use std::sync::Arc;

use super::routing::first;
use super::{Applying, Body};
use crate::ids::RecordKey;
use crate::record::owner::Given;
use crate::record::{AccountOwner, Held, Ownership, Subject};
use crate::routing::owns;
use crate::time::Millis;

/// The lead that decides is asked whether it is still on its way so often, since its subject may have been forgotten.
pub(super) const CHECK: i64 = 10 * Millis::MINUTE;
/// A lead of the account asks.
pub(super) fn ask(account: &mut Subject, lead: &Held, applying: &mut Applying<'_>) {
    account.touched = applying.now;
    let ownership = account.ownership.get_or_insert_default();
    let ready = ownership.ask(lead.clone(), of_account(applying));
    if ready.is_none() {
        ownership.check_at.get_or_insert(applying.now.plus(CHECK));
    }
    answer(ready, ownership.owner.as_ref(), applying);
}

/// Whether an owner may be given another lead: not one who has left, nor, unless somebody said so, one whose last lead is so long ago. Of several
/// routes the shortest time counts, since those whose leads an owner doesn't get by one of them have to go to one owner as well.
pub(super) fn counts<'a>(lasts: Option<i64>, applying: &Applying<'a>) -> impl Fn(&AccountOwner) -> bool + use<'a> {
    let (by, now) = (applying.routes(), applying.now);
    move |owner| owns(by, owner, now) && (owner.pinned || lasts.is_none_or(|lasts| owner.at.plus(lasts) > now))
}

fn of_account<'a>(applying: &Applying<'a>) -> impl Fn(&AccountOwner) -> bool + use<'a> {
    counts(applying.rules.account_owner_counts, applying)
}

/// These may be decided about.
fn answer(leads: impl IntoIterator<Item = Held>, owner: Option<&AccountOwner>, applying: &mut Applying<'_>) {
    for lead in leads {
        let (to, owner) = (lead.subject.clone(), owner.cloned());
        applying.send(to, Body::AccountOwner { lead: Box::new(lead), owner });
    }
}

/// A lead is somebody's, or nobody's.
pub(super) fn owned(
    account: &mut Subject,
    lead: &str,
    (owner, by_hand): (Option<&Arc<str>>, bool),
    applying: &mut Applying<'_>,
) {
    if by_hand {
        account.ownership.get_or_insert_default();
    }
    // Otherwise the account was forgotten meanwhile.
    let Some(ownership) = &mut account.ownership else { return };
    let given = Given { owner: owner.map(AsRef::as_ref), by_hand, at: applying.now };
    let ready = ownership.given(|deciding| *deciding.lead == *lead, given, of_account(applying));
    go_on(ownership, ready, applying);
}

fn go_on(ownership: &mut Ownership, ready: Vec<Held>, applying: &mut Applying<'_>) {
    answer(ready, ownership.owner.as_ref(), applying);
    ownership.check_at = (!ownership.asking.is_empty()).then(|| applying.now.plus(CHECK));
}

/// It is time to ask whether the lead that decides is still on its way.
pub(super) fn check(account: &mut Subject, applying: &mut Applying<'_>) {
    let Some(ownership) = account.ownership.as_mut().filter(|one| one.check_at.is_some_and(|at| at <= applying.now))
    else {
        return;
    };
    ownership.check_at = Some(applying.now.plus(CHECK));
    if let Some(lead) = ownership.deciding.clone() {
        let by = applying.key.clone();
        applying.send(lead.subject.clone(), Body::StillDeciding { lead: Box::new(lead), by });
    }
}

/// An account or a domain asks whether a lead is still on its way.
pub(super) fn still_deciding(subject: &Subject, lead: &Held, by: &RecordKey, applying: &mut Applying<'_>) {
    if first(subject, &lead.definition).is_none_or(|event| *event.id != *lead.event) {
        let body = Body::Owned { lead: Arc::clone(&lead.lead), owner: None, by_hand: false };
        applying.send(by.clone(), body);
    }
}

/// An operator says whose the account's leads are.
pub(super) fn pin(account: &mut Subject, owner: Option<&Arc<str>>, applying: &mut Applying<'_>) {
    account.touched = applying.now;
    let mut ownership = account.ownership.take().unwrap_or_default();
    let pinned = |rep: &Arc<str>| AccountOwner { rep: Arc::clone(rep), at: applying.now, pinned: true };
    ownership.owner = owner.map(pinned);
    let ready = ownership.go_on(of_account(applying));
    go_on(&mut ownership, ready, applying);
    account.ownership = Some(ownership).filter(|ownership| **ownership != Ownership::default());
}

/// The account is forgotten: those that wait are routed by themselves.
pub(super) fn forget(account: &Subject, applying: &mut Applying<'_>) {
    let asking = account.ownership.iter().flat_map(|ownership| ownership.asking.iter().cloned());
    answer(asking, None, applying);
}
