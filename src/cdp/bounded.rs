//! Values of traits and properties, read under a bound in bytes. What is too large is cut where it stands, before it takes any
//! memory: a list of zeros takes forty times its text once it is read. The event is taken all the same.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::limits::ValueLimits;
use super::object::Entries;
use crate::event::size::cut;

/// Deeper than this nothing is kept. Far below what readers of JSON take, with what a lead puts around it.
pub(super) const MAX_DEPTH: usize = 32;
/// A trait or property of a longer name is left out.
pub(super) const MAX_NAME_BYTES: usize = 128;
/// What an event may take in memory, whatever its text, and how often its text besides.
const EVENT_BYTES: usize = 8 * 1_024;
const EVENT_TIMES: usize = 4;
/// What the envelope of a batch may take: each of its events has a copy.
const ENVELOPE_BYTES: usize = 4 * 1_024;
/// What a value counts beside its text, and an entry of an object in memory beside its value.
const VALUE_TEXT_BYTES: usize = 4;
const ENTRY_BYTES: usize = 56;

/// What the values of one event may still take.
pub(super) struct Budget {
    limits: ValueLimits,
    /// In memory, all values together.
    memory: Cell<usize>,
    /// As text, the value at hand.
    text: Cell<usize>,
    shortened: Cell<bool>,
}

impl Budget {
    /// For an event of so many bytes.
    pub fn of_event(limits: ValueLimits, bytes: usize) -> Self {
        Self::new(limits, EVENT_BYTES + EVENT_TIMES * bytes)
    }

    /// For what is beside a batch.
    pub fn of_envelope(limits: ValueLimits) -> Self {
        Self::new(limits, ENVELOPE_BYTES)
    }

    const fn new(limits: ValueLimits, memory: usize) -> Self {
        Self { limits, memory: Cell::new(memory), text: Cell::new(0), shortened: Cell::new(false) }
    }

    /// Whether something did not fit.
    pub const fn is_shortened(&self) -> bool {
        self.shortened.get()
    }

    pub fn shorten(&self) {
        self.shortened.set(true);
    }

    /// A trait or property begins.
    fn begin(&self) {
        self.text.set(self.limits.bytes);
    }

    /// Takes room for a value or a name; returns whether there was any.
    fn take(&self, text: usize, memory: usize) -> bool {
        let left = self.text.get().checked_sub(text).zip(self.memory.get().checked_sub(memory));
        match left {
            Some((text, memory)) => {
                self.text.set(text);
                self.memory.set(memory);
            }
            None => self.shorten(),
        }
        left.is_some()
    }

    /// As much of a text as there is room for.
    fn text<'t>(&self, text: &'t str) -> &'t str {
        let room = self.text.get().min(self.memory.get());
        let kept = cut(text, room);
        if kept.len() < text.len() {
            self.shorten();
        }
        self.take(kept.len(), kept.len());
        kept
    }
}

/// A value within a budget; `None` where there is no room for any of it.
#[derive(Clone, Copy)]
pub(super) struct Bounded<'b> {
    budget: &'b Budget,
    depth: usize,
}

impl<'b> Bounded<'b> {
    /// The value of a trait or property.
    pub fn whole(budget: &'b Budget) -> Self {
        budget.begin();
        Self { budget, depth: 0 }
    }

    /// What is within the value at hand; `None` where it is too deep.
    fn within(self) -> Option<Self> {
        let depth = self.depth + 1;
        if depth > MAX_DEPTH {
            self.budget.shorten();
        }
        (depth <= MAX_DEPTH).then_some(Self { depth, ..self })
    }

    fn scalar(self, value: Value) -> Option<Value> {
        self.budget.take(VALUE_TEXT_BYTES, size_of::<Value>()).then_some(value)
    }
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        let place = self.scalar(Value::Null);
        Ok(place.map(|_| Value::from(self.budget.text(text))))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(self.scalar(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(self.scalar(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(self.scalar(number.into()))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(self.scalar(flag.into()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(self.scalar(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let (place, within) = (self.scalar(Value::Null), self.within());
        let mut kept = Vec::new();
        if let (Some(_), Some(within)) = (&place, within) {
            while kept.len() < self.budget.limits.elements {
                let Some(element) = seq.next_element_seed(within)? else { return Ok(Some(exact(kept))) };
                let Some(element) = element else { break };
                kept.push(element);
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            self.budget.shorten();
        }
        Ok(place.zip(within).map(|_| exact(kept)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (place, within) = (self.scalar(Value::Null), self.within());
        let mut kept = Map::new();
        if let (Some(_), Some(within)) = (&place, within) {
            while kept.len() < self.budget.limits.elements {
                let Some(name) = map.next_key::<String>()? else { return Ok(Some(Value::Object(kept))) };
                let has_room = self.budget.take(name.len(), ENTRY_BYTES + name.len());
                match if has_room { map.next_value_seed(within)? } else { None } {
                    Some(value) => drop(kept.insert(name, value)),
                    None if has_room => break,
                    None => {
                        map.next_value::<IgnoredAny>()?;
                        break;
                    }
                }
            }
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            self.budget.shorten();
        }
        Ok(place.zip(within).map(|_| Value::Object(kept)))
    }
}

/// A list without the room that it grew by.
fn exact(mut items: Vec<Value>) -> Value {
    items.shrink_to_fit();
    Value::Array(items)
}

/// Traits, all of them.
pub(super) struct Whole<'b>(pub &'b Budget);

impl Entries for Whole<'_> {
    type Value = Map<String, Value>;

    fn read<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut kept = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            read_entry(&mut kept, name, &mut map, self.0)?;
        }
        Ok(kept)
    }
}

/// Reads the value of a trait or property, and keeps it as far as there is room.
pub(super) fn read_entry<'de, A: MapAccess<'de>>(
    kept: &mut Map<String, Value>,
    name: String,
    map: &mut A,
    budget: &Budget,
) -> Result<(), A::Error> {
    let value = Bounded::whole(budget);
    if name.len() > MAX_NAME_BYTES || !budget.take(0, ENTRY_BYTES + name.len()) {
        budget.shorten();
        map.next_value::<IgnoredAny>()?;
    } else if let Some(value) = map.next_value_seed(value)? {
        kept.insert(name, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::object::Object;
    use super::*;
    use crate::event::size::heap_bytes;

    /// What is kept of traits, and whether something is missing.
    fn read(text: &str) -> (Value, bool) {
        let budget = Budget::of_event(ValueLimits::DEFAULT, text.len());
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let kept = Object(Whole(&budget)).deserialize(&mut deserializer).expect("traits");
        deserializer.end().expect("nothing else");
        (Value::Object(kept), budget.is_shortened())
    }

    fn nested(levels: usize) -> String {
        format!("{}1{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn what_is_ordinary_is_whole() {
        for text in [
            r#"{"email":"a@b.c","age":41,"vip":true,"left":null,"f":1.5,"n":-3}"#.to_owned(),
            r#"{"address":{"city":"Bonn","street":"Am Wall 1","postal_code":"53111"},"tags":["a","b",["c"]]}"#
                .to_owned(),
            json!({ "bio": "x".repeat(1_000), "ids": vec![1_234; 100] }).to_string(),
            format!(r#"{{"deep":{}}}"#, nested(MAX_DEPTH)),
        ] {
            assert_eq!(read(&text), (serde_json::from_str(&text).expect("JSON"), false));
        }
    }

    #[test]
    fn what_is_too_large_is_cut_and_said() {
        for (value, expected) in [
            (json!("é".repeat(40_000)).to_string(), json!("é".repeat(510))),
            (json!(vec![0; 16_000]).to_string(), json!(vec![0; 100])),
            (json!(vec!["x".repeat(600); 3]).to_string(), json!(["x".repeat(600), "x".repeat(412)])),
        ] {
            let (kept, shortened) = read(&format!(r#"{{"a":{value},"plan":"pro"}}"#));
            assert_eq!((&kept["plan"], shortened), (&json!("pro"), true));
            assert_eq!(kept["a"], expected);
        }
        let long_name = format!(r#"{{"{}":1,"plan":"pro"}}"#, "n".repeat(129));
        assert_eq!(read(&long_name), (json!({ "plan": "pro" }), true));
        let (kept, shortened) = read(&format!(r#"{{"a":{},"plan":"pro"}}"#, nested(5_000)));
        assert_eq!((&kept["plan"], shortened), (&json!("pro"), true));
        assert!(kept["a"].to_string().len() <= 2 * MAX_DEPTH);
    }

    #[test]
    fn whatever_is_sent_takes_a_small_multiple_of_its_text() {
        let many = (0..4_000).map(|n| format!(r#""{n}":0"#)).collect::<Vec<_>>().join(",");
        let lists = (0..900).map(|n| format!(r#""l{n}":[0,0,0,0,0,0,0,0,0,0,0,0,0]"#)).collect::<Vec<_>>().join(",");
        let objects = format!(r#""o":[{}{{}}]"#, r#"{"a":{"b":{}}},"#.repeat(1_000));
        let zeros = format!(r#""z":[{}0]"#, "0,".repeat(16_000));
        for text in [many, lists, objects, zeros] {
            let text = format!("{{{text}}}");
            let (kept, shortened) = read(&text);
            assert!(shortened && heap_bytes(&kept) <= 8 * text.len(), "{} of {}", heap_bytes(&kept), text.len());
        }
    }
}
