//! One lead for each account: Claim → Claimed, or Claim → Join → Claimed. A lead that was decided asks its account before anybody hears
//! of it. The account knows which lead is its own, by the order in which they asked; whether that one is still open, its subject knows.
//! If it is, the claim becomes part of it, which is news of it: `lead.joined`. If it is not, the claim goes back to the account, which lets
//! it be the account's lead. So a lead that is over needs to say so to nobody, and every claim is answered once, whatever happens to
//! those who are asked.

use std::sync::Arc;

use super::message::{Claim, Claimed, Join};
use super::news::tell;
use super::seeing::{Known, project};
use super::{Applying, Body, routing};
use crate::ids::{DefinitionName, RecordKey, RecordKind, SubjectKind};
use crate::lead::LeadEventType;
use crate::qualify::{Definition, Who};
use crate::record::{Joiner, OpenLead, Projection, Standing, Subject};
use crate::time::Millis;

/// The account that a lead of the definition has to ask; `None` when it is a lead of its own.
pub(super) fn account(definition: &Definition, known: &Known<'_>, applying: &Applying<'_>) -> Option<Arc<str>> {
    if applying.rules.one_per_account.is_none() || definition.shadow {
        return None;
    }
    match (definition.of, known.account) {
        (SubjectKind::Account, _) => Some(Arc::clone(&applying.key.id)),
        (SubjectKind::User, Who::Projection(account)) => Some(Arc::clone(&account.id)),
        (SubjectKind::User, _) => None,
    }
}

/// Whether a further edge of the same subject and definition is part of the lead that there is, or will be.
pub(super) fn is_part_of(standing: &Standing, now: Millis, applying: &Applying<'_>) -> bool {
    let is_young = applying.rules.one_per_account.is_some_and(|within| now.since(standing.qualified_at) < within);
    standing.is_open() && standing.joined.is_none() && is_young
}

/// A lead wants to be this account's.
pub(super) fn claim(account: &mut Subject, claim: &Claim, applying: &mut Applying<'_>) {
    let Claim { subject, definition, lead, event, .. } = claim;
    account.touched = account.touched.max(applying.now);
    account.open_lead.take_if(|open| Some(&open.lead) == claim.over.as_ref());
    let within = applying.rules.one_per_account;
    let has_one = account
        .open_lead
        .as_deref()
        .filter(|open| within.is_some_and(|within| applying.now.since(open.since) < within) && open.lead != *lead);
    if let Some(open) = has_one.cloned() {
        let join = Join { claim: claim.clone(), account: project(account, applying.now, applying), open };
        return applying.send(join.open.subject.clone(), Body::Join(Box::new(join)));
    }
    account.open_lead = within.map(|_| {
        Box::new(OpenLead {
            account: Arc::clone(&applying.key.id),
            subject: subject.clone(),
            definition: Arc::clone(definition),
            lead: Arc::clone(lead),
            since: applying.now,
        })
    });
    answer(subject, definition, event, None, applying);
}

fn answer(
    to: &RecordKey,
    definition: &DefinitionName,
    event: &Arc<str>,
    joined: Option<OpenLead>,
    applying: &mut Applying<'_>,
) {
    let claimed = Claimed { definition: Arc::clone(definition), event: Arc::clone(event), joined };
    applying.send(to.clone(), Body::Claimed(Box::new(claimed)));
}

/// Somebody wants to become part of the subject's lead, which its account takes for its own.
pub(super) fn join(subject: &mut Subject, join: &Join, applying: &mut Applying<'_>) {
    let Join { open, claim, account } = join;
    // What is held may be let go, and what is part of it with it.
    let takes_in = |standing: &Standing| standing.is_own() && standing.hold.is_none();
    let Some(definition) = lead_of(subject, open, takes_in, applying) else {
        let claim = Claim { over: Some(Arc::clone(&open.lead)), ..claim.clone() };
        return applying.send(RecordKey::account(&open.account), Body::Claim(Box::new(claim)));
    };
    add(subject, &definition.name, claim.joiner.clone());
    if let Some(standing) = subject.standings.get_mut(&definition.name) {
        standing.revision += 1;
    }
    tell(subject, definition, LeadEventType::Joined, &known(account, applying), applying);
    answer(&claim.subject, &claim.definition, &claim.event, Some(open.clone()), applying);
}

/// The definition of the subject's lead, if it is that one and `fits`.
pub(super) fn lead_of<'a>(
    subject: &Subject,
    open: &OpenLead,
    fits: impl Fn(&Standing) -> bool,
    applying: &Applying<'a>,
) -> Option<&'a Definition> {
    let standing = subject.standings.get(&open.definition)?;
    let of = if applying.key.kind == RecordKind::Account { SubjectKind::Account } else { SubjectKind::User };
    let mut definitions = applying.rules.definitions(of);
    (fits(standing) && *standing.lead_id == *open.lead)
        .then(|| definitions.find(|definition| definition.name == open.definition))
        .flatten()
}

/// What is known of a lead whose account is told along.
pub(super) fn known<'k>(account: &'k Arc<Projection>, applying: &Applying<'_>) -> Known<'k> {
    Known { user: None, account: Who::Projection(account), event: None, now: applying.now }
}

/// Notes who became part of a lead.
pub(super) fn add(subject: &mut Subject, definition: &DefinitionName, joiner: Joiner) {
    if let Some(standing) = subject.standings.get_mut(definition) {
        standing.joiners.get_or_insert_default().add(joiner);
    }
}

/// A claim is answered.
pub(super) fn claimed(subject: &mut Subject, claimed: &Claimed, applying: &mut Applying<'_>) {
    let Claimed { definition, event: id, joined } = claimed;
    // Otherwise the subject was forgotten meanwhile.
    let Some(event) = routing::first(subject, definition).filter(|event| *event.id == **id) else { return };
    let Some(standing) = subject.standings.get_mut(definition) else { return };
    if standing.lead_id == event.lead.id {
        standing.claims = None;
        standing.joined = joined.clone().map(Box::new);
    }
    match joined {
        None => routing::claimed(subject, definition, event, applying),
        Some(_) => routing::drop_lead(subject, definition, &event.lead.id, applying),
    }
}

/// Whoever was `from` was `to` all along; without `to`, they are forgotten.
pub(super) fn rename(account: &mut Subject, from: &str, to: Option<&Arc<str>>, applying: &mut Applying<'_>) {
    let Some(open) = &mut account.open_lead else { return };
    let is_theirs = open.subject == RecordKey::user(from);
    match to {
        Some(to) if is_theirs => open.subject = RecordKey::user(to),
        Some(_) => {}
        None if is_theirs => account.open_lead = None,
        // They may have become part of it, and not heard of that yet.
        None => {
            let (to, user) = (open.subject.clone(), Arc::from(from));
            applying.send(to, Body::Scrub { user });
        }
    }
}
