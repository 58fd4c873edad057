//! What conditions are evaluated over: an event alone, or a subject with everything around it.

use super::Event;
use crate::expr::{Facts, Slot, Value};
use crate::time::Millis;

/// An event alone: what a counter's filter sees.
#[derive(Clone, Copy, Debug)]
pub struct EventFacts<'a> {
    /// The event.
    pub event: &'a Event,
    /// What `now` reads.
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
pub fn read_event<'a>(event: &'a Event, path: &[Box<str>]) -> Value<'a> {
    let Some((first, rest)) = path.split_first() else {
        return Value::Unknown;
    };
    match &**first {
        "name" => event.name.as_deref().map_or(Value::Unknown, |name| Value::Text(name.into())),
        "type" => Value::Text(event.call.as_str().into()),
        "source" => Value::Text(event.source.as_str().into()),
        "time" => Value::Time(event.timestamp),
        "properties" => Value::at_path(&event.properties, rest),
        "traits" => Value::at_path(&event.traits, rest),
        _ => Value::Unknown,
    }
}
