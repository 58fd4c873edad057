//! A lead is given to somebody by hand: by an operator, or by whoever changed the owner of its record in a CRM.

use std::sync::Arc;

use super::news::news;
use super::routing::{begin, close_lead, first, open_lead, settle};
use super::seeing::Known;
use super::{Applying, Body, promising};
use crate::ids::RecordKey;
use crate::lead::{LeadEvent, LeadEventType};
use crate::qualify::Definition;
use crate::record::{Routing, Sla, Standing, Subject};
use crate::routing::domain_of;

/// Whether a lead may be given to `owner`, and isn't theirs already. What is held, or part of another lead, goes out by that; and in a CRM
/// nobody can have given what nobody owned there yet.
pub(super) fn matters(standing: &Standing, owner: &str, at: Option<&Arc<str>>) -> bool {
    let is_bound = standing.hold.is_some() || standing.claims.is_some() || standing.joined.is_some() || standing.shadow;
    let owned = standing.routing.as_ref().and_then(|routing| routing.owner.as_deref());
    let is_theirs = owned.is_some_and(|known| known.eq_ignore_ascii_case(owner));
    !(is_bound || at.is_some() && is_theirs)
}

/// Gives it to them. One that has no owner yet is routed by that; of one that has, destinations are told.
pub(super) fn give(
    subject: &mut Subject,
    definition: &Definition,
    (owner, at): (&Arc<str>, Option<&str>),
    known: &Known<'_>,
    applying: &mut Applying<'_>,
) {
    let reason = match at {
        None => format!("{owner} was given the lead by hand"),
        Some(destination) => format!("{owner} was given the lead in {destination}"),
    };
    let routing = Routing { owner: Some(owner.to_string()), reason, ..Routing::default() };
    let (account, domain) = if let Some(event) = first(subject, &definition.name) {
        let Some(standing) = subject.standings.get(&definition.name) else { return };
        if let Some(waits) = &standing.waits {
            applying.send(RecordKey::wait(&waits.team, &event.lead.id), Body::Forget);
        }
        let its = (account_of(&event), domain_of(applying.routes(), &event, applying.now));
        settle(subject, &definition.name, event, routing, applying);
        its
    } else {
        let Some(event) = reassigned(subject, definition, (routing, None), known, applying) else { return };
        let its = (account_of(&event), domain_of(applying.routes(), &event, applying.now));
        begin(subject, &definition.name, event, applying);
        its
    };
    if let Some(standing) = subject.standings.get(&definition.name) {
        tell_owner(standing, (account, domain), (Arc::clone(owner), true), applying);
    }
}

/// Tells the account and the company's domain of a lead who has it.
fn tell_owner(
    standing: &Standing,
    (account, domain): (Option<String>, Option<String>),
    (owner, by_hand): (Arc<str>, bool),
    applying: &mut Applying<'_>,
) {
    let account = account.filter(|_| applying.rules.asks_account_owner).map(|account| RecordKey::account(&account));
    for to in account.into_iter().chain(domain.map(|domain| RecordKey::domain(&domain))) {
        let (lead, owner) = (standing.lead_id.as_str().into(), Some(Arc::clone(&owner)));
        applying.send(to, Body::Owned { lead, owner, by_hand });
    }
}

fn account_of(event: &LeadEvent) -> Option<String> {
    event.lead.account.as_ref().map(|account| account.id.clone())
}

/// Gives a lead that nobody took on in time to whoever has the next turn, or is named for that.
pub(super) fn pass(
    subject: &mut Subject,
    definition: &Definition,
    routing: &Routing,
    known: &Known<'_>,
    applying: &mut Applying<'_>,
) {
    let Some(standing) = subject.standings.get(&definition.name) else { return };
    let had = standing.sla.as_ref().map(|sla| sla.had.clone()).unwrap_or_default();
    let sla = promising::promise(routing, standing.tier, &had, applying);
    let Some(event) = reassigned(subject, definition, (routing.clone(), sla), known, applying) else { return };
    if let Some(standing) = subject.standings.get_mut(&definition.name) {
        open_lead(standing, &event, routing, applying);
        if let Some(owner) = routing.owner.as_deref() {
            // Where whoever owned them has left, they have those that come, too.
            let its = (account_of(&event), domain_of(applying.routes(), &event, applying.now));
            tell_owner(standing, its, (owner.into(), false), applying);
        }
    }
    begin(subject, &definition.name, event, applying);
}

/// The news that a lead which is out is somebody else's.
fn reassigned(
    subject: &mut Subject,
    definition: &Definition,
    (routing, sla): (Routing, Option<Box<Sla>>),
    known: &Known<'_>,
    applying: &mut Applying<'_>,
) -> Option<LeadEvent> {
    let standing = subject.standings.get_mut(&definition.name)?;
    standing.revision += 1;
    promising::drop_promise(standing, applying);
    (standing.routing, standing.sla) = (Some(routing), sla);
    // Whoever has taken it on has it no longer.
    (standing.accepted_at, standing.worked_at) = (None, None);
    close_lead(standing, applying);
    news(subject, definition, LeadEventType::Assigned, known, applying)
}
