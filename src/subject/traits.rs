//! Traits: the newest value of each, by the time of the call that said so.

use std::collections::BTreeMap;

use compact_str::CompactString;
use serde_json::{Map, Value};

use crate::identity::traits::canonical_trait;
use crate::time::Millis;

/// One trait's newest value.
#[derive(Clone, Debug, PartialEq)]
pub struct Trait {
    /// The value; `null` when the trait was taken away.
    pub value: Value,
    /// When it was said.
    pub at: Millis,
    /// Whether it differs from what is stored.
    pub dirty: bool,
}

/// Traits by canonical name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traits(pub BTreeMap<CompactString, Trait>);

/// How many traits of one subject are kept; further names are ignored.
pub const MAX_TRAITS: usize = 200;

impl Traits {
    /// Takes in what a call said at `at`. An older call never overwrites a newer one; `null` takes a trait away.
    pub fn learn(&mut self, said: &Map<String, Value>, at: Millis) {
        for (name, value) in said {
            self.set(&canonical_trait(name), value, at);
        }
    }

    fn set(&mut self, name: &str, value: &Value, at: Millis) {
        let full = self.0.len() >= MAX_TRAITS;
        match self.0.get_mut(name) {
            Some(known) if known.at > at => {}
            Some(known) => *known = Trait { value: value.clone(), at, dirty: true },
            None if full => {}
            None => drop(self.0.insert(name.into(), Trait { value: value.clone(), at, dirty: true })),
        }
    }

    /// The value of a trait; `None` when it is unknown or was taken away.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).map(|known| &known.value).filter(|value| !value.is_null())
    }

    /// A trait's text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// The person's or company's name: `name`, or first and last name.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        let full = || match (self.text("first_name"), self.text("last_name")) {
            (Some(first), Some(last)) => Some(format!("{first} {last}")),
            (one, other) => one.or(other).map(str::to_owned),
        };
        self.text("name").map(str::to_owned).or_else(full)
    }

    /// All known traits.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, known)| (&**name, &known.value)).filter(|(_, value)| !value.is_null())
    }

    /// Whether nothing was ever said; a trait that was taken away counts as said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes in the traits of another history; of each the newer value stands.
    pub fn merge(&mut self, other: &Self) {
        for (name, theirs) in &other.0 {
            self.set(name, &theirs.value, theirs.at);
        }
    }
}
