//! Traits: the newest value of each, by the time of the call that said so.

use std::cmp::Ordering;

use compact_str::CompactString;
use litemap::LiteMap;
use serde_json::{Map, Value};

use crate::counters::series::room;
use crate::event::Trust;
use crate::ids::names::canonical_trait;
use crate::time::Millis;

/// One trait's newest value.
#[derive(Clone, Debug, PartialEq)]
pub struct Trait {
    /// The value; `null` when the trait was taken away.
    pub value: Value,
    /// When it was said.
    pub at: Millis,
    /// How far whoever said it was believed.
    pub trust: Trust,
}

/// Traits by canonical name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traits(pub LiteMap<CompactString, Trait>);

/// How many traits of one subject are kept; those that conditions read stay, whatever else there is.
pub const MAX_TRAITS: usize = 200;

impl Traits {
    /// Takes in what a call said at `at`. An older call never overwrites a newer one, nor a public source what a server said;
    /// `null` takes a trait away.
    pub fn learn(&mut self, said: &Map<String, Value>, at: Millis, trust: Trust) {
        for (name, value) in said {
            self.set(&canonical_trait(name), value, at, trust);
        }
    }

    /// Of two values that were said at the same time the one whose JSON is greater stands, whichever came first.
    fn set(&mut self, name: &str, value: &Value, at: Millis, trust: Trust) {
        let said = Trait { value: value.clone(), at, trust };
        match self.0.get_mut(name) {
            Some(known) => match (known.trust, known.at).cmp(&(trust, at)) {
                Ordering::Greater => {}
                Ordering::Equal if outweighs(&known.value, value) => {}
                Ordering::Equal | Ordering::Less => *known = said,
            },
            None => drop(self.0.insert(name.into(), said)),
        }
    }

    /// Keeps at most [`MAX_TRAITS`], of which those that `wanted` names stay, and of the others the names that come first.
    /// Returns how many had to leave.
    pub fn keep(&mut self, wanted: impl Fn(&str) -> bool) -> usize {
        let excess = self.0.len().saturating_sub(MAX_TRAITS);
        if excess == 0 {
            return 0;
        }
        let leaving: Vec<_> = self.0.keys().rev().filter(|name| !wanted(name)).take(excess).cloned().collect();
        leaving.iter().for_each(|name| drop(self.0.remove(name)));
        leaving.len()
    }

    /// The value of a trait; `None` when it is unknown or was taken away.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).map(|known| &known.value).filter(|value| !value.is_null())
    }

    /// A trait's text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// The person's or company's name: `name`, or first and last name.
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
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// About how many bytes they take in memory.
    pub(super) fn bytes(&self) -> usize {
        let values = self.0.iter().map(|(name, known)| name.len().saturating_sub(24) + json_bytes(&known.value));
        room(self.0.len()) * size_of::<(CompactString, Trait)>() + values.sum::<usize>()
    }

    /// Takes in the traits of another history; of each the newer value stands.
    pub fn merge(&mut self, other: &Self) {
        for (name, theirs) in other.0.iter() {
            self.set(name, &theirs.value, theirs.at, theirs.trust);
        }
    }
}

/// Whether the JSON of a value is that of the other, or greater.
fn outweighs(known: &Value, said: &Value) -> bool {
    let (known, said) = (known.to_string(), said.to_string());
    known >= said
}

/// About how many bytes a JSON value takes beyond its own size.
fn json_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 16,
        Value::Array(items) => items.iter().map(|item| size_of::<Value>() + json_bytes(item)).sum::<usize>() + 32,
        Value::Object(map) => map.iter().map(|(name, value)| 96 + name.len() + json_bytes(value)).sum::<usize>() + 64,
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn learned(calls: &[(i64, Value)]) -> Traits {
        let mut traits = Traits::default();
        for (at, said) in calls {
            traits.learn(said.as_object().expect("traits are an object"), Millis(*at), Trust::Public);
        }
        traits
    }

    proptest! {
        /// Two calls with the same time are as likely to arrive in one order as in the other.
        #[test]
        fn the_order_of_arrival_does_not_matter(
            calls in proptest::collection::vec((0..3_i64, "[a-c]", prop_oneof![Just(json!(null)), Just(json!("10")), (0..20).prop_map(|n| json!(n))]), 0..12),
            split in 0..12_usize,
        ) {
            let calls: Vec<_> = calls.into_iter().map(|(at, name, value)| (at, json!({ name: value }))).collect();
            let forward = learned(&calls);
            let backward: Vec<_> = calls.iter().rev().cloned().collect();
            prop_assert_eq!(&learned(&backward), &forward);
            let (left, right) = calls.split_at(split.min(calls.len()));
            let mut merged = learned(left);
            merged.merge(&learned(right));
            prop_assert_eq!(&merged, &forward);
        }
    }

    #[test]
    fn a_newer_call_stands_and_null_takes_away() {
        let traits =
            learned(&[(2, json!({ "plan": "pro" })), (1, json!({ "plan": "free" })), (3, json!({ "seats": null }))]);
        assert_eq!(traits.text("plan"), Some("pro"));
        let taken = learned(&[(1, json!({ "seats": 5 })), (2, json!({ "Seats": null }))]);
        assert_eq!((taken.get("seats"), taken.iter().count(), taken.is_empty()), (None, 0, false));
        assert_eq!(learned(&[(2, json!({ "seats": null })), (1, json!({ "seats": 5 }))]).get("seats"), None);
    }

    #[test]
    fn what_is_read_is_kept_whatever_else_there_is() {
        let many = (0..MAX_TRAITS + 50).map(|n| (format!("n{n:04}"), json!(n)));
        let mut traits = learned(&[(1, many.chain([("zz_plan".to_owned(), json!("free"))]).collect())]);
        assert_eq!(traits.keep(|name| name == "zz_plan"), 51);
        assert_eq!(traits.0.len(), MAX_TRAITS);
        assert_eq!((traits.text("zz_plan"), traits.get("n0000")), (Some("free"), Some(&json!(0))));
        assert_eq!(traits.keep(|_| false), 0, "there is room now");
    }

    #[test]
    fn more_that_is_read_than_there_is_room_for_stays() {
        let mut traits = learned(&[(1, (0..MAX_TRAITS + 5).map(|n| (format!("n{n}"), json!(n))).collect())]);
        assert_eq!((traits.keep(|_| true), traits.0.len()), (0, MAX_TRAITS + 5));
    }
}
