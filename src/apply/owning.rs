//! Whose the leads of an account are: `AskOwner` → `AccountOwner` → `Owned`. Where nobody owns them, the first lead that asks is routed, and those
//! that ask meanwhile wait for what comes of it, so that all go to one owner, whatever comes at the same time.

use std::sync::Arc;

use super::routing::first;
use super::{Applying, Body};
use crate::ids::RecordKey;
use crate::record::{AccountOwner, Held, Ownership, Subject};
use crate::routing::is_known;
use crate::time::Millis;

/// The lead that decides is asked whether it is still on its way so often, since its subject may have been forgotten.
const CHECK: i64 = 10 * Millis::MINUTE;
/// So many leads of an account wait until it is decided whose they are; those beyond it are routed by themselves.
const MAX_ASKING: usize = 1_000;

/// A lead of the account asks.
pub(super) fn ask(account: &mut Subject, lead: &Held, applying: &mut Applying<'_>) {
    account.touched = applying.now;
    let ownership = account.ownership.get_or_insert_default();
    let is_owned = is_owned(ownership, applying);
    if is_owned || ownership.asking.len() >= MAX_ASKING {
        return answer(lead, ownership.owner.clone(), applying);
    }
    if ownership.deciding.is_some() {
        ownership.asking.push(lead.clone());
        ownership.check_at.get_or_insert(applying.now.plus(CHECK));
        return;
    }
    ownership.deciding = Some(lead.clone());
    answer(lead, ownership.owner.clone(), applying);
}

/// Whether somebody owns the leads who may be given another.
fn is_owned(ownership: &Ownership, applying: &Applying<'_>) -> bool {
    let by = applying.rules.routes();
    let left = |rep: &str| by.reps.get(rep).is_some_and(|one| one.left.is_some_and(|left| left <= applying.now));
    ownership.owner.as_ref().is_some_and(|owner| is_known(by, &owner.rep) && !left(&owner.rep))
}

fn answer(lead: &Held, owner: Option<AccountOwner>, applying: &mut Applying<'_>) {
    let body = Body::AccountOwner { lead: Box::new(lead.clone()), owner };
    applying.send(lead.subject.clone(), body);
}

/// A lead that asked is somebody's, or nobody's. Who owns the account's leads keeps them as long as they are there, though others stand in for
/// them while they are away.
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
    let Some(mut ownership) = account.ownership.take() else { return };
    ownership.deciding = ownership.deciding.filter(|deciding| *deciding.lead != *lead);
    let is_owned = is_owned(&ownership, applying);
    match (&mut ownership.owner, owner) {
        (Some(known), Some(owner)) if known.rep == *owner => known.at = applying.now,
        (known, Some(owner)) if !is_owned || (by_hand && known.as_ref().is_none_or(|known| !known.pinned)) => {
            *known = Some(AccountOwner { rep: Arc::clone(owner), at: applying.now, pinned: false });
        }
        _ => {}
    }
    go_on(&mut ownership, applying);
    account.ownership = Some(ownership);
}

/// Answers those that wait, or lets the first of them decide.
fn go_on(ownership: &mut Ownership, applying: &mut Applying<'_>) {
    if is_owned(ownership, applying) {
        ownership.asking.drain(..).for_each(|lead| answer(&lead, ownership.owner.clone(), applying));
    } else if ownership.deciding.is_none() && !ownership.asking.is_empty() {
        let next = ownership.asking.remove(0);
        answer(&next, ownership.owner.clone(), applying);
        ownership.deciding = Some(next);
    }
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
        let account = Arc::clone(&applying.key.id);
        applying.send(lead.subject.clone(), Body::StillDeciding { lead: Box::new(lead), account });
    }
}

/// The account asks whether a lead is still on its way.
pub(super) fn still_deciding(subject: &Subject, lead: &Held, account: &str, applying: &mut Applying<'_>) {
    if first(subject, &lead.definition).is_none_or(|event| *event.id != *lead.event) {
        let body = Body::Owned { lead: Arc::clone(&lead.lead), owner: None, by_hand: false };
        applying.send(RecordKey::account(account), body);
    }
}

/// An operator says whose the account's leads are.
pub(super) fn pin(account: &mut Subject, owner: Option<&Arc<str>>, applying: &mut Applying<'_>) {
    account.touched = applying.now;
    let mut ownership = account.ownership.take().unwrap_or_default();
    let pinned = |rep: &Arc<str>| AccountOwner { rep: Arc::clone(rep), at: applying.now, pinned: true };
    ownership.owner = owner.map(pinned);
    go_on(&mut ownership, applying);
    account.ownership = Some(ownership).filter(|ownership| **ownership != Ownership::default());
}

/// The account is forgotten: those that wait are routed by themselves.
pub(super) fn forget(account: &Subject, applying: &mut Applying<'_>) {
    for lead in account.ownership.iter().flat_map(|ownership| &ownership.asking) {
        answer(lead, None, applying);
    }
}
