//! Traits: the newest value of each, by the time of the call that said so.

use std::cmp::{Ordering, Reverse};

use compact_str::CompactString;
use litemap::LiteMap;
use serde_json::{Map, Value};

use crate::counters::series::room;
use crate::event::Trust;
use crate::event::size::heap_bytes;
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
/// How many bytes the traits of one subject may take in memory, where nothing else is configured.
pub const MAX_TRAITS_BYTES: usize = 32 * 1_024;

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

    /// Keeps at most [`MAX_TRAITS`], of which those that `wanted` names stay, and of the others the names that come first; and
    /// no more than `max_bytes` of them all, where the largest leave, and those that are wanted last. What a public source said
    /// leaves before what a server did. Returns how many had to leave.
    pub fn keep(&mut self, max_bytes: usize, wanted: impl Fn(&str) -> bool) -> usize {
        let mut leaving = Vec::new();
        let excess = self.0.len().saturating_sub(MAX_TRAITS);
        if excess > 0 {
            let mut others: Vec<_> = self.0.iter().rev().filter(|(name, _)| !wanted(name)).collect();
            others.sort_by_key(|(_, known)| known.trust);
            leaving.extend(others.into_iter().take(excess).map(|(name, _)| name.clone()));
            leaving.iter().for_each(|name| drop(self.0.remove(name)));
        }
        let mut excess = self.used_bytes().saturating_sub(max_bytes);
        if excess > 0 {
            let order = |(name, known): (&CompactString, &Trait)| {
                ((wanted(name), known.trust, Reverse(cost(name, known))), name.clone())
            };
            let mut in_order: Vec<_> = self.0.iter().map(order).collect();
            in_order.sort_unstable();
            for ((.., Reverse(bytes)), name) in in_order {
                if excess == 0 {
                    break;
                }
                excess = excess.saturating_sub(bytes);
                self.0.remove(&name);
                leaving.push(name);
            }
        }
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
        let unused = room(self.0.len()).saturating_sub(self.0.len()) * size_of::<(CompactString, Trait)>();
        unused + self.used_bytes()
    }

    fn used_bytes(&self) -> usize {
        self.0.iter().map(|(name, known)| cost(name, known)).sum()
    }

    /// Takes in the traits of another history; of each the newer value stands.
    pub fn merge(&mut self, other: &Self) {
        for (name, theirs) in other.0.iter() {
            self.set(name, &theirs.value, theirs.at, theirs.trust);
        }
    }
}

/// About how many bytes one trait takes.
fn cost(name: &CompactString, known: &Trait) -> usize {
    size_of::<(CompactString, Trait)>() + name.len().saturating_sub(24) + heap_bytes(&known.value)
}

/// Whether the JSON of a value is that of the other, or greater.
fn outweighs(known: &Value, said: &Value) -> bool {
    let (known, said) = (known.to_string(), said.to_string());
    known >= said
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
        assert_eq!(traits.keep(MAX_TRAITS_BYTES, |name| name == "zz_plan"), 51);
        assert_eq!(traits.0.len(), MAX_TRAITS);
        assert_eq!((traits.text("zz_plan"), traits.get("n0000")), (Some("free"), Some(&json!(0))));
        assert_eq!(traits.keep(MAX_TRAITS_BYTES, |_| false), 0, "there is room now");
    }

    #[test]
    fn more_that_is_read_than_there_is_room_for_stays() {
        let mut traits = learned(&[(1, (0..MAX_TRAITS + 5).map(|n| (format!("n{n}"), json!(n))).collect())]);
        assert_eq!((traits.keep(MAX_TRAITS_BYTES, |_| true), traits.0.len()), (0, MAX_TRAITS + 5));
    }

    #[test]
    fn of_too_many_bytes_the_largest_leave_and_what_is_read_last() {
        let text = |bytes: usize| json!("x".repeat(bytes));
        let mut traits =
            learned(&[(1, json!({ "a": text(500), "b": text(3_000), "c": text(900), "plan": text(2_000) }))]);
        assert_eq!(traits.keep(4_000, |name| name == "plan"), 1);
        assert_eq!(traits.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["a", "c", "plan"]);
        assert_eq!(traits.keep(1_000, |name| name == "plan"), 3, "nothing else would do");
        assert!(traits.is_empty());
    }

    #[test]
    fn what_a_public_source_said_makes_place_for_what_a_server_did() {
        let said = |names: std::ops::Range<usize>| {
            names.map(|n| (format!("n{n:04}"), json!("x".repeat(100)))).collect::<Map<String, Value>>()
        };
        let mut traits = Traits::default();
        traits.learn(&said(500..520), Millis(1), Trust::Server);
        traits.learn(&said(0..MAX_TRAITS), Millis(2), Trust::Public);
        assert_eq!(traits.keep(1 << 20, |_| false), 20);
        assert!(traits.keep(8 * 1_024, |_| false) > 0);
        assert!((500..520).all(|n| traits.get(&format!("n{n:04}")).is_some()));
    }
}
