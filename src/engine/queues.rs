//! The queues that the engine feeds: histories to merge, leads to route.

use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use crate::identity::RecordKey;
use crate::lead::LeadEvent;
use crate::store::{Entry, Fields, QueueName};
use crate::subject::Subject;
use crate::time::Millis;

static MERGE: LazyLock<QueueName> = LazyLock::new(|| QueueName::new("merge"));
static ROUTE: LazyLock<QueueName> = LazyLock::new(|| QueueName::new("route"));

/// Histories of anonymous ids on their way to their users.
#[must_use]
pub fn merge() -> QueueName {
    MERGE.clone()
}

/// Lead events that want an owner.
#[must_use]
pub fn route() -> QueueName {
    ROUTE.clone()
}

/// A history on its way.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Handover {
    /// The id that was merged away.
    pub from: Arc<str>,
    /// The user that it turned out to be.
    pub into: Arc<str>,
    /// When that was.
    pub at: Millis,
    /// The record's fields as they stood.
    pub fields: Fields,
}

pub(super) fn merge_entry(from: &RecordKey, into: &Arc<str>, history: &Subject, now: Millis) -> Entry {
    let handover =
        Handover { from: Arc::clone(&from.id), into: Arc::clone(into), at: now, fields: history.to_fields() };
    // With the time: an id whose link expired may be linked again while the first history is still in the queue, or dead.
    entry(format!("merge:{}:{}", from.id, now.0), merge(), None, from, &handover, now)
}

pub(super) fn route_entry(subject: &RecordKey, event: &LeadEvent, now: Millis) -> Entry {
    entry(format!("route:{}", event.id), route(), Some(event.lead.id.clone()), subject, event, now)
}

fn entry(
    id: String,
    queue: QueueName,
    lane: Option<String>,
    subject: &RecordKey,
    payload: &impl Serialize,
    now: Millis,
) -> Entry {
    let payload = serde_json::to_string(payload).unwrap_or_default();
    let subject = subject.to_string();
    Entry { id, queue, lane, subject, due: now, created: now, attempts: 0, last_error: None, payload }
}
