//! Asking destinations what people made of the leads there. When one is asked next is its record's place in the agenda; what it said, and
//! from when on to ask the next time, is one message, so that a crash asks again and skips nothing.

use std::sync::Arc;

use super::message::ReadBack;
use super::{Applying, Body};
use crate::ids::RecordKey;
use crate::record::{Asked, DestinationHistory};
use crate::time::Millis;

/// A destination that was never asked is asked for so much of the past.
const FIRST_PAST: i64 = 7 * Millis::DAY;
/// Those who say that something has changed may say so often.
const SOON: i64 = Millis::SECOND;

/// Whether it is asked, by these rules.
pub(super) fn look(history: &mut DestinationHistory, applying: &Applying<'_>) {
    let now = applying.now;
    history.asked = applying.rules.read_back.get(&applying.key.id).map(|every| {
        let new = Asked { until: now.plus(-FIRST_PAST), next: now, ..Asked::default() };
        let asked = history.asked.take().unwrap_or(new);
        Asked { next: asked.next.min(now.plus(*every)), ..asked }
    });
}

/// Something has changed there.
pub(super) fn nudge(history: &mut DestinationHistory, applying: &Applying<'_>) {
    if let Some(asked) = &mut history.asked {
        asked.next = asked.next.min(applying.now.plus(SOON));
    }
}

/// It was asked.
pub(super) fn read_back(history: &mut DestinationHistory, read: &ReadBack, applying: &mut Applying<'_>) {
    // Otherwise it is not asked any more.
    let Some(asked) = &mut history.asked else { return };
    asked.next = read.next;
    asked.error.clone_from(&read.error);
    if let Some(until) = read.until {
        asked.until = asked.until.max(until);
        asked.answered = Some(read.at);
    }
    let destination = Arc::clone(&applying.key.id);
    for (lead, seen) in &read.seen {
        let body = Body::Seen { seen: Box::new(seen.clone()), at: read.at };
        applying.send(RecordKey::delivery(&destination, lead), body);
    }
}
