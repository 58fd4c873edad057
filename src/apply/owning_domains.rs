//! Whose the leads of a company are, by its domain: `AskDomain` → `DomainOwner` → `Owned`, as accounts do it (`owning`). A lead asks its account
//! first and its domain then, never the other way round: so those that wait for each other form no ring.

use std::sync::Arc;

use super::owning::{CHECK, counts};
use super::{Applying, Body};
use crate::record::owner::Given;
use crate::record::{AccountOwner, Domain, DomainAsk};

fn of_domain<'a>(applying: &Applying<'a>) -> impl Fn(&AccountOwner) -> bool + use<'a> {
    counts(applying.rules.domain_owner_counts, applying)
}

/// A lead of the domain asks.
pub(super) fn ask(domain: &mut Domain, asked: &DomainAsk, applying: &mut Applying<'_>) {
    let ready = domain.ownership.ask(asked.clone(), of_domain(applying));
    if ready.is_none() {
        domain.ownership.check_at.get_or_insert(applying.now.plus(CHECK));
    }
    answer(domain, ready, applying);
}

/// These may be decided about.
fn answer(domain: &Domain, ready: impl IntoIterator<Item = DomainAsk>, applying: &mut Applying<'_>) {
    for asked in ready {
        let (to, owner) = (asked.lead.subject.clone(), domain.ownership.owner.clone());
        applying.send(to, Body::DomainOwner { asked: Box::new(asked), owner });
    }
}

/// A lead is somebody's, or nobody's.
pub(super) fn owned(
    domain: &mut Domain,
    lead: &str,
    (owner, by_hand): (Option<&Arc<str>>, bool),
    applying: &mut Applying<'_>,
) {
    let given = Given { owner: owner.map(AsRef::as_ref), by_hand, at: applying.now };
    let ready = domain.ownership.given(|deciding| *deciding.lead.lead == *lead, given, of_domain(applying));
    let owner = domain.ownership.owner.as_ref();
    domain.leaves = owner.zip(applying.rules.domain_owner_lasts).map(|(owner, lasts)| owner.at.plus(lasts));
    go_on(domain, ready, applying);
}

fn go_on(domain: &mut Domain, ready: Vec<DomainAsk>, applying: &mut Applying<'_>) {
    answer(domain, ready, applying);
    domain.ownership.check_at = (!domain.ownership.asking.is_empty()).then(|| applying.now.plus(CHECK));
}

/// It is time to ask whether the lead that decides is still on its way, or to forget who owned the leads.
pub(super) fn look(domain: &mut Domain, may_expire: bool, applying: &mut Applying<'_>) {
    let now = applying.now;
    if domain.leaves.is_some_and(|leaves| leaves <= now) {
        // In doubt it stays, and is looked at again.
        domain.leaves = if may_expire { None } else { Some(now.plus(CHECK)) };
        if may_expire {
            domain.ownership.owner = None;
            let ready = domain.ownership.go_on(of_domain(applying));
            go_on(domain, ready, applying);
        }
    }
    if domain.ownership.check_at.is_some_and(|at| at <= now) {
        domain.ownership.check_at = Some(now.plus(CHECK));
        if let Some(DomainAsk { lead, .. }) = domain.ownership.deciding.clone() {
            let by = applying.key.clone();
            applying.send(lead.subject.clone(), Body::StillDeciding { lead: Box::new(lead), by });
        }
    }
}
