//! Leads that wait until more is known of them: a table of territories may say for how long. Each is a line of its subject's record, which looks
//! at it again when something changes, and every now and then; a record beside those of leads that wait for a team lists it.

use std::sync::Arc;

use super::{Applying, Body};
use crate::ids::RecordKey;
use crate::record::unclear::{UNCLEAR, Unclear};
use crate::record::{Held, Needs, Pending, Standing, Subject, Unassigned};
use crate::time::Millis;

/// What comes with a lead comes within seconds; what comes later may take its time.
const SOONEST: i64 = 2 * Millis::SECOND;
const LATEST: i64 = Millis::MINUTE;
/// After something happened to its subject, so that what comes together is seen together.
const SETTLES: i64 = Millis::SECOND;

/// It is looked at again later; returns whether it begins to wait.
pub(super) fn wait(
    standing: &mut Standing,
    lead: Held,
    worth: (u8, Option<f32>),
    mut unclear: Unclear,
    applying: &mut Applying<'_>,
) -> bool {
    let now = applying.now;
    let before = standing.unclear.take();
    if let Some(before) = &before {
        (unclear.since, unclear.until) = (before.since, before.until);
    }
    let step = now.since(unclear.since).clamp(SOONEST, LATEST);
    unclear.next = now.plus(step).min(unclear.until);
    if before.is_none() {
        let team: Arc<str> = Arc::from(UNCLEAR);
        let pending = Pending { team, route: Arc::default(), because: unclear.reason.clone(), needs: Needs::default() };
        let until = Some(unclear.until);
        let listed = Unassigned { waits_since: Some(now), until, ..Unassigned::new(lead, pending, worth, now) };
        applying.send(RecordKey::wait(UNCLEAR, &unclear.lead), Body::Wait(Box::new(listed)));
    }
    standing.unclear = Some(Box::new(unclear));
    before.is_none()
}

/// It waits no longer.
pub(super) fn clear(standing: &mut Standing, applying: &mut Applying<'_>) {
    if let Some(unclear) = standing.unclear.take() {
        applying.send(RecordKey::wait(UNCLEAR, &unclear.lead), Body::Forget);
    }
}

/// Something happened to the subject: what was missing may be known.
pub(super) fn hasten(subject: &mut Subject, now: Millis) {
    for unclear in subject.standings.values_mut().filter_map(|standing| standing.unclear.as_mut()) {
        unclear.next = unclear.next.min(now.plus(SETTLES)).min(unclear.until);
    }
}
