//! What templates may name: a sample of each trait, figure and signal that leads of a configuration hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::counters::Counters;
use super::traits::Traits;
use crate::crm::Known;
use crate::expr::{Figures, Signal, Type, Vocabulary};

/// A moment as it is sent.
const MOMENT: &str = "2026-11-21T09:30:00Z";

/// Everything that is declared, with a value of its type. What `broken` names is declared as well, and may be anything: what is wrong
/// with it is said where it stands.
pub fn nameable(counters: &Counters, traits: &Traits, signals: &[Arc<Signal>], broken: &[Arc<str>]) -> Known {
    let of = |types: &BTreeMap<Box<str>, Type>| {
        types.iter().filter_map(|(name, ty)| Some((name.to_string(), of_name(name).or_else(|| sample(ty))?))).collect()
    };
    let anything = || broken.iter().map(|name| (name.to_string(), Value::Null));
    let figures = counters.compiled.iter().map(|counter| {
        let sample = if counter.aggregate.figures() == Figures::Told { json!("sample") } else { json!(12) };
        (counter.name.to_string(), sample)
    });
    let said = signals.iter().map(|signal| (signal.name.to_string(), sample(&signal.ty()).unwrap_or_default()));
    Known {
        user: of(&traits.user),
        account: of(&traits.account),
        usage: anything().chain(figures).collect(),
        signals: anything().chain(said).collect(),
    }
}

/// The objects of the Segment spec.
fn of_name(name: &str) -> Option<Value> {
    match name {
        "address" => {
            Some(json!({ "city": "sample", "country": "DE", "postalCode": "1", "state": "sample", "street": "sample" }))
        }
        "company" => {
            Some(json!({ "id": "1", "name": "sample", "industry": "sample", "employee_count": 640, "plan": "sample" }))
        }
        _ => None,
    }
}

/// `None` for what may be an object, of which nobody knows what is in it.
fn sample(ty: &Type) -> Option<Value> {
    Some(match ty {
        Type::Bool => json!(true),
        Type::Number | Type::Band => json!(640),
        Type::Money => json!(40_000),
        Type::Time => json!(MOMENT),
        Type::Word(Vocabulary::Country) => json!("DE"),
        Type::Word(Vocabulary::Choice(words)) => json!(words.first()?),
        Type::List(of) => json!([sample(of).unwrap_or_else(|| json!("sample"))]),
        Type::Text => json!("sample"),
        Type::Any => return None,
    })
}
