//! A lead that is out goes where the routes and territories of now say, on command. While its next team has nobody there it stays whose it is.

use super::news::news;
use super::promising::ask_elsewhere;
use super::seeing::Known;
use super::{Applying, reassigning};
use crate::lead::LeadEventType;
use crate::qualify::Definition;
use crate::record::Subject;
use crate::routing::{Decision, elsewhere};

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
