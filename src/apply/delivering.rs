//! News of a lead on its way to one destination, in order.

use std::sync::Arc;

use super::message::{Attempt, AttemptOutcome, Became, Made};
use super::{Applying, Body};
use crate::ids::RecordKey;
use crate::lead::{Ending, LeadEvent, Progress};
use crate::record::delivery::Done;
use crate::record::seen::{OWNER, STOOD};
use crate::record::{Delivery, News, Pause, PausedBy, Seen, SeenOwner, Stage};
use crate::time::Millis;

pub(super) fn deliver(delivery: &mut Delivery, subject: &RecordKey, news: &News, applying: &Applying<'_>) {
    if delivery.pending.is_empty() {
        delivery.due = applying.now.min(applying.clock);
    }
    delivery.subject = Some(subject.clone());
    delivery.wait(news.clone());
}

pub(super) fn attempted(delivery: &mut Delivery, attempt: &Attempt, applying: &mut Applying<'_>) {
    // Otherwise it was forgotten, or another server has sent it as well and was first to say so.
    if delivery.pending.front().is_none_or(|first| first.id != attempt.id) {
        return;
    }
    if let Some(remembered) = &attempt.remembered {
        delivery.remembered.clone_from(remembered);
    }
    if let Some(tried) = &attempt.tried {
        delivery.tried((**tried).clone());
    }
    if let AttemptOutcome::Retry { due, error, .. } | AttemptOutcome::Denied { due, error, .. } = &attempt.outcome {
        delivery.due = *due;
        if let Some(first) = delivery.pending.front_mut() {
            first.attempts += u32::from(matches!(attempt.outcome, AttemptOutcome::Retry { counts: true, .. }));
            first.last_error = Some(error.clone());
        }
    }
    if let AttemptOutcome::Denied { error, credentials, .. } = &attempt.outcome {
        let (credentials, why) = (Some(*credentials), Some(error.clone()));
        let pause = Pause { since: attempt.at, by: PausedBy::Refused, why, credentials };
        if let Some((destination, _)) = applying.key.as_delivery() {
            applying.send(RecordKey::destination(destination), Body::Pause(Box::new(pause)));
        }
    }
    if matches!(attempt.outcome, AttemptOutcome::Retry { .. } | AttemptOutcome::Denied { .. }) {
        return;
    }
    let Some(mut news) = delivery.pending.pop_front() else { return };
    delivery.due = applying.now.min(applying.clock);
    match &attempt.outcome {
        AttemptOutcome::Dead { error } => {
            news.attempts += 1;
            news.last_error = Some(error.clone());
            delivery.died = attempt.at;
            delivery.give_up(news);
        }
        AttemptOutcome::Delivered { lead, definition, kind } => {
            // Nobody asks any more why it was late.
            delivery.tried.retain(|tried| tried.id != news.id);
            delivery.note_taken(&news);
            delivery.took = Some(attempt.at).filter(|_| !delivery.remembered.is_empty());
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
        AttemptOutcome::Retry { .. } | AttemptOutcome::Denied { .. } => {}
    }
}

/// People made this of the lead there, as it was asked for `at` a moment. What is told again changes nothing.
pub(super) fn seen(delivery: &mut Delivery, seen: &Seen, at: Millis, applying: &mut Applying<'_>) {
    // What is seen may be what stood there before the destination took the last news; by that it has changed, and is seen again.
    if delivery.took.is_some_and(|took| at <= took) || delivery.seen.as_deref() == Some(seen) {
        return;
    }
    let Some((subject, (destination, lead))) = delivery.subject.clone().zip(applying.key.as_delivery()) else { return };
    let mut tell = |made| {
        let became = Became { lead: lead.into(), made };
        applying.send(subject.clone(), Body::Became(Box::new(became)));
    };
    let before = delivery.seen.replace(Box::new(seen.clone()));
    let whose = |seen: &Seen| seen.owner.as_ref().map(|owner| owner.id.clone());
    let is_ours = |id: &str| delivery.remembered.get(OWNER).is_some_and(|ours| **ours == *id);
    if let Some(SeenOwner { id, email: Some(email) }) = &seen.owner
        && !is_ours(id)
        && before.as_deref().and_then(whose).as_ref() != Some(id)
    {
        tell(Made::Given { owner: Arc::clone(email), at: Some(destination.into()) });
    }
    let stood = || delivery.remembered.get(STOOD).and_then(|stage| Stage::named(stage)).unwrap_or_default();
    if before.map_or_else(stood, |before| before.stage) != seen.stage {
        let ended = |ending| Made::Ended { ending, reason: seen.reason.clone() };
        match seen.stage {
            Stage::New => {}
            Stage::Accepted => tell(Made::Came(Progress::Accepted)),
            Stage::Working => tell(Made::Came(Progress::Working)),
            Stage::Rejected => tell(ended(Ending::Rejected)),
            Stage::Lost => tell(ended(Ending::Lost)),
            Stage::Won => tell(ended(Ending::Won)),
        }
    }
}

/// Has what was given up wait again, with a fresh count of attempts.
pub(super) fn replay(delivery: &mut Delivery, applying: &Applying<'_>) {
    if delivery.pending.is_empty() {
        delivery.due = applying.clock;
    }
    delivery.wait_again();
}

/// Takes a user out of news that has not been sent.
pub(super) fn scrub(delivery: &mut Delivery, user: &str) {
    let mut names_them = false;
    for news in delivery.pending.iter_mut().chain(&mut delivery.dead) {
        if let Some(json) = without(&news.json, user) {
            news.json = json.into();
            // What a destination said of it may name them as well.
            news.last_error = news.last_error.take().map(|_| "it failed before somebody was forgotten".into());
            names_them = true;
        }
    }
    if let Some(newest) = &mut delivery.newest
        && let Some(json) = without(&newest.json, user)
    {
        newest.json = json.into();
    }
    if names_them {
        delivery.tried.clear();
    }
}

/// A lead event's JSON without a user whom it names.
pub(super) fn without(json: &str, user: &str) -> Option<String> {
    let mut event = serde_json::from_str::<LeadEvent>(json).ok()?;
    event.lead.scrub(user).then(|| serde_json::to_string(&event).unwrap_or_default())
}
