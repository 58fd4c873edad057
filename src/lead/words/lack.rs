//! What a subject lacks to qualify, each thing as a phrase that says how to come by it.

use serde_json::Value as Json;

use super::named::{asked, event_words, round, value, whose, written};
use super::{counter, fact};
use crate::expr::{Facts as _, Ground, MembersHow, Observation, Slot, Value, Why, number_json};
use crate::lead::explain::{Missing, MissingKind};
use crate::qualify::{View, Who};
use crate::time::Millis;

/// So much of what is lacking is told.
const MOST: usize = 20;

/// How what an event must be begins.
const EVENT: &str = "an event with ";

/// All that lacks for the nearest way to qualify, each thing once; none where somebody qualifies, or never can.
pub fn missing(why: &Why, view: &View<'_>) -> Vec<Missing> {
    let mut all: Vec<Missing> = Vec::new();
    for ground in why.grounds.iter().filter(|_| !why.met) {
        let one = lack(ground, view);
        if all.len() < MOST && !all.contains(&one) {
            all.push(one);
        }
    }
    all
}

/// What is missing, as one sentence. What has to be true of one event is said of one.
pub fn in_one_sentence(missing: &[Missing]) -> Option<String> {
    let texts: Vec<&str> = missing.iter().map(|one| &*one.text).collect();
    (!texts.is_empty()).then(|| texts.join(", and ").replace(&format!(", and {EVENT}"), " and "))
}

fn lack(ground: &Ground, view: &View<'_>) -> Missing {
    let observed = &ground.observed;
    let (kind, text) = match ground.at {
        Some(at) => (MissingKind::Time, by_time(ground, at, view)),
        None => without_time(ground, view),
    };
    let gap = observed.value.as_f64().zip(ground.enough).map(|(value, enough)| (enough - value).abs());
    Missing {
        what: observed.what.clone(),
        operator: observed.operator.clone(),
        value: observed.value.clone(),
        threshold: observed.threshold.clone(),
        kind,
        enough: ground.enough.map(number_json),
        gap: gap.map(number_json),
        at: ground.at.map(Millis::rfc3339),
        text,
    }
}

/// `trial ends in 3 days (2026-11-24)`, or what would do and when that comes by itself.
fn by_time(ground: &Ground, at: Millis, view: &View<'_>) -> String {
    let when = format!("in {} ({})", length(at.since(view.now)), at.rfc3339().get(..10).unwrap_or_default());
    let others = || ground.slots.iter().filter(|slot| **slot != Slot::Now);
    let is_moment = |slot: &&Slot| match view.read(slot) {
        Value::Time(moment) => (at.since(moment)).abs() <= Millis::SECOND,
        Value::Text(text) => Millis::parse(&text).is_some_and(|moment| at.since(moment).abs() <= Millis::SECOND),
        _ => false,
    };
    if let Some(Slot::Trait { path, .. }) = others().find(is_moment) {
        return format!("{} {when}", event_words(&path.join(".")));
    }
    let found = match others().collect::<Vec<_>>().as_slice() {
        [slot] if ground.slots.contains(&Slot::Now) => fact::one(slot, ground, None, view),
        _ => None,
    };
    let is_timed = ground.slots.contains(&Slot::Now);
    let told = || if is_timed { condition(&ground.observed) } else { without_time(ground, view).1 };
    let found = found.unwrap_or_else(told);
    format!("{found}; time alone will do {when}")
}

/// `3 days`, to the unit that a person would say.
fn length(ms: i64) -> String {
    let (count, unit) = match ms {
        ms if ms >= 2 * Millis::DAY => (ms / Millis::DAY, "day"),
        ms if ms >= 2 * Millis::HOUR => (ms / Millis::HOUR, "hour"),
        ms if ms >= Millis::MINUTE => (ms / Millis::MINUTE, "minute"),
        ms => (ms / Millis::SECOND, "second"),
    };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

/// A comparison as written, the threshold as it is now.
fn condition(observed: &Observation) -> String {
    match &observed.threshold {
        Json::Null => format!("{} {}", observed.operator, observed.what),
        threshold => format!("{} {} {}", observed.what, observed.operator, value(threshold)),
    }
}

fn without_time(ground: &Ground, view: &View<'_>) -> (MissingKind, String) {
    let observed = &ground.observed;
    if let Some(event) = ground.slots.iter().find(|slot| matches!(slot, Slot::Event(_))) {
        let at_hand = view.read(event) != Value::Unknown;
        if !at_hand {
            return (MissingKind::Event, format!("{EVENT}{}", condition(observed)));
        }
    }
    if let ([Slot::Members(members)], true) = (ground.slots.as_slice(), ground.is_plain) {
        return members_text(members.how, &asked(members), ground);
    }
    let asks_if_known = ground.is_plain && observed.value == Json::Null && observed.threshold == Json::Null;
    if observed.met.is_none() || (asks_if_known && ["has", "!="].contains(&&*observed.operator)) {
        return (MissingKind::Unknown, unknown(ground, view));
    }
    match (observed.value.as_f64(), observed.threshold.as_f64()) {
        (Some(number), Some(_)) => figure(ground, number, view),
        _ => (
            MissingKind::Value,
            format!("{} is {}; {}", observed.what, value(&observed.value), would_do(observed, None)),
        ),
    }
}

fn members_text(how: MembersHow, asked: &str, ground: &Ground) -> (MissingKind, String) {
    let observed = &ground.observed;
    match (how, observed.value.as_f64(), ground.enough) {
        (MembersHow::Count, Some(number), Some(enough)) if enough > number => {
            (MissingKind::More, format!("{} of whom it is true: {asked}", members(enough - number)))
        }
        (MembersHow::Count, ..) => (
            MissingKind::Fewer,
            format!("it is true of {} members: {asked}; {}", value(&observed.value), would_do(observed, ground.enough)),
        ),
        (MembersHow::Exists, ..) if observed.operator == "is" => {
            (MissingKind::More, format!("a member of whom it is true: {asked}"))
        }
        (MembersHow::Exists, ..) => (MissingKind::Fewer, format!("it is true of a member: {asked}")),
        (MembersHow::All, ..) => (MissingKind::Value, format!("it is not true of all members: {asked}")),
    }
}

fn members(more: f64) -> String {
    if more == 1.0 { "1 more member".to_owned() } else { format!("{} more members", round(more)) }
}

/// `unknown: account.plan was never sent`.
fn unknown(ground: &Ground, view: &View<'_>) -> String {
    let observed = &ground.observed;
    if observed.value != Json::Null {
        return format!("{} is {}; {}", observed.what, value(&observed.value), would_do(observed, ground.enough));
    }
    let absent = |slot: &&Slot| view.read(slot) == Value::Unknown;
    let Some(slot) = ground.slots.iter().find(absent) else {
        return format!("unknown: {}", observed.what);
    };
    let name = written(slot, view.plan);
    let is_nobody = whose(slot, view.plan).is_some_and(|of| matches!(view.who(of), Who::Nobody));
    match slot {
        _ if is_nobody => format!("unknown: {name}, since no account is known"),
        Slot::Trait { rule: Some(rule), .. } if rule.stale.is_some() => {
            format!("unknown: {name} was never sent, or too long ago")
        }
        Slot::Trait { .. } | Slot::About { .. } => format!("unknown: {name} was never sent"),
        Slot::Counter(id, _) => match view.plan.counter(*id) {
            Some((counter, _)) => format!("no {} yet", counter::several(counter)),
            None => format!("unknown: {name}"),
        },
        _ => format!("unknown: {name}"),
    }
}

/// `2 more invites`, `account.employees is 180; 200 would do`.
fn figure(ground: &Ground, number: f64, view: &View<'_>) -> (MissingKind, String) {
    let observed = &ground.observed;
    let kind = match observed.operator.as_str() {
        ">" | ">=" => MissingKind::More,
        "<" | "<=" => MissingKind::Fewer,
        _ => MissingKind::Value,
    };
    let counted = match ground.slots.as_slice() {
        [Slot::Counter(id, reading)] if ground.is_plain => {
            view.plan.counter(*id).map(|(counter, _)| (counter, *id, *reading))
        }
        _ => None,
    };
    let text = match (counted, ground.enough) {
        (Some((counter, _, reading)), Some(enough)) if kind == MissingKind::More && counter.aggregate.adds_up() => {
            counter::more(counter, reading, enough - number)
        }
        (Some((counter, id, reading)), enough) => counter::phrase(counter, reading, &view.figure(id, reading))
            .map(|phrase| format!("{phrase}; {}", would_do(observed, enough))),
        (None, _) => None,
    };
    let plain = || format!("{} is {}; {}", observed.what, round(number), would_do(observed, ground.enough));
    (kind, text.unwrap_or_else(plain))
}

/// What would make a comparison true.
fn would_do(observed: &Observation, enough: Option<f64>) -> String {
    let threshold = enough.map_or_else(|| value(&observed.threshold), round);
    let what = match observed.operator.as_str() {
        "==" if observed.threshold == Json::Null => "nothing".to_owned(),
        "==" => threshold,
        "!=" => format!("anything but {threshold}"),
        ">" if enough.is_none() => format!("more than {threshold}"),
        ">" | ">=" => threshold,
        "<" if enough.is_none() => format!("less than {threshold}"),
        "<" | "<=" if threshold == "0" => threshold,
        "<" | "<=" => format!("at most {threshold}"),
        "is" => "yes".to_owned(),
        "not is" => "no".to_owned(),
        "in" => format!("one of {threshold}"),
        "not in" => format!("none of {threshold}"),
        "contains" => format!("a text with {threshold}"),
        "containsWord" | "containsAny" => format!("a text with one of {threshold}"),
        "not contains" | "not containsWord" | "not containsAny" => format!("a text without {threshold}"),
        "startsWith" => format!("a text that starts with {threshold}"),
        "endsWith" => format!("a text that ends with {threshold}"),
        "matches" => format!("a text that matches {threshold}"),
        operator => format!("{operator} {threshold}"),
    };
    format!("{what} would do")
}
