//! What conditions are evaluated over: an event alone, or a subject with everything around it.

use serde_json::Value as Json;

use super::expr::{Facts, Slot, Value};
use crate::cdp::{Call, Event};
use crate::time::Millis;

/// An event alone: what a counter's filter sees.
#[derive(Clone, Copy, Debug)]
pub struct EventFacts<'a> {
    pub event: &'a Event,
    pub now: Millis,
}

impl Facts for EventFacts<'_> {
    fn read<'a>(&'a self, slot: &Slot) -> Value<'a> {
        match slot {
            Slot::Event(path) => read_event(self.event, path),
            Slot::Now => Value::Time(self.now),
            _ => Value::Unknown,
        }
    }
}

/// `event.<path>`.
#[must_use]
pub fn read_event<'a>(event: &'a Event, path: &[Box<str>]) -> Value<'a> {
    let Some((first, rest)) = path.split_first() else {
        return Value::Unknown;
    };
    match &**first {
        "name" => event.name.as_deref().map_or(Value::Unknown, |name| Value::Text(name.into())),
        "type" => Value::Text(call_word(event.call).into()),
        "source" => Value::Text(event.source.as_str().into()),
        "time" => Value::Time(event.timestamp),
        "properties" => descend(&event.properties, rest),
        "traits" => descend(&event.traits, rest),
        _ => Value::Unknown,
    }
}

fn descend<'a>(map: &'a serde_json::Map<String, Json>, path: &[Box<str>]) -> Value<'a> {
    let Some((first, rest)) = path.split_first() else {
        return Value::Unknown;
    };
    let start = map.get(&**first);
    let found = rest.iter().try_fold(start, |value, step| value.map(|v| v.get(&**step)));
    found.flatten().map_or(Value::Unknown, Value::from_json)
}

const fn call_word(call: Call) -> &'static str {
    match call {
        Call::Track => "track",
        Call::Identify => "identify",
        Call::Group => "group",
        Call::Page => "page",
        Call::Screen => "screen",
        Call::Alias => "alias",
        Call::Delete => "delete",
    }
}
