//! News of leads: made from what is known at the moment, and sent on its way.

use super::seeing::{Known, view};
use super::{Applying, routing};
use crate::lead::build::lead_event;
use crate::lead::{LeadEvent, LeadEventType};
use crate::qualify::Definition;
use crate::record::Subject;

/// Sends news of a lead on its way.
pub(super) fn tell(
    subject: &mut Subject,
    definition: &Definition,
    kind: LeadEventType,
    known: &Known<'_>,
    applying: &mut Applying<'_>,
) {
    if let Some(event) = news(subject, definition, kind, known, applying) {
        routing::begin(subject, &definition.name, event, applying);
    }
}

/// News of a lead, as its standing says by now.
pub(super) fn news(
    subject: &Subject,
    definition: &Definition,
    kind: LeadEventType,
    known: &Known<'_>,
    applying: &Applying<'_>,
) -> Option<LeadEvent> {
    let standing = subject.standings.get(&definition.name)?;
    let seen = view(subject, definition.of, known, applying);
    let (rules, about) = (applying.rules, (&*applying.key.id, subject));
    let with = (&seen, &*rules.signals, &*rules.config_version);
    Some(lead_event(definition, kind, standing, about, with))
}
