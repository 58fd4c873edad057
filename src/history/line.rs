//! What the archive says of one thing that happened: a line of JSON.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::apply::Past;
use crate::event::{Call, Event, MessageId, SourceName, Trust};
use crate::ids::RecordKey;
use crate::time::Millis;

/// One thing that happened to a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The record.
    pub of: RecordKey,
    /// Under which time it was applied.
    pub at: Millis,
    /// What happened.
    pub past: Past,
}

/// A line, as it is written and read.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    of: Cow<'a, str>,
    at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<EventLine<'a>>,
    /// Whoever was the first was the second all along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    same: Option<(Cow<'a, str>, Cow<'a, str>)>,
    #[serde(default, skip_serializing_if = "is_false")]
    gone: bool,
}

/// An event: what is empty is left out, and the hash that it is remembered by is text, since half of all readers of JSON know no
/// numbers of 64 bits.
#[derive(Serialize, Deserialize)]
struct EventLine<'a> {
    source: SourceName,
    trust: Trust,
    #[serde(default, skip_serializing_if = "is_false")]
    uncovered: bool,
    call: Call,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    id: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hash: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    anonymous: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    context_group: Option<Cow<'a, str>>,
    timestamp: i64,
    received: i64,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    properties: Cow<'a, Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    traits: Cow<'a, Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    context_traits: Cow<'a, Map<String, Value>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// Appends the line of what happened to `of` at `at`.
pub fn write(of: &RecordKey, at: Millis, past: &Past, out: &mut Vec<u8>) {
    let mut line = Line { of: Cow::Owned(of.to_string()), at: at.0, by: None, event: None, same: None, gone: false };
    match past {
        Past::Counted { by, event } => {
            line.by = by.as_deref().map(Cow::Borrowed);
            line.event = Some(EventLine::of(event));
        }
        Past::Same { from, to } => line.same = Some((Cow::Borrowed(from), Cow::Borrowed(to))),
        Past::Gone => line.gone = true,
    }
    let start = out.len();
    // Plain data with text as keys, written to memory, does not fail.
    if serde_json::to_writer(&mut *out, &line).is_err() {
        out.truncate(start);
        return;
    }
    out.push(b'\n');
}

/// Reads a line; `None` when it is none.
pub fn read(line: &[u8]) -> Option<Row> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    let past = match (line.event, line.same, line.gone) {
        (Some(event), None, false) => {
            let by = line.by.map(|by| Arc::from(&*by));
            Past::Counted { by, event: Arc::new(event.into_event()?) }
        }
        (None, Some((from, to)), false) => Past::Same { from: Arc::from(&*from), to: Arc::from(&*to) },
        (None, None, true) => Past::Gone,
        _ => return None,
    };
    Some(Row { of: line.of.parse().ok()?, at: Millis(line.at), past })
}

impl<'a> EventLine<'a> {
    fn of(event: &'a Event) -> Self {
        let text = |text: &'a Option<Box<str>>| text.as_deref().map(Cow::Borrowed);
        Self {
            source: event.source.clone(),
            trust: event.trust,
            uncovered: !event.covered,
            call: event.call,
            name: text(&event.name),
            id: Cow::Borrowed(&event.message_id),
            hash: event.message.map(|hash| Cow::Owned(format!("{:016x}", hash.0))),
            user: text(&event.user_id),
            anonymous: text(&event.anonymous_id),
            previous: text(&event.previous_id),
            group: text(&event.group_id),
            context_group: text(&event.context_group_id),
            timestamp: event.timestamp.0,
            received: event.received_at.0,
            properties: Cow::Borrowed(&event.properties),
            traits: Cow::Borrowed(&event.traits),
            context_traits: Cow::Borrowed(&event.context_traits),
        }
    }

    fn into_event(self) -> Option<Event> {
        let text = |text: Option<Cow<'_, str>>| text.map(|text| Box::from(&*text));
        let message = match self.hash {
            Some(hash) => Some(MessageId(u64::from_str_radix(&hash, 16).ok()?)),
            None => None,
        };
        Some(Event {
            source: self.source,
            trust: self.trust,
            covered: !self.uncovered,
            call: self.call,
            message_id: Box::from(&*self.id),
            message,
            user_id: text(self.user),
            anonymous_id: text(self.anonymous),
            previous_id: text(self.previous),
            group_id: text(self.group),
            context_group_id: text(self.context_group),
            name: text(self.name),
            timestamp: Millis(self.timestamp),
            received_at: Millis(self.received),
            properties: self.properties.into_owned(),
            traits: self.traits.into_owned(),
            context_traits: self.context_traits.into_owned(),
        })
    }
}
