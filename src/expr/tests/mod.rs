//! A product to write conditions about, and facts given as JSON.

mod blocks;
mod diagnostics;
mod differential;
mod documented;
mod exercise;
mod explained;
mod hostile;
mod next_change;
mod readings;
mod requirements;
mod semantics;
mod signals;
mod three_values;
mod why;

use serde_json::{Map, Value as Json};

use super::coerce::time_from_text;
use super::length::duration_from_text;
use super::number::exact_number;
use super::*;
use crate::ids::CounterId;
use crate::time::Millis;

/// 2026-11-21T09:30:00Z
pub(super) const NOW: Millis = Millis(1_795_253_400_000);

const COUNTERS: &[(&str, TraitOf, Figures)] = &[
    ("tasks_30d", TraitOf::Account, Figures::Added),
    ("invited_30d", TraitOf::Account, Figures::Added),
    ("daily_users", TraitOf::Account, Figures::Added),
    ("boards", TraitOf::Account, Figures::Added),
    ("api_calls_30d", TraitOf::Account, Figures::Added),
    ("numbers_bought", TraitOf::Account, Figures::Added),
    ("seats_used", TraitOf::Account, Figures::Added),
    ("hours_logged", TraitOf::User, Figures::Added),
    ("invites_tried", TraitOf::User, Figures::Added),
    ("exports", TraitOf::User, Figures::Added),
    ("people", TraitOf::Account, Figures::Distinct),
    ("days", TraitOf::Account, Figures::Days),
    ("path", TraitOf::User, Figures::Steps),
];

/// Everything that a definition may read, and the lead besides.
pub(super) fn scope() -> Scope {
    let counters = COUNTERS.iter().enumerate().map(|(at, (name, of, figures))| {
        let id = CounterId(u16::try_from(at).unwrap());
        (Arc::from(*name), Readable { id, of: *of, figures: *figures })
    });
    let traits = |list: &[(&str, Type)]| Some(list.iter().map(|(name, ty)| (Box::from(*name), ty.clone())).collect());
    Scope {
        counters: counters.collect(),
        user_traits: traits(&[
            ("title", Type::Text),
            ("email", Type::Text),
            ("created_at", Type::Time),
            ("verified", Type::Bool),
            ("tags", Type::List(Box::new(Type::Text))),
            ("company", Type::Any),
            ("age", Type::Number),
        ]),
        account_traits: traits(&[
            ("plan", Type::Text),
            ("industry", Type::Text),
            ("employees", Type::Band),
            ("seats_limit", Type::Number),
            ("country", Type::Word(Vocabulary::Country)),
            ("sector", Type::Word(Vocabulary::Choice(["legal", "Real Estate"].map(Box::from).into()))),
            ("budget", Type::Money),
            ("trial_ends_at", Type::Time),
            ("paying", Type::Bool),
            ("address", Type::Any),
            ("vat.id", Type::Text),
        ]),
        trait_rules: BTreeMap::new(),
        event: true,
        flags: true,
        lead: true,
        ..Scope::default()
    }
}

/// Facts written as JSON: `{"tasks_30d": 48, "account.plan": "free", "event": {"name": …}, "intent": true}`.
pub(super) struct Sample(pub Map<String, Json>);

impl Sample {
    pub(super) fn of(json: Json) -> Self {
        match json {
            Json::Object(map) => Self(map),
            other => panic!("facts are an object, not {other}"),
        }
    }

    /// [`NOW`], unless it is said otherwise.
    fn now(&self) -> Millis {
        self.0.get("now").and_then(Json::as_i64).map_or(NOW, Millis)
    }

    fn get(&self, key: &str) -> Value<'_> {
        self.0.get(key).map_or(Value::Unknown, Value::from_json)
    }
}

impl Facts for Sample {
    fn read<'a>(&'a self, slot: &Slot) -> Value<'a> {
        let name = |of: &TraitOf| if *of == TraitOf::User { "user" } else { "account" };
        let time = |value: Value<'a>| match value {
            Value::Text(text) => time_from_text(&text).map_or(Value::Unknown, Value::Time),
            other => other,
        };
        match slot {
            Slot::Counter(id, reading) => {
                let counter = COUNTERS[usize::from(id.0)].0;
                match reading {
                    Reading::Own => self.get(counter),
                    Reading::FirstAt => time(self.get(&format!("{counter}.first_at"))),
                    Reading::LastAt => time(self.get(&format!("{counter}.last_at"))),
                    other => self.get(&format!("{counter} {other:?}")),
                }
            }
            Slot::Trait { of, path, .. } => self
                .0
                .get(&format!("{}.{}", name(of), path[0]))
                .and_then(|value| path[1..].iter().try_fold(value, |value, step| value.get(step.as_ref())))
                .map_or(Value::Unknown, Value::from_json),
            Slot::About { of, name: of_trait, what, .. } => {
                let what = if *what == AboutTrait::At { "at" } else { "source" };
                time(self.get(&format!("{}.{of_trait}.{what}", name(of))))
            }
            Slot::Id(of) => self.get(&format!("{}.id", name(of))),
            Slot::FirstSeen(of) => time(self.get(&format!("{}.first_seen", name(of)))),
            Slot::LastSeen(of) => time(self.get(&format!("{}.last_seen", name(of)))),
            Slot::Event(path) => {
                self.0.get("event").and_then(Json::as_object).map_or(Value::Unknown, |map| Value::at_path(map, path))
            }
            Slot::Lead(path) => {
                self.0.get("lead").and_then(Json::as_object).map_or(Value::Unknown, |map| Value::at_path(map, path))
            }
            Slot::Intent => self.get("intent"),
            Slot::Fit => self.get("fit"),
            Slot::Now => Value::Time(self.now()),
            Slot::Members(members) => self.get(&format!("members {:?}", members.how)),
            Slot::MemberEvents => self.get("events"),
            Slot::Signal(signal, Aspect::Value) => signal.value(self),
            Slot::Signal(signal, Aspect::Since) => time(self.get(&format!("{signal}.since"))),
            Slot::Signal(signal, Aspect::Times) => self.get(&format!("{signal}.times")),
        }
    }
}

impl Around for Sample {
    fn at(&self, now: Millis) -> Self {
        let mut facts = self.0.clone();
        facts.insert("now".to_owned(), Json::from(now.0));
        Self(facts)
    }

    fn behind(&self, _: &Slot) -> Option<&[Expr]> {
        None
    }
}

pub(super) fn compiled(source: &str) -> Expr {
    compile(source, &scope()).unwrap_or_else(|errors| panic!("{}", rendered(source, &errors)))
}

pub(super) fn test(source: &str, facts: Json) -> Option<bool> {
    let expr = compiled(source);
    let facts = Sample::of(facts);
    let met = expr.test(&facts);
    assert_eq!(expr.explain(&facts).met, met, "`{source}` is explained as it is decided");
    assert_eq!(expr.why(&facts).met, met == Some(true), "`{source}` has reasons as it is decided");
    if let Some(constant) = expr.constant() {
        assert_eq!(met, Some(constant), "`{source}` is constant");
    }
    met
}

pub(super) fn rendered(source: &str, errors: &[ExprError]) -> String {
    errors.iter().map(|error| error.render(source)).collect::<Vec<_>>().join("\n")
}

pub(super) fn snapshot(name: &str, text: &str) {
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, text);
    });
}
