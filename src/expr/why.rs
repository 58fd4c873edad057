//! Why a condition is what it is: what makes it true, or else the nearest way in which it would be.
//!
//! Of what is joined by `||` the parts that are true count, and while none is, the one that lacks least. What has a name of its own,
//! a signal or a flag, is looked into.

use super::eval::Context;
use super::explain::observe;
use super::tree::{Term, Test};
use super::value::{Facts, Slot};
use super::{Aspect, Expr, Meaning, Observation};
use crate::time::Millis;

/// So many moments are tried at which something may become true by itself.
const MOMENTS: usize = 16;
/// How far away what time alone brings is, where a figure that is half of what would do is as far.
const BY_TIME: f64 = 0.5;

/// Facts that can be looked at more closely.
pub trait Around: Facts + Sized {
    /// The facts at another moment, if nothing happens until then.
    fn at(&self, now: Millis) -> Self;

    /// The conditions that a flag stands for.
    fn behind(&self, flag: &Slot) -> Option<&[Expr]>;
}

/// One comparison that an outcome rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Ground {
    /// What was observed. Where the opposite of what is written counts, the operator is turned.
    pub observed: Observation,
    /// The names that it reads.
    pub slots: Vec<Slot>,
    /// Whether what is compared with a constant is what the only one of those names says, and not calculated from it.
    pub is_plain: bool,
    /// The number nearest to the one observed that would do, where there is one.
    pub enough: Option<f64>,
    /// When it becomes true if nothing happens until then.
    pub at: Option<Millis>,
}

/// What an outcome rests on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Why {
    /// Whether it is as it should be.
    pub met: bool,
    /// How far it is from that: 1 for each comparison of which nothing is there yet.
    pub far: f64,
    /// If it is met, all that it rests on; else all that it lacks.
    pub grounds: Vec<Ground>,
}

impl Why {
    const fn met() -> Self {
        Self { met: true, far: 0.0, grounds: Vec::new() }
    }

    const fn never() -> Self {
        Self { met: false, far: f64::INFINITY, grounds: Vec::new() }
    }

    /// All of them are needed.
    #[must_use]
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let join = |whole: Self, part: Self| match (whole.met, part.met) {
            (true, false) => part,
            (false, true) => whole,
            _ => Self { met: part.met, far: whole.far + part.far, grounds: [whole.grounds, part.grounds].concat() },
        };
        parts.into_iter().fold(Self::met(), join)
    }

    /// Any of them will do.
    #[must_use]
    pub fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let join = |whole: Self, part: Self| match (whole.met, part.met) {
            (true, false) => whole,
            (false, true) => part,
            (true, true) => Self { grounds: [whole.grounds, part.grounds].concat(), ..whole },
            (false, false) if part.far < whole.far => part,
            (false, false) => whole,
        };
        parts.into_iter().fold(Self::never(), join)
    }
}

impl Expr {
    /// What makes it true, or else what it lacks.
    pub fn why(&self, facts: &impl Around) -> Why {
        walk(&self.0.test, true, facts)
    }

    /// The names that it reads of these facts, with the moments that a `during` has.
    pub fn reads(&self, facts: &impl Facts) -> Vec<Slot> {
        let mut slots = Vec::new();
        self.0.test.read_into(&Context::new(facts), &mut slots);
        slots
    }
}

/// Why `test` says `want`, or what it lacks to say so.
fn walk<F: Around>(test: &Test, want: bool, facts: &F) -> Why {
    match test {
        Test::Constant(Some(met)) if *met == want => Why::met(),
        Test::Constant(_) => Why::never(),
        Test::And(terms) | Test::Or(terms) => {
            let parts = terms.iter().map(|term| walk(term, want, facts));
            if matches!(test, Test::And(_)) == want { Why::all(parts) } else { Why::any(parts) }
        }
        Test::Not(term) => walk(term, !want, facts),
        Test::If(parts) => {
            let (condition, then, otherwise) = parts.as_ref();
            Why::any([
                Why::all([walk(condition, true, facts), walk(then, want, facts)]),
                Why::all([walk(condition, false, facts), walk(otherwise, want, facts)]),
            ])
        }
        Test::Flag { of: Term::Read(read), .. } => opened(&read.slot, want, facts, || compared(test, want, facts))
            .unwrap_or_else(|| compared(test, want, facts)),
        leaf => compared(leaf, want, facts),
    }
}

/// The same of what stands behind a name. A signal that people have a name for says all by that when it is true.
fn opened<F: Around>(slot: &Slot, want: bool, facts: &F, named: impl FnOnce() -> Why) -> Option<Why> {
    let (conditions, needs_all) = match slot {
        Slot::Intent | Slot::Fit => (facts.behind(slot)?, true),
        Slot::Signal(signal, Aspect::Value) => match &signal.meaning {
            Meaning::All(conditions) => (conditions.as_slice(), true),
            Meaning::Any(conditions) => (conditions.as_slice(), false),
            Meaning::Is(_) | Meaning::Points(_) => return None,
        },
        _ => return None,
    };
    let parts = conditions.iter().map(|condition| walk(&condition.0.test, want, facts));
    let why = if needs_all == want { Why::all(parts) } else { Why::any(parts) };
    let is_labelled = slot.signal().is_some_and(|signal| signal.label.is_some());
    Some(if why.met && want && is_labelled { named() } else { why })
}

fn compared<F: Around>(test: &Test, want: bool, facts: &F) -> Why {
    let mut seen = Vec::new();
    observe(test, &Context::new(facts), &mut seen);
    let Some(mut observed) = seen.into_iter().next() else { return Why::never() };
    if !want {
        observed.operator = turned(&observed.operator);
        observed.met = observed.met.map(|met| !met);
    }
    let met = observed.met == Some(true);
    let at = if met { None } else { by_itself(test, want, facts) };
    let mut slots = Vec::new();
    test.read_into(&Context::new(facts), &mut slots);
    let is_plain = match test {
        Test::Compare { left: Term::Read(_), right: Term::Constant(_), .. } => true,
        Test::Compare { .. } | Test::Text { .. } | Test::Quantified { .. } => false,
        _ => slots.len() == 1,
    };
    let enough = enough(&observed, if is_plain { &slots } else { &[] });
    let far = if met { 0.0 } else { at.map_or(1.0, |_| BY_TIME).min(distance(&observed)) };
    Why { met, far, grounds: vec![Ground { observed, slots, is_plain, enough, at }] }
}

/// When it comes to say `want` if nothing happens.
fn by_itself<F: Around>(test: &Test, want: bool, facts: &F) -> Option<Millis> {
    let mut next = test.next_change(&Context::new(facts));
    for _ in 0..MOMENTS {
        let later = facts.at(next?);
        let on = Context::new(&later);
        if test.run(&on) == Some(want) {
            return next;
        }
        next = test.next_change(&on);
    }
    None
}

/// The operator that says the opposite.
fn turned(operator: &str) -> String {
    const PAIRS: [(&str, &str); 3] = [("==", "!="), (">", "<="), ("<", ">=")];
    let pair = PAIRS.iter().find(|(one, other)| [*one, *other].contains(&operator));
    match pair {
        Some((one, other)) if operator == *one => (*other).to_owned(),
        Some((one, _)) => (*one).to_owned(),
        None => format!("not {operator}"),
    }
}

/// The number that would do. What is counted comes in whole ones: more than 50 of them are 51.
fn enough(observed: &Observation, slots: &[Slot]) -> Option<f64> {
    let (value, threshold) = (observed.value.as_f64()?, observed.threshold.as_f64()?);
    let is_counted = matches!(slots, [Slot::Counter(..) | Slot::Members(_) | Slot::Signal(_, Aspect::Times)]);
    let is_whole = is_counted && value.fract() == 0.0 && threshold.fract() == 0.0;
    match observed.operator.as_str() {
        ">=" | "<=" | "==" => Some(threshold),
        ">" if is_whole => Some(threshold + 1.0),
        "<" if is_whole => Some(threshold - 1.0),
        _ => None,
    }
}

/// How far a number is from the one that it is compared with, from 0 to 1; 1 for what is no number.
fn distance(observed: &Observation) -> f64 {
    const AT_LEAST: f64 = 0.01;
    let (Some(value), Some(threshold)) = (observed.value.as_f64(), observed.threshold.as_f64()) else { return 1.0 };
    let of = value.abs().max(threshold.abs());
    if of > 0.0 && of.is_finite() { ((value - threshold).abs() / of).clamp(AT_LEAST, 1.0) } else { AT_LEAST }
}

impl Test {
    /// Adds the names that a comparison reads.
    fn read_into<'a, F: Facts>(&'a self, on: &Context<'a, F>, slots: &mut Vec<Slot>) {
        match self {
            Self::Number { read, .. } | Self::TextIs { read, .. } => slots.push(read.slot.clone()),
            Self::Compare { left, right, .. } => [left, right].into_iter().for_each(|side| side.read_into(on, slots)),
            Self::In { item, list, .. } => [item, list].into_iter().for_each(|side| side.read_into(on, slots)),
            Self::Among { item: of, .. }
            | Self::Known { of, .. }
            | Self::Flag { of, .. }
            | Self::Text { of, .. }
            | Self::Quantified { list: of, .. } => of.read_into(on, slots),
            Self::Not(term) => term.read_into(on, slots),
            Self::And(terms) | Self::Or(terms) => terms.iter().for_each(|term| term.read_into(on, slots)),
            Self::If(parts) => [&parts.0, &parts.1, &parts.2].into_iter().for_each(|part| part.read_into(on, slots)),
            Self::Constant(_) => {}
        }
    }
}

impl Term {
    /// The same of what yields a value.
    pub(super) fn read_into<'a, F: Facts>(&'a self, on: &Context<'a, F>, slots: &mut Vec<Slot>) {
        match self {
            Self::Constant(_) | Self::Item => {}
            Self::Read(read) if slots.contains(&read.slot) => {}
            Self::Read(read) => slots.push(read.slot.clone()),
            Self::Field(parts) => parts.0.read_into(on, slots),
            Self::At(parts) => parts.0.read_into(on, slots),
            Self::Test(test) => test.read_into(on, slots),
            Self::Calculate(parts) => [&parts.0, &parts.2].into_iter().for_each(|part| part.read_into(on, slots)),
            Self::Negate(of) | Self::Bound(of, _) | Self::Size(of) | Self::Change(of, _) | Self::Figure(of, _) => {
                of.read_into(on, slots);
            }
            Self::If(parts) => [&parts.1, &parts.2].into_iter().for_each(|part| part.read_into(on, slots)),
            Self::List(terms) => terms.iter().for_each(|term| term.read_into(on, slots)),
            // While its moments are not known, they are what is read.
            Self::During(during) => match during.slot(on) {
                Some(slot) => slots.push(slot),
                None => [&during.from, &during.to].into_iter().for_each(|moment| moment.read_into(on, slots)),
            },
            Self::Count { list, .. } => list.read_into(on, slots),
        }
    }
}
