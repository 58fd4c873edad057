//! Names and values, in words.

use serde_json::Value;

use crate::counters::Plan;
use crate::event::size::cut;
use crate::expr::{AboutTrait, Aspect, Members, Slot};
use crate::ids::SubjectKind;
use crate::time::Millis;

/// So much of a text is told.
const MAX_TEXT_BYTES: usize = 80;

/// `21 Nov 2026`.
pub(super) fn date(at: Millis) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::MAX);
    at.strftime("%-d %b %Y").to_string()
}

/// `trial_ends_at` → `trial ends at`.
pub(super) fn words(name: &str) -> String {
    name.replace(['_', '.'], " ")
}

/// `trial_ends_at` → `trial ends`.
pub(super) fn event_words(name: &str) -> String {
    let name = ["_at", "_on", "_date"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    words(name)
}

/// A value without the noise: text without quotes, `yes` and `no`.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::Null => "unknown".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => cut(text, MAX_TEXT_BYTES).to_owned(),
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), round),
        Value::Array(items) => items.iter().map(self::value).collect::<Vec<_>>().join(", "),
        Value::Object(_) => cut(&value.to_string(), MAX_TEXT_BYTES).to_owned(),
    }
}

/// At most two decimals, and none where there are none.
pub(super) fn round(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A name as conditions write it.
pub(in crate::lead) fn written(slot: &Slot, plan: &Plan) -> String {
    match slot {
        Slot::Counter(id, reading) => {
            plan.counter(*id).map(|(counter, _)| format!("{}{reading}", counter.name)).unwrap_or_default()
        }
        Slot::Trait { of, path, .. } => format!("{of}.{}", path.join(".")),
        Slot::About { of, name, what: AboutTrait::At, .. } => format!("{of}.{name}.at"),
        Slot::About { of, name, what: AboutTrait::Source, .. } => format!("{of}.{name}.source"),
        Slot::Id(of) => format!("{of}.id"),
        Slot::FirstSeen(of) => format!("{of}.first_seen"),
        Slot::LastSeen(of) => format!("{of}.last_seen"),
        Slot::Event(path) => format!("event.{}", path.join(".")),
        Slot::Lead(path) => format!("lead.{}", path.join(".")),
        Slot::Intent => "intent".to_owned(),
        Slot::Fit => "fit".to_owned(),
        Slot::Now => "now".to_owned(),
        Slot::Signal(signal, Aspect::Value) => signal.name.to_string(),
        Slot::Signal(signal, Aspect::Since) => format!("{signal}.since"),
        Slot::Signal(signal, Aspect::Times) => format!("{signal}.times"),
        Slot::Members(members) => members.condition.source().to_owned(),
        Slot::MemberEvents => "m.events".to_owned(),
    }
}

/// Whose a name is, as far as it is somebody's.
pub(super) fn whose(slot: &Slot, plan: &Plan) -> Option<SubjectKind> {
    match slot {
        Slot::Counter(id, _) => plan.counter(*id).map(|(counter, _)| counter.of),
        Slot::Trait { of, .. } | Slot::About { of, .. } | Slot::Id(of) | Slot::FirstSeen(of) | Slot::LastSeen(of) => {
            Some(*of)
        }
        Slot::Signal(signal, _) => Some(signal.of),
        Slot::Members(_) => Some(SubjectKind::Account),
        Slot::MemberEvents | Slot::Event(_) | Slot::Lead(_) | Slot::Intent | Slot::Fit | Slot::Now => None,
    }
}

/// What is asked of members: the label of the signal that it is, or the condition as written.
pub(super) fn asked(members: &Members) -> String {
    let source = members.condition.source().trim();
    let mut slots = members.condition.slots();
    match (slots.next(), slots.next()) {
        (Some(Slot::Signal(signal, Aspect::Value)), None) if source.ends_with(&format!(".{signal}")) => {
            signal.label.as_deref().map_or_else(|| words(&signal.name), str::to_owned)
        }
        _ => source.to_owned(),
    }
}
