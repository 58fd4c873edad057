//! Which properties of events are read at all: an event carries many, and few of them are asked for.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::bounded::{Budget, read_entry};
use super::object::Entries;

/// The properties that are kept of an event; the others are skipped where they stand, unread.
///
/// A configuration knows them all: its counters, filters, conditions and account keys name what they read. Of an event that
/// arrives while another configuration comes into force, what only the new one reads is missing, as if it had come a moment
/// earlier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedProperties {
    /// Every property: something reads them all.
    All,
    /// Those of these names, and `name`, where the name of a page or a screen may stand.
    Only(HashSet<Box<str>, ahash::RandomState>),
}

/// Where a page's or screen's name may stand, whatever else is read.
const NAME: &str = "name";

impl WantedProperties {
    fn wants(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(name) || name == NAME,
        }
    }
}

impl<'n> FromIterator<&'n str> for WantedProperties {
    fn from_iter<I: IntoIterator<Item = &'n str>>(names: I) -> Self {
        Self::Only(names.into_iter().map(Box::from).collect())
    }
}

/// Those of an event's properties that are wanted, within its budget.
pub(super) struct Wanted<'w>(pub &'w WantedProperties, pub &'w Budget);

impl Entries for Wanted<'_> {
    type Value = Map<String, Value>;

    fn read<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut kept = Map::new();
        while let Some(name) = map.next_key_seed(Name(self.0))? {
            match name {
                Some(name) => read_entry(&mut kept, name, &mut map, self.1)?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(kept)
    }
}

/// A property's name, if the property is wanted.
struct Name<'w>(&'w WantedProperties);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a property's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.wants(name).then(|| name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::limits::ValueLimits;
    use super::super::object::Object;
    use super::*;

    fn read(wanted: &WantedProperties, text: &str) -> Result<Value, String> {
        let budget = Budget::of_event(ValueLimits::DEFAULT, text.len());
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let read = Object(Wanted(wanted, &budget)).deserialize(&mut deserializer).map_err(|error| error.to_string())?;
        deserializer.end().map_err(|error| error.to_string())?;
        Ok(Value::Object(read))
    }

    #[test]
    fn what_nobody_reads_is_skipped_and_what_is_read_is_whole() {
        let wanted = ["plan", "board"].into_iter().collect();
        let text =
            r#"{"a":{"plan":1},"plan":{"a":[1,{"b":null}]},"b\u006fard":"x","big":1e999,"name":"Home","plan":2}"#;
        assert_eq!(read(&wanted, text), Ok(json!({ "plan": 2, "board": "x", "name": "Home" })));
        assert_eq!(
            read(&WantedProperties::All, r#"{"a":{"plan":1},"c":[]}"#),
            Ok(json!({ "a": { "plan": 1 }, "c": [] }))
        );
    }

    #[test]
    fn what_is_no_object_is_refused_even_if_nobody_reads_it() {
        let nothing = WantedProperties::Only(HashSet::default());
        assert_eq!(read(&nothing, "null"), Ok(json!({})));
        assert_eq!(read(&nothing, "[]"), Ok(json!({})));
        for text in ["[1]", "3", "\"x\"", "{\"a\":}", "{\"a\":1"] {
            assert!(read(&nothing, text).is_err(), "{text}");
        }
    }
}
