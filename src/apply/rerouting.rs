//! A lead that is out goes where the routes and territories of now say, on command, or by itself when they change. While its next team has nobody there it stays whose it is.

use std::sync::Arc;

use super::message::{Became, Made};
use super::news::news;
use super::promising::ask_elsewhere;
use super::seeing::Known;
use super::{Applying, Body, reassigning};
use crate::ids::RecordKey;
use crate::lead::LeadEventType;
use crate::qualify::Definition;
use crate::record::{ConfigVersions, ReRoute, Subject};
use crate::routing::{Decision, elsewhere};
use crate::time::Millis;

/// Sends it there, where that is elsewhere.
pub(super) fn reroute(subject: &mut Subject, definition: &Definition, known: &Known<'_>, applying: &mut Applying<'_>) {
    let Some(mut event) = news(subject, definition, LeadEventType::Qualified, known, applying) else { return };
    let Some(standing) = subject.standings.get_mut(&definition.name) else { return };
    event.lead.routing.clone_from(&standing.routing);
    match elsewhere(applying.routes(), &event, applying.now) {
        None => {}
        Some(Decision::Settled(routing)) => reassigning::pass(subject, definition, &routing, known, applying),
        Some(Decision::Turn(pending)) => ask_elsewhere(standing, &definition.name, pending, applying),
    }
}

/// These leads may have to go where new routes say; whether they do is seen where they are.
pub(super) fn go_on(
    versions: &mut ConfigVersions,
    leads: &[(RecordKey, Arc<str>)],
    before: Option<Millis>,
    applying: &mut Applying<'_>,
) {
    let Some(pass) = &versions.reroutes.pass else { return };
    let made = Made::Rerouted { untouched: pass.which == ReRoute::Untouched };
    for (subject, lead) in leads {
        let became = Became { lead: Arc::clone(lead), made: made.clone() };
        applying.send(subject.clone(), Body::Became(Box::new(became)));
    }
    versions.reroutes.went_on(leads.len(), before, applying.now);
}
