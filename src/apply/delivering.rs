//! News of a lead on its way to one destination, in order.

use super::message::{Attempt, AttemptOutcome};
use super::{Applying, Body};
use crate::ids::RecordKey;
use crate::lead::LeadEvent;
use crate::record::delivery::Done;
use crate::record::{Delivery, News};

pub(super) fn deliver(delivery: &mut Delivery, subject: &RecordKey, news: &News, applying: &Applying<'_>) {
    if delivery.pending.is_empty() {
        delivery.due = applying.now.min(applying.clock);
    }
    delivery.subject = Some(subject.clone());
    delivery.pending.push_back(news.clone());
}

pub(super) fn attempted(delivery: &mut Delivery, attempt: &Attempt, applying: &mut Applying<'_>) {
    // Otherwise it was forgotten, or another server has sent it as well and was first to say so.
    if delivery.pending.front().is_none_or(|first| first.id != attempt.id) {
        return;
    }
    if let Some(remembered) = &attempt.remembered {
        delivery.remembered.clone_from(remembered);
    }
    if let AttemptOutcome::Retry { due, counts, error } = &attempt.outcome {
        delivery.due = *due;
        if let Some(first) = delivery.pending.front_mut() {
            first.attempts += u32::from(*counts);
            first.last_error = Some(error.clone());
        }
        return;
    }
    let Some(mut news) = delivery.pending.pop_front() else { return };
    delivery.due = applying.now.min(applying.clock);
    match &attempt.outcome {
        AttemptOutcome::Dead { error } => {
            news.attempts += 1;
            news.last_error = Some(error.clone());
            delivery.died = attempt.at;
            delivery.dead.push(news);
        }
        AttemptOutcome::Delivered { lead, definition, kind } => {
            let Some((destination, _)) = applying.key.as_delivery() else { return };
            let subject = delivery.subject.as_ref().map(ToString::to_string).unwrap_or_default().into();
            let done = Done {
                id: news.id,
                lead: lead.clone(),
                subject,
                definition: definition.clone(),
                kind: kind.clone(),
                created: news.created,
                at: attempt.at,
                attempts: news.attempts,
            };
            applying.send(RecordKey::destination(destination), Body::Done(Box::new(done)));
        }
        AttemptOutcome::Retry { .. } => {}
    }
}

/// Puts what was given up to the end of the line, with a fresh count of attempts.
pub(super) fn replay(delivery: &mut Delivery, applying: &Applying<'_>) {
    if delivery.pending.is_empty() {
        delivery.due = applying.clock;
    }
    delivery.pending.extend(delivery.dead.drain(..).map(|news| News { attempts: 0, ..news }));
}

/// Takes a user out of news that has not been sent.
pub(super) fn scrub(delivery: &mut Delivery, user: &str) {
    for news in delivery.pending.iter_mut().chain(&mut delivery.dead) {
        if let Some(json) = without(&news.json, user) {
            news.json = json.into();
        }
    }
}

/// A lead event's JSON without a user whom it names.
pub(super) fn without(json: &str, user: &str) -> Option<String> {
    let mut event = serde_json::from_str::<LeadEvent>(json).ok()?;
    event.lead.scrub(user).then(|| serde_json::to_string(&event).unwrap_or_default())
}
