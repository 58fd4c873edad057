//! What an expression reads and what it yields.

use std::borrow::Cow;
use std::sync::Arc;

use crate::counters::CounterId;
use crate::time::Millis;

/// The types that the checker knows. `Any` is the type of an event property that nobody declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    Bool,
    /// All numbers are `f64`: `50` and `50.0` are the same.
    Number,
    Text,
    Time,
    List(Box<Type>),
    Any,
}

/// Whose trait or counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TraitOf {
    User,
    Account,
}

/// A resolved name: what an expression asks its [`Facts`] for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// A counter of the subject that it was declared for.
    Counter(CounterId),
    /// `user.<path>` or `account.<path>`: a trait, its first step in canonical form (see `identity::traits`), and the type
    /// that was declared for it.
    Trait {
        of: TraitOf,
        path: Arc<[Box<str>]>,
        ty: Type,
    },
    /// `user.id` or `account.id`.
    Id(TraitOf),
    /// `user.first_seen`, `account.last_seen`, …
    FirstSeen(TraitOf),
    LastSeen(TraitOf),
    /// `event.name`, `event.type`, `event.source` (one step), `event.properties.<path>`, `event.traits.<path>`.
    /// Within a counter's filter, `properties.<path>` is short for `event.properties.<path>`.
    Event(Arc<[Box<str>]>),
    /// `lead.tier`, `lead.definition`, `lead.of`, … (routes and templates only).
    Lead(Arc<[Box<str>]>),
    /// `intent`: all intent conditions of the definition are true.
    Intent,
    /// `fit`: all fit conditions of the definition are true.
    Fit,
    /// `now`.
    Now,
}

/// A value while an expression is evaluated. Borrowed wherever possible.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Not known: neither true nor false.
    Unknown,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    Time(Millis),
    List(Cow<'a, [Value<'a>]>),
    /// A JSON object or array from an event or a trait.
    Json(&'a serde_json::Value),
}

/// What an expression is evaluated over.
pub trait Facts {
    /// The value of a name; [`Value::Unknown`] when it is absent.
    fn read<'a>(&'a self, slot: &Slot) -> Value<'a>;
}
