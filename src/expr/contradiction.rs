//! Conditions that nothing can meet, such as `lead.tier == 1 && lead.tier == 2`. Cheap and incomplete: what it finds is
//! certain, what it misses was merely not looked for.

use super::coerce::{plain_number, to_bool};
use super::syntax::Comparison;
use super::tree::{Read, Set, Term, Test};
use super::value::{Slot, Type, Value};

/// Whether `test` is certainly never true.
pub(super) fn never_true(test: &Test) -> bool {
    match test {
        Test::Constant(outcome) => *outcome != Some(true),
        Test::Or(terms) => terms.iter().all(never_true),
        Test::And(terms) => terms.iter().any(never_true) || conflict(terms),
        leaf => conflict(std::slice::from_ref(leaf)),
    }
}

/// What a conjunction demands of one name.
struct Demand<'t> {
    slot: &'t Slot,
    least: f64,
    most: f64,
    /// Whether the bounds themselves are shut out.
    above: bool,
    below: bool,
    texts: Option<Vec<&'t str>>,
    not: Vec<&'t str>,
}

impl<'t> Demand<'t> {
    const fn nothing(slot: &'t Slot) -> Self {
        let (least, most) = (f64::NEG_INFINITY, f64::INFINITY);
        Self { slot, least, most, above: false, below: false, texts: None, not: Vec::new() }
    }

    fn number(&mut self, than: Comparison, bound: f64) {
        let (lower, upper, strict) = match than {
            Comparison::Equal => (true, true, false),
            Comparison::Greater => (true, false, true),
            Comparison::GreaterOrEqual => (true, false, false),
            Comparison::Less => (false, true, true),
            Comparison::LessOrEqual => (false, true, false),
            Comparison::NotEqual => return,
        };
        if lower && (bound > self.least || (bound == self.least && strict)) {
            (self.least, self.above) = (bound, strict);
        }
        if upper && (bound < self.most || (bound == self.most && strict)) {
            (self.most, self.below) = (bound, strict);
        }
    }

    fn one_of(&mut self, texts: Vec<&'t str>) {
        self.texts = Some(match self.texts.take() {
            Some(before) => before.into_iter().filter(|text| texts.contains(text)).collect(),
            None => texts,
        });
    }

    fn impossible(&self) -> bool {
        let numbers = self.least > self.most || (self.least == self.most && (self.above || self.below));
        numbers || self.texts.as_ref().is_some_and(|texts| texts.iter().all(|text| self.not.contains(text)))
    }
}

fn conflict(terms: &[Test]) -> bool {
    let mut demands: Vec<Demand<'_>> = Vec::new();
    for term in terms {
        let Some(read) = subject(term) else { continue };
        let at = demands.iter().position(|demand| *demand.slot == read.slot).unwrap_or_else(|| {
            demands.push(Demand::nothing(&read.slot));
            demands.len() - 1
        });
        let Some(demand) = demands.get_mut(at) else { continue };
        match term {
            Test::Number { than, threshold, .. } => demand.number(*than, *threshold),
            Test::TextIs { negated: false, text, .. } => demand.one_of(vec![text]),
            Test::TextIs { negated: true, text, .. } => demand.not.push(text),
            Test::Among { set, .. } => demand.one_of(set.texts.iter().map(AsRef::as_ref).collect()),
            _ => {}
        }
    }
    demands.iter().any(Demand::impossible)
}

/// The name that a term makes a demand of.
fn subject(term: &Test) -> Option<&Read> {
    match term {
        Test::Number { read, .. } => Some(read),
        Test::TextIs { read, text, .. } => Some(read).filter(|read| is_one_text(read, text)),
        Test::Among { item: Term::Read(read), set: Set { numbers, texts }, .. } => {
            Some(read).filter(|read| numbers.is_empty() && texts.iter().all(|text| is_one_text(read, text)))
        }
        _ => None,
    }
}

/// Whether only one value can equal `text`. Of undeclared type, the number 1 equals both `"1"` and `"1.0"`, and true `"yes"`.
fn is_one_text(read: &Read, text: &str) -> bool {
    read.ty == Type::Text || (plain_number(text).is_none() && to_bool(&Value::text(text)).is_none())
}
