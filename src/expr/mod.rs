//! Conditions, written as in CEL: checked against what is declared, lowered to our own three-valued evaluator. Pure.
//!
//! * [`compile`] parses under our own bounds, resolves every name against a [`Scope`], infers types, and returns either an
//!   [`Expr`] or errors that point at the place in the source and say how to fix it.
//! * [`Expr::test`] is the hot path: no allocation for ordinary conditions, under 100 ns for two clauses.
//! * [`Expr::next_change`] says when the outcome may change by time alone.
//! * [`Expr::explain`] walks the same tree and keeps the observed value of every comparison; [`Expr::why`] those that the outcome
//!   rests on, or those that it lacks.
//!
//! Three values (Kleene): unknown is neither true nor false; `false && unknown` is false, `true || unknown` is true.

pub mod band;
mod check;
mod coerce;
mod compare;
pub mod country;
mod error;
mod eval;
mod explain;
mod formula;
mod length;
mod members;
mod next_change;
mod number;
pub mod reading;
mod signal;
mod suggest;
mod syntax;
mod tree;
mod value;
mod vocabulary;
mod wakes;
mod why;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

pub use error::ExprError;
pub use formula::{Formula, compile_formula, compile_value};
pub use length::duration_text;
pub use members::{Members, MembersHow, SortKey, compile_sort_key, greatest_first, sortable};
pub use number::amount;
pub use reading::{Figures, Period, Readable, Reading, Span};
pub use signal::{Aspect, Meaning, Points, Signal, reached};
pub use syntax::{is_cut_off, split_conditions};
pub use value::{AboutTrait, Drift, Facts, MAX_TEXT_BYTES, Slot, TraitOf, TraitRule, Type, Value, Way};
pub use vocabulary::Vocabulary;
pub use wakes::Wake;
pub use why::{Around, Ground, Why};

use eval::Context;
pub(crate) use eval::{all, any as any_of};
pub(crate) use explain::{number_json, value_json};
pub(crate) use next_change::all_outlooks;
pub(crate) use suggest::closest;
use tree::Test;
pub(crate) use vocabulary::fold;

/// Which names an expression may use, and their types.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each says whether one kind of name may be read")]
pub struct Scope {
    /// Declared counters by name. Empty where counters can't be read (filters, routes).
    pub counters: BTreeMap<Arc<str>, Readable>,
    /// Declared traits by canonical name; `None` where traits of that kind can't be read.
    pub user_traits: Option<BTreeMap<Box<str>, Type>>,
    /// The same for accounts.
    pub account_traits: Option<BTreeMap<Box<str>, Type>>,
    /// What is to be heeded when a trait is read, by whose it is and its canonical name.
    pub trait_rules: BTreeMap<(TraitOf, Box<str>), Arc<TraitRule>>,
    /// Whether `event.…` and `properties.…` may be read.
    pub event: bool,
    /// Whether the flags `intent` and `fit` may be read.
    pub flags: bool,
    /// Whether `lead.…` may be read.
    pub lead: bool,
    /// Names that mean something elsewhere, and what to do about it here.
    pub unreadable: BTreeMap<Arc<str>, &'static str>,
    /// Declared signals by name.
    pub signals: BTreeMap<Arc<str>, Arc<Signal>>,
    /// Signals that are declared, and not compiled yet: reading one is an error that says so (see [`ExprError::waits_for`]).
    pub pending: BTreeSet<Arc<str>>,
    /// Whom the condition is about. One about an account reads nothing of a user, since an account has many.
    pub about: Option<TraitOf>,
    /// Whether traits are read as a lead tells them: by the value that it has, and not by who said it or when.
    pub as_told: bool,
    /// Within a condition on the members of an account: what one of them is called.
    pub member: Option<Box<str>>,
}

impl Scope {
    /// What a condition on one of the members of an account sees, who is called by that name.
    fn of_member(&self, name: &str) -> Self {
        Self {
            about: Some(TraitOf::User),
            member: Some(name.into()),
            event: false,
            flags: false,
            lead: false,
            account_traits: None,
            ..self.clone()
        }
    }
}

/// One comparison with its observed value.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema, utoipa::ToSchema)]
pub struct Observation {
    /// What was looked at, as written: `tasks_30d`.
    pub what: String,
    /// `>`, `>=`, `==`, `in`, `contains`, …
    pub operator: String,
    /// The value found; `null` when it is not known.
    pub value: serde_json::Value,
    /// What it was compared with; `null` for a bare flag.
    pub threshold: serde_json::Value,
    /// `true`, `false` or unknown (`null`).
    pub met: Option<bool>,
    /// The signal that it is a part of; absent for what the condition itself compares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
}

/// A compiled condition. Cheap to clone.
#[derive(Clone)]
pub struct Expr(Arc<Compiled>);

struct Compiled {
    source: Arc<str>,
    test: Test,
    slots: Vec<Slot>,
    constant: Option<bool>,
    weight: Weight,
}

/// What evaluating a condition may cost beyond its own comparisons: the signals that it reads, and what those read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    /// How many conditions are evaluated for one evaluation of it.
    pub conditions: u32,
    /// How many signals stand upon each other.
    pub depth: u32,
}

impl Weight {
    /// Takes in what is read beside the rest.
    pub(crate) fn add(&mut self, other: Self) {
        self.conditions = self.conditions.saturating_add(other.conditions);
        self.depth = self.depth.max(other.depth);
    }
}

/// Compiles `source`, which must yield true or false.
///
/// # Errors
/// Everything that is wrong with it, in order of place; at least one error.
pub fn compile(source: &str, scope: &Scope) -> Result<Expr, Vec<ExprError>> {
    let (tree, mut errors) = syntax::parse(source);
    let Some(tree) = tree else { return Err(in_order(errors)) };
    let (checked, found) = check::check(source, &tree, scope);
    errors.extend(found);
    if !errors.is_empty() {
        return Err(in_order(errors));
    }
    Ok(Expr::new(source, checked))
}

/// Errors in order of place, the first of each place, and no more than anyone reads.
fn in_order(mut errors: Vec<ExprError>) -> Vec<ExprError> {
    const MOST: usize = 16;
    errors.sort_by_key(|error| (error.span.start, error.span.end));
    errors.dedup();
    let mut told = 0;
    errors.retain(|error| {
        told += usize::from(error.waits_for.is_none());
        error.waits_for.is_some() || told <= MOST
    });
    errors
}

/// Facts that know nothing yet, not even whether a name is known: for finding what holds whatever the facts are.
struct Nothing;

impl Facts for Nothing {
    fn read<'a>(&'a self, _: &Slot) -> Value<'a> {
        Value::Unknown
    }

    fn is_pending(&self) -> bool {
        true
    }
}

/// One condition's outcome with everything that was observed on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// True, false or unknown.
    pub met: Option<bool>,
    /// Every comparison in it, also those that the outcome did not need.
    pub observed: Vec<Observation>,
    /// How far along, 0 to 1: the least of the comparisons of a conjunction, the greatest of a disjunction.
    pub progress: Option<f64>,
}

impl Expr {
    fn new(source: &str, checked: check::Checked<Test>) -> Self {
        let check::Checked { what: test, slots, weight } = checked;
        let constant = test.run(&Context::new(&Nothing));
        Self(Arc::new(Compiled { source: Arc::from(source), test, slots, constant, weight }))
    }

    pub(crate) fn weight(&self) -> Weight {
        self.0.weight
    }

    /// The condition as written.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The condition in a form that is the same for all that say the same in other words: spaces, quotes and brackets don't matter,
    /// nor the order of what is joined by `&&` or `||`, nor which side of a comparison a constant stands on.
    pub fn normal(&self) -> String {
        self.0.test.normal()
    }

    /// True, false or unknown.
    pub fn test(&self, facts: &impl Facts) -> Option<bool> {
        self.0.test.run(&Context::new(facts))
    }

    /// The outcome with every comparison's observed value.
    pub fn explain(&self, facts: &impl Facts) -> Explanation {
        explain::explain(&self.0.test, &Context::new(facts))
    }

    /// Every name that it reads, each once, in order of writing.
    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.0.slots.iter()
    }

    /// The outcome, when it is the same whatever the facts are.
    pub fn constant(&self) -> Option<bool> {
        self.0.constant
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expr").field(&self.source()).finish()
    }
}

/// Two conditions are equal when they are written alike.
impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source()
    }
}

impl Eq for Expr {}

/// Names that a counter may not have, because they already mean something in a condition.
pub fn reserved() -> impl Iterator<Item = &'static str> {
    const WORDS: &str = "account event fit in intent is lead members now properties user true false null has size duration \
        timestamp and or not";
    WORDS.split_ascii_whitespace()
}

/// Whether `name` can stand in a condition as a name of its own: a letter or `_`, then letters, digits and `_` (ASCII), and
/// none of [`reserved`].
pub fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !reserved().any(|word| word == name)
}

#[cfg(test)]
mod tests;
