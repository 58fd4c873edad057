//! What happened to a lead, as its history tells it.

use crate::lead::{LeadEvent, LeadEventType};
use crate::record::happening::note;
use crate::record::{Happening, Standing};

/// Notes what happened to the lead that there is, and has its news say so.
pub(super) fn tell_history(standing: &mut Standing, event: &mut LeadEvent, what: impl FnOnce(&LeadEvent) -> Happening) {
    if standing.lead_id == event.lead.id {
        note(&mut standing.history, what(event));
        event.lead.history.clone_from(&standing.history);
    }
}

/// An event of a lead's life, as its history tells it.
pub(super) fn happening(event: &LeadEvent) -> Happening {
    let lead = &event.lead;
    let (owner, note) = match event.kind {
        LeadEventType::Qualified | LeadEventType::TierChanged => (None, Some(format!("tier {}", lead.tier))),
        LeadEventType::Assigned => {
            let routing = lead.routing.as_ref();
            (routing.and_then(|routing| routing.owner.clone()), routing.map(|routing| routing.reason.clone()))
        }
        LeadEventType::Reminded => {
            (None, lead.timestamps.accept_by.as_ref().map(|by| format!("to be accepted by {by}")))
        }
        kind if kind.is_end() => (None, lead.outcome_reason.clone()),
        _ => (None, None),
    };
    Happening { at: event.occurred_at.clone(), what: event.kind.word().to_owned(), owner, note }
}
