//! What people make of leads: how far they have come with one, whose it is, and what became of it, as a CRM or an operator says. What is
//! told of a user's lead tells of their account as well, so the account is asked how it stands: `Became` → `Follows` → `Followed`.

use std::sync::Arc;

use super::message::{Became, Follows, Made};
use super::news::tell;
use super::seeing::{Known, project};
use super::{Applying, Body, ending, joining, promising, reassigning, refreshing, rerouting};
use crate::ids::{RecordKey, RecordKind, SubjectKind};
use crate::lead::LeadEventType;
use crate::qualify::{Definition, Who};
use crate::record::account::current_account;
use crate::record::{OpenLead, Progress, Projection, Standing, Subject};

/// Somebody says what people made of a lead of the subject.
pub(super) fn became(subject: &mut Subject, became: &Became, applying: &mut Applying<'_>) {
    let Became { lead, made } = became;
    let is_it = |standing: &Standing| standing.may_end() && *standing.lead_id == **lead;
    let Some((name, standing)) = subject.standings.iter().find(|(_, standing)| is_it(standing)) else { return };
    if !matters(standing, made) {
        return;
    }
    let of = if applying.key.kind == RecordKind::Account { SubjectKind::Account } else { SubjectKind::User };
    let account = current_account(&applying.rules.accounts, subject).filter(|_| of == SubjectKind::User);
    if let (Some(account), None) = (account, &standing.joined) {
        let (subject, definition, lead) = (applying.key.clone(), Arc::clone(name), Arc::clone(lead));
        let (to, since) = (RecordKey::account(&account), applying.now);
        let open = OpenLead { account, subject, definition, lead, since };
        return applying.send(to, Body::Follows(Box::new(Follows { open, made: made.clone() })));
    }
    let Some(definition) = applying.rules.definitions(of).find(|definition| definition.name == *name) else { return };
    let known = Known { user: None, account: Who::Nobody, event: None, now: applying.now };
    follow(subject, definition, made, &known, applying);
}

/// The account says how it stands.
pub(super) fn pass_on(account: &Subject, follows: &Follows, applying: &mut Applying<'_>) {
    let body = Body::Followed(Box::new(follows.clone()), project(account, applying.now, applying));
    applying.send(follows.open.subject.clone(), body);
}

/// The same as [`became`], with the account as it stands.
pub(super) fn followed(
    subject: &mut Subject,
    follows: &Follows,
    account: &Arc<Projection>,
    applying: &mut Applying<'_>,
) {
    let Follows { open, made } = follows;
    let found = joining::lead_of(subject, open, |standing| standing.may_end() && matters(standing, made), applying);
    if let Some(definition) = found {
        follow(subject, definition, made, &joining::known(account, applying), applying);
    } else if let Made::Passed { routing } = made {
        // It was accepted meanwhile, or is over.
        promising::let_go(routing, applying);
    }
}

/// Whether that is news. The first who says what became of a lead is heard.
fn matters(standing: &Standing, made: &Made) -> bool {
    match made {
        Made::Ended { .. } => true,
        Made::Came(progress) => standing.joined.is_none() && standing.progress() < Some(*progress),
        Made::Taken => promising::may_be_taken(standing),
        Made::Again => standing.unclear.is_some(),
        Made::Rerouted { untouched } => {
            let fits = !untouched || standing.is_open() && standing.progress().is_none();
            fits && promising::may_be_rerouted(standing)
        }
        Made::Reminded | Made::Passed { .. } => promising::is_due(standing),
        Made::Given { owner, at } => reassigning::matters(standing, owner, at.as_ref()),
    }
}

fn follow(subject: &mut Subject, definition: &Definition, made: &Made, known: &Known<'_>, applying: &mut Applying<'_>) {
    let Some(standing) = subject.standings.get_mut(&definition.name) else { return };
    match made {
        Made::Ended { ending, reason } => {
            ending::end(subject, definition, (*ending, reason.as_deref()), known, applying);
        }
        Made::Came(progress) => {
            let now = Some(known.now);
            let kind = match progress {
                Progress::Accepted => LeadEventType::Accepted,
                Progress::Working => {
                    standing.worked_at = now;
                    LeadEventType::Working
                }
            };
            standing.accepted_at = standing.accepted_at.or(now);
            promising::drop_promise(standing, applying);
            standing.revision += 1;
            tell(subject, definition, kind, known, applying);
        }
        Made::Reminded => {
            standing.revision += 1;
            tell(subject, definition, LeadEventType::Reminded, known, applying);
        }
        Made::Rerouted { .. } => rerouting::reroute(subject, definition, known, applying),
        Made::Again => refreshing::again(subject, definition, known, applying),
        Made::Taken => promising::take(standing, Arc::clone(&definition.name), applying),
        Made::Passed { routing } => reassigning::pass(subject, definition, routing, known, applying),
        Made::Given { owner, at } => {
            reassigning::give(subject, definition, (owner, at.as_deref()), known, applying);
        }
    }
}
