//! What is true of a subject, each thing as a phrase.

use serde_json::Value as Json;

use super::counter;
use super::named::{asked, date, event_words, round, value, words};
use crate::expr::{
    AboutTrait, Aspect, Facts as _, Ground, Meaning, MembersHow, Signal, Slot, Type, Value, Why, value_json,
};
use crate::ids::SubjectKind;
use crate::qualify::{Definition, View};
use crate::time::Millis;

/// So much of what is true is told.
const MOST_FACTS: usize = 20;
/// So many lines of a score are named.
const MOST_LINES: usize = 3;

/// Something that is true of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is, as a phrase: `12 tasks created in the last 30 days`.
    pub text: String,
    /// Whether it says what somebody does, and not who they are.
    pub is_usage: bool,
}

/// What a subject qualifies by, each thing once.
pub fn facts(why: &Why, definition: &Definition, view: &View<'_>) -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::new();
    for ground in &why.grounds {
        let told = fact(ground, definition.of, view);
        if let Some(told) = told.filter(|told| facts.len() < MOST_FACTS && !facts.contains(told)) {
            facts.push(told);
        }
    }
    facts
}

fn fact(ground: &Ground, of: SubjectKind, view: &View<'_>) -> Option<Fact> {
    let is_timed = ground.slots.contains(&Slot::Now);
    let named: Vec<&Slot> = ground.slots.iter().filter(|slot| **slot != Slot::Now).collect();
    let is_usage = is_timed
        || named
            .iter()
            .any(|slot| matches!(slot, Slot::Counter(..) | Slot::Signal(..) | Slot::Members(_) | Slot::Event(_)));
    let text = match named.as_slice() {
        [] => return None,
        [slot] => one(slot, ground, Some(of), view),
        _ => None,
    };
    let observed = &ground.observed;
    Some(Fact { text: text.unwrap_or_else(|| format!("{} is {}", observed.what, value(&observed.value))), is_usage })
}

/// What a comparison that reads one name alone says of a subject of that kind; `None`: of whoever it is about.
pub(super) fn one(slot: &Slot, ground: &Ground, of: Option<SubjectKind>, view: &View<'_>) -> Option<String> {
    match slot {
        Slot::Counter(id, reading) => {
            let (counter, _) = view.plan.counter(*id)?;
            counter::phrase(counter, *reading, &view.figure(*id, *reading))
        }
        Slot::Signal(signal, aspect) => self::signal(slot, signal, *aspect, view),
        Slot::Members(members) => {
            let asked = asked(members);
            Some(match (members.how, view.read(slot)) {
                (MembersHow::Count, Value::Number(1.0)) => format!("1 member: {asked}"),
                (MembersHow::Count, Value::Number(number)) => format!("{} members: {asked}", round(number)),
                (MembersHow::Exists, Value::Bool(true)) => format!("at least one member: {asked}"),
                (MembersHow::Exists, _) => format!("no member: {asked}"),
                (MembersHow::All, Value::Bool(true)) => format!("all members: {asked}"),
                (MembersHow::All | MembersHow::Count, _) => format!("not all members: {asked}"),
            })
        }
        Slot::Trait { path, ty, .. } => Some(said(&path.join("."), ty, slot, ground, of, view)),
        Slot::About { name, what: AboutTrait::Source, .. } => {
            Some(format!("{} said by {}", words(name), value(&ground.observed.value)))
        }
        Slot::About { name, what: AboutTrait::At, .. } => moment(slot, view, &format!("{} said", words(name))),
        Slot::FirstSeen(_) => moment(slot, view, "first seen"),
        Slot::LastSeen(_) => moment(slot, view, "last seen"),
        Slot::Event(path) => match &**path {
            [name] if **name == *"name" => Some(format!("event {}", value(&ground.observed.value))),
            path => path.last().map(|name| format!("{} is {}", words(name), value(&ground.observed.value))),
        },
        // What members tell stands for itself (see `Slot::Members`).
        Slot::MemberEvents | Slot::Id(_) | Slot::Lead(_) | Slot::Intent | Slot::Fit | Slot::Now => None,
    }
}

fn moment(slot: &Slot, view: &View<'_>, what: &str) -> Option<String> {
    let Value::Time(at) = view.read(slot) else { return None };
    Some(format!("{what} on {}", date(at)))
}

/// `plan is free`; of the account of a user, `the account’s plan is free`.
fn said(name: &str, ty: &Type, slot: &Slot, ground: &Ground, of: Option<SubjectKind>, view: &View<'_>) -> String {
    let is_others = of == Some(SubjectKind::User) && matches!(slot, Slot::Trait { of: SubjectKind::Account, .. });
    let whose = if is_others { "the account’s " } else { "" };
    let raw = view.read(slot);
    if *ty == Type::Time
        && let Some(at) = moment_of(&raw)
    {
        return format!("{whose}{} on {}", event_words(name), date(at));
    }
    // What is compared with a moment, or with something that is no value of its own, is told as it came.
    let seen = match &ground.observed.value {
        _ if ground.slots.contains(&Slot::Now) => value_json(&raw),
        seen => seen.clone(),
    };
    match seen {
        Json::Bool(true) => format!("{whose}{}", words(name)),
        Json::Bool(false) => format!("not {whose}{}", words(name)),
        Json::Null => format!("{whose}{} is not known", words(name)),
        seen => format!("{whose}{} is {}", words(name), value(&seen)),
    }
}

/// The moment that a value is, as traits say it.
fn moment_of(raw: &Value<'_>) -> Option<Millis> {
    match raw {
        Value::Time(at) => Some(*at),
        Value::Text(text) => Millis::parse(text),
        _ => None,
    }
}

fn signal(slot: &Slot, signal: &Signal, aspect: Aspect, view: &View<'_>) -> Option<String> {
    let name = signal.label.as_deref().map_or_else(|| words(&signal.name), str::to_owned);
    match (aspect, signal.value(view), &signal.meaning) {
        (Aspect::Since | Aspect::Times, ..) => match view.read(slot) {
            Value::Time(since) => Some(format!("{name} since {}", date(since))),
            Value::Number(1.0) => Some(format!("{name} once")),
            Value::Number(times) => Some(format!("{name} {} times", round(times))),
            _ => None,
        },
        (Aspect::Value, Value::Bool(true), _) => Some(name),
        (Aspect::Value, Value::Bool(false), _) => Some(format!("not {name}")),
        (Aspect::Value, Value::Number(number), Meaning::Points(lines)) => {
            let mut given: Vec<(f64, &str)> = lines
                .iter()
                .filter_map(|line| Some((line.given(view)?.1, line.label.as_deref()?)))
                .filter(|(points, _)| *points > 0.0)
                .collect();
            given.sort_by(|(one, _), (other, _)| other.total_cmp(one));
            let lines = given.into_iter().take(MOST_LINES).map(|(_, label)| label).collect::<Vec<_>>().join(", ");
            let told = format!("{name} is {}", round(number));
            Some(if lines.is_empty() { told } else { format!("{told} ({lines})") })
        }
        (Aspect::Value, said, _) => Some(format!("{name} is {}", value(&value_json(&said)))),
    }
}
