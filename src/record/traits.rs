//! Traits: the newest value of each, by the time of the call that said so; or, where sources are ranked, the value of the first of
//! them that has one.

use std::cmp::{Ordering, Reverse};

use compact_str::CompactString;
use litemap::LiteMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::counters::series::room;
use crate::event::Trust;
use crate::event::size::heap_bytes;
use crate::expr::TraitRule;
use crate::ids::SourceName;
use crate::ids::names::canonical_trait;
use crate::time::Millis;

/// One trait's newest value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trait {
    /// The value; `null` when the trait was taken away.
    pub value: Value,
    /// When it was said.
    pub at: Millis,
    /// How far whoever said it was believed.
    pub trust: Trust,
}

/// What one source said of a trait last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// The source; empty where it was said before sources were told apart.
    pub source: Box<str>,
    /// What it said.
    pub said: Trait,
}

/// Traits by canonical name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traits {
    /// The value of each that stands.
    pub known: LiteMap<CompactString, Trait>,
    /// Of those whose sources are ranked, what each source said. Few have any, hence the box.
    pub by_source: Option<Box<LiteMap<CompactString, Vec<Said>>>>,
}

/// Who says something, and when.
#[derive(Clone, Copy, Debug)]
pub struct Saying<'a> {
    /// The source.
    pub source: &'a SourceName,
    /// When it was said.
    pub at: Millis,
    /// How far the source is believed.
    pub trust: Trust,
}

/// How many traits of one subject are kept; those that conditions read stay, whatever else there is.
pub const MAX_TRAITS: usize = 200;
/// How many bytes the traits of one subject may take in memory, where nothing else is configured.
pub const MAX_TRAITS_BYTES: usize = 32 * 1_024;

impl Traits {
    /// Takes in what a call said. An older call never overwrites a newer one, nor a public source what a server said; `null` takes a
    /// trait away. Where `rule` ranks the sources of a trait, each overwrites only what it said itself.
    pub fn learn<'r>(
        &mut self,
        said: &Map<String, Value>,
        Saying { source, at, trust }: Saying<'_>,
        rule: impl Fn(&str) -> Option<&'r TraitRule>,
    ) {
        for (name, value) in said {
            let name = canonical_trait(name);
            let said = Trait { value: value.clone(), at, trust };
            match rule(&name).filter(|rule| rule.keeps_sources()) {
                Some(rule) => {
                    self.hear(&name, source.as_str(), said);
                    self.settle(&name, rule);
                }
                None => {
                    self.forget_sources(&name);
                    self.set(&name, said);
                }
            }
        }
    }

    fn set(&mut self, name: &str, said: Trait) {
        match self.known.get_mut(name) {
            Some(known) => known.take(said),
            None => drop(self.known.insert(name.into(), said)),
        }
    }

    /// What each source said of a trait; what was known before sources were told apart is nobody's.
    fn said_of(&mut self, name: &str) -> &mut Vec<Said> {
        let all = self.by_source.get_or_insert_default();
        if all.get(name).is_none() {
            let before = self.known.get(name).map(|known| Said { source: Box::default(), said: known.clone() });
            all.insert(name.into(), before.into_iter().collect());
        }
        all.get_mut(name).expect("it was inserted in the line before")
    }

    fn hear(&mut self, name: &str, source: &str, said: Trait) {
        let all = self.said_of(name);
        match all.binary_search_by(|known| (*known.source).cmp(source)) {
            Ok(at) => all.iter_mut().skip(at).take(1).for_each(|known| known.said.take(said.clone())),
            Err(at) => all.insert(at, Said { source: source.into(), said }),
        }
    }

    /// Lets the value of the first source that has one stand.
    fn settle(&mut self, name: &str, rule: &TraitRule) {
        let Some(said) = self.by_source.as_ref().and_then(|all| all.get(name)) else { return };
        let standing = first(said, rule, |_| true).or_else(|| said.iter().max_by_key(|said| said.said.at));
        if let Some(standing) = standing {
            self.known.insert(name.into(), standing.said.clone());
        }
    }

    /// The same for every trait whose sources are ranked, after two histories became one.
    pub fn settle_all<'r>(&mut self, rule: impl Fn(&str) -> Option<&'r TraitRule>) {
        let names: Vec<CompactString> = self.by_source.iter().flat_map(|all| all.keys()).cloned().collect();
        for name in names {
            match rule(&name).filter(|rule| rule.keeps_sources()) {
                Some(rule) => self.settle(&name, rule),
                None => self.forget_sources(&name),
            }
        }
    }

    fn forget_sources(&mut self, name: &str) {
        if let Some(all) = &mut self.by_source {
            all.remove(name);
            if all.is_empty() {
                self.by_source = None;
            }
        }
    }

    /// Keeps at most [`MAX_TRAITS`], of which those that `wanted` names stay, and of the others the names that come first; and
    /// no more than `max_bytes` of them all, where the largest leave, and those that are wanted last. What a public source said
    /// leaves before what a server did. Returns how many had to leave.
    pub fn keep(&mut self, max_bytes: usize, wanted: impl Fn(&str) -> bool) -> usize {
        let mut leaving = Vec::new();
        let excess = self.known.len().saturating_sub(MAX_TRAITS);
        if excess > 0 {
            let mut others: Vec<_> = self.known.iter().rev().filter(|(name, _)| !wanted(name)).collect();
            others.sort_by_key(|(_, known)| known.trust);
            leaving.extend(others.into_iter().take(excess).map(|(name, _)| name.clone()));
            leaving.iter().for_each(|name| self.leave(name));
        }
        let mut excess = self.used_bytes().saturating_sub(max_bytes);
        if excess > 0 {
            let order = |(name, known): (&CompactString, &Trait)| {
                ((wanted(name), known.trust, Reverse(self.cost(name, known))), name.clone())
            };
            let mut in_order: Vec<_> = self.known.iter().map(order).collect();
            in_order.sort_unstable();
            for ((.., Reverse(bytes)), name) in in_order {
                if excess == 0 {
                    break;
                }
                excess = excess.saturating_sub(bytes);
                self.leave(&name);
                leaving.push(name);
            }
        }
        leaving.len()
    }

    fn leave(&mut self, name: &str) {
        self.known.remove(name);
        self.forget_sources(name);
    }

    /// The value of a trait; `None` when it is unknown or was taken away.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.known.get(name).map(|known| &known.value).filter(|value| !value.is_null())
    }

    /// What was said of a trait: by each source, where sources are ranked, else by whoever said it last.
    pub fn said(&self, name: &str) -> (Option<&Trait>, &[Said]) {
        let by_source = self.by_source.as_ref().and_then(|all| all.get(name));
        (self.known.get(name), by_source.map_or(&[], Vec::as_slice))
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
        self.known.iter().map(|(name, known)| (&**name, &known.value)).filter(|(_, value)| !value.is_null())
    }

    /// Whether nothing was ever said; a trait that was taken away counts as said.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// About how many bytes they take in memory.
    pub(super) fn bytes(&self) -> usize {
        let unused = room(self.known.len()).saturating_sub(self.known.len()) * size_of::<(CompactString, Trait)>();
        unused + self.used_bytes()
    }

    fn used_bytes(&self) -> usize {
        self.known.iter().map(|(name, known)| self.cost(name, known)).sum()
    }

    /// About how many bytes one trait takes, with what each source said of it.
    fn cost(&self, name: &CompactString, known: &Trait) -> usize {
        let said = |said: &Said| size_of::<Said>() + said.source.len() + heap_bytes(&said.said.value);
        let of = |name: &CompactString| size_of::<CompactString>() + name.len().saturating_sub(24);
        let by_source = self.by_source.as_ref().and_then(|all| all.get(name));
        let by_source =
            by_source.map_or(0, |all| of(name) + size_of::<Vec<Said>>() + all.iter().map(said).sum::<usize>());
        of(name) + size_of::<Trait>() + heap_bytes(&known.value) + by_source
    }

    /// Takes in the traits of another history; of each the newer value stands, or else see [`Self::settle_all`].
    pub fn merge(&mut self, other: &Self) {
        for (name, theirs) in other.by_source.iter().flat_map(|all| all.iter()) {
            theirs.iter().for_each(|Said { source, said }| self.hear(name, source, said.clone()));
        }
        for (name, theirs) in other.known.iter() {
            let ranked = |traits: &Self| traits.by_source.as_ref().is_some_and(|all| all.get(name).is_some());
            if ranked(self) && !ranked(other) {
                self.hear(name, "", theirs.clone());
            }
            self.set(name, theirs.clone());
        }
    }
}

impl Trait {
    /// Of two values that were said at the same time the one whose JSON is greater stands, whichever came first.
    fn take(&mut self, said: Self) {
        match (self.trust, self.at).cmp(&(said.trust, said.at)) {
            Ordering::Greater => {}
            Ordering::Equal if outweighs(&self.value, &said.value) => {}
            Ordering::Equal | Ordering::Less => *self = said,
        }
    }
}

/// The value that stands as of `now`, and the source that said it; empty where several are not told apart. `known` and `said` are what
/// [`Traits::said`] returns.
pub fn standing<'s>(
    known: Option<&'s Trait>,
    said: &'s [Said],
    rule: Option<&TraitRule>,
    now: Millis,
) -> Option<(&'s str, &'s Trait)> {
    let stale = rule.and_then(|rule| rule.stale);
    let is_fresh = |said: &Trait| stale.is_none_or(|stale| now.since(said.at) <= stale);
    match rule {
        Some(rule) if !said.is_empty() && rule.keeps_sources() => {
            first(said, rule, is_fresh).map(|Said { source, said }| (&**source, said))
        }
        _ => {
            let known = known.or_else(|| said.first().map(|said| &said.said));
            known.filter(|known| !known.value.is_null() && is_fresh(known)).map(|known| ("", known))
        }
    }
}

/// When the next of its values goes stale, after `now`.
pub fn goes_stale(known: Option<&Trait>, said: &[Said], rule: &TraitRule, now: Millis) -> Option<Millis> {
    let stale = rule.stale?;
    let values = known.into_iter().chain(said.iter().map(|said| &said.said)).filter(|said| !said.value.is_null());
    values.map(|said| said.at.plus(stale).plus(1)).filter(|at| *at > now).min()
}

/// Of what was said, that of the first source that has a value and passes: servers before public sources, then in the rule's order.
pub fn first<'s>(said: &'s [Said], rule: &TraitRule, passes: impl Fn(&Trait) -> bool) -> Option<&'s Said> {
    let known = said.iter().filter(|said| !said.said.value.is_null() && passes(&said.said));
    known.max_by_key(|Said { source, said }| (said.trust, Reverse(rule.rank(source)), said.at))
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

    fn saying(source: &'static str, at: i64, trust: Trust) -> Saying<'static> {
        let source: &SourceName = Box::leak(Box::new(SourceName::new(source)));
        Saying { source, at: Millis(at), trust }
    }

    fn learned(calls: &[(i64, Value)]) -> Traits {
        let mut traits = Traits::default();
        for (at, said) in calls {
            traits.learn(said.as_object().expect("traits are an object"), saying("app", *at, Trust::Public), |_| None);
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
        assert_eq!(traits.known.len(), MAX_TRAITS);
        assert_eq!((traits.text("zz_plan"), traits.get("n0000")), (Some("free"), Some(&json!(0))));
        assert_eq!(traits.keep(MAX_TRAITS_BYTES, |_| false), 0, "there is room now");
    }

    #[test]
    fn more_that_is_read_than_there_is_room_for_stays() {
        let mut traits = learned(&[(1, (0..MAX_TRAITS + 5).map(|n| (format!("n{n}"), json!(n))).collect())]);
        assert_eq!((traits.keep(MAX_TRAITS_BYTES, |_| true), traits.known.len()), (0, MAX_TRAITS + 5));
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
        traits.learn(&said(500..520), saying("app", 1, Trust::Server), |_| None);
        traits.learn(&said(0..MAX_TRAITS), saying("app", 2, Trust::Public), |_| None);
        assert_eq!(traits.keep(1 << 20, |_| false), 20);
        assert!(traits.keep(8 * 1_024, |_| false) > 0);
        assert!((500..520).all(|n| traits.get(&format!("n{n:04}")).is_some()));
    }

    fn ranked() -> TraitRule {
        TraitRule { sources: ["crm", "clearbit", "app"].map(SourceName::new).into(), stale: None }
    }

    /// What ranked sources said: the source, when, and the number of employees.
    fn said(calls: &[(&'static str, i64, Value)]) -> Traits {
        let rule = ranked();
        let mut traits = Traits::default();
        for (source, at, employees) in calls {
            let said = json!({ "employees": employees });
            let trust = if *source == "app" { Trust::Public } else { Trust::Server };
            traits.learn(said.as_object().expect("traits"), saying(source, *at, trust), |_| Some(&rule));
        }
        traits
    }

    #[test]
    fn the_first_source_that_has_a_value_is_believed() {
        let employees = |calls: &[_]| said(calls).get("employees").cloned();
        assert_eq!(employees(&[("clearbit", 5, json!(60)), ("crm", 1, json!(51))]), Some(json!(51)));
        assert_eq!(
            employees(&[("crm", 1, json!(51)), ("clearbit", 5, json!(60)), ("app", 9, json!(3))]),
            Some(json!(51))
        );
        assert_eq!(employees(&[("crm", 1, json!(51)), ("app", 9, json!(3)), ("crm", 2, json!(null))]), Some(json!(3)));
        assert_eq!(employees(&[("crm", 1, json!(51)), ("crm", 2, json!(null))]), None);
        assert_eq!(employees(&[("crm", 2, json!(52)), ("crm", 1, json!(51))]), Some(json!(52)));
    }

    #[test]
    fn a_public_source_stands_behind_servers_wherever_it_is_named() {
        let rule = TraitRule { sources: ["app", "crm"].map(SourceName::new).into(), stale: None };
        let mut traits = Traits::default();
        let of = |employees: i32| json!({ "employees": employees }).as_object().cloned().expect("traits");
        traits.learn(&of(51), saying("crm", 1, Trust::Server), |_| Some(&rule));
        traits.learn(&of(3), saying("app", 2, Trust::Public), |_| Some(&rule));
        assert_eq!(traits.get("employees"), Some(&json!(51)));
    }

    #[test]
    fn what_was_known_before_sources_were_ranked_stands_until_one_of_them_says_more() {
        let rule = ranked();
        let mut traits = learned(&[(7, json!({ "employees": 9 }))]);
        let of = |employees: Value| json!({ "employees": employees }).as_object().cloned().expect("traits");
        traits.learn(&of(json!(60)), saying("app", 3, Trust::Public), |_| Some(&rule));
        assert_eq!(traits.get("employees"), Some(&json!(60)));
        traits.learn(&of(json!(null)), saying("app", 4, Trust::Public), |_| Some(&rule));
        assert_eq!(traits.get("employees"), Some(&json!(9)));
        traits.learn(&of(json!(70)), saying("app", 8, Trust::Public), |_| None);
        assert_eq!(
            (traits.get("employees"), &traits.by_source),
            (Some(&json!(70)), &None),
            "they are ranked no longer"
        );
    }

    proptest! {
        #[test]
        fn ranked_sources_say_the_same_in_any_order(
            calls in proptest::collection::vec(
                (0..3_usize, 0..4_i64, prop_oneof![Just(json!(null)), (0..9).prop_map(|n| json!(n))]), 0..12),
            split in 0..12_usize,
        ) {
            let calls: Vec<_> = calls.into_iter().map(|(source, at, n)| (["crm", "clearbit", "app"][source], at, n)).collect();
            let forward = said(&calls);
            let backward: Vec<_> = calls.iter().rev().cloned().collect();
            let backward = said(&backward);
            prop_assert_eq!(backward.get("employees"), forward.get("employees"));
            let (left, right) = calls.split_at(split.min(calls.len()));
            let rule = ranked();
            let mut merged = said(left);
            merged.merge(&said(right));
            merged.settle_all(|_| Some(&rule));
            prop_assert_eq!(merged.get("employees"), forward.get("employees"));
            prop_assert_eq!(&merged.by_source, &forward.by_source);
        }
    }

    #[test]
    fn traits_without_ranked_sources_cost_what_they_cost() {
        assert_eq!(size_of::<Traits>(), size_of::<LiteMap<CompactString, Trait>>() + 8);
        assert_eq!(learned(&[(1, json!({ "plan": "pro" }))]).by_source, None);
    }

    #[test]
    fn what_is_stale_gives_way_to_the_next_source_and_the_moment_is_known() {
        let rule = TraitRule { stale: Some(10), ..ranked() };
        let traits = said(&[("crm", 1, json!(51)), ("clearbit", 5, json!(60))]);
        let at = |now| {
            let (known, said) = traits.said("employees");
            let found =
                standing(known, said, Some(&rule), Millis(now)).map(|(source, said)| (source, said.value.clone()));
            (found, goes_stale(known, said, &rule, Millis(now)).map(|at| at.0))
        };
        assert_eq!(at(11), (Some(("crm", json!(51))), Some(12)));
        assert_eq!(at(12), (Some(("clearbit", json!(60))), Some(16)));
        assert_eq!(at(16), (None, None));
        let alone = TraitRule { sources: Box::default(), stale: Some(10) };
        let plain = learned(&[(1, json!({ "plan": "pro" }))]);
        let (known, said) = plain.said("plan");
        let stands = |now| standing(known, said, Some(&alone), Millis(now)).is_some();
        assert_eq!((stands(11), stands(12)), (true, false));
        assert_eq!(goes_stale(known, said, &alone, Millis(1)), Some(Millis(12)));
    }
}
