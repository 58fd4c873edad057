//! A lead that waits until more is known of it is decided about anew, by what is known by now.

use super::Applying;
use super::news::news;
use super::routing::{first, route};
use super::seeing::Known;
use crate::lead::{Lead, LeadEventType};
use crate::qualify::Definition;
use crate::record::Subject;

/// Takes into the lead what is known of its people by now, and decides. Why it is a lead stays as it was.
pub(super) fn again(subject: &mut Subject, definition: &Definition, known: &Known<'_>, applying: &mut Applying<'_>) {
    let Some(fresh) = news(subject, definition, LeadEventType::Qualified, known, applying) else { return };
    let Some(mut event) = first(subject, &definition.name).filter(|event| event.lead.id == fresh.lead.id) else {
        return;
    };
    let Lead { user, account, contact, people, signals, sources, .. } = fresh.lead;
    event.lead = Lead { user, account, contact, people, signals, sources, ..event.lead };
    let Some(standing) = subject.standings.get_mut(&definition.name) else { return };
    let Some(waits) = &standing.unclear else { return };
    let waits = waits.clone();
    if let Some(first) = standing.queue.first_mut() {
        *first = serde_json::to_string(&event).unwrap_or_default().into();
    }
    route(subject, &definition.name, event, waits.owners(), applying);
}
