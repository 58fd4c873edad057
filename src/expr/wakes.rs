//! When time alone may change a condition, as far as what is written says.

use super::eval::Context;
use super::explain::json;
use super::tree::{Leaf, Read, Term, Test};
use super::value::{Slot, Value};
use super::{Expr, Meaning, Nothing, Signal};
use crate::time::Millis;

/// A way in which time alone may change a condition; what figures do by themselves is told apart.
#[derive(Clone, Debug, PartialEq)]
pub enum Wake {
    /// At the moment that a name says.
    At(Slot),
    /// At one moment.
    On(Millis),
    /// Once this comparison with `now` says something else.
    When(String),
    /// So long after what these names say.
    After(Vec<Slot>),
}

impl Expr {
    /// Every comparison with `now`.
    pub fn wakes(&self) -> Vec<Wake> {
        let mut found = Vec::new();
        walk(&self.0.test, &mut found);
        found
    }
}

impl Signal {
    /// The same of its own conditions.
    pub fn wakes(&self) -> Vec<Wake> {
        let lines = match &self.meaning {
            Meaning::Points(lines) => lines.as_slice(),
            Meaning::Is(_) | Meaning::All(_) | Meaning::Any(_) => &[],
        };
        self.conditions()
            .iter()
            .chain(lines.iter().filter_map(|line| line.when.as_ref()))
            .flat_map(Expr::wakes)
            .collect()
    }
}

fn walk(test: &Test, found: &mut Vec<Wake>) {
    match test {
        Test::And(terms) | Test::Or(terms) => terms.iter().for_each(|term| walk(term, found)),
        Test::Not(term) => walk(term, found),
        Test::If(parts) => [&parts.0, &parts.1, &parts.2].into_iter().for_each(|part| walk(part, found)),
        Test::Quantified { body, .. } => walk(body, found),
        Test::Compare { left, right, leaf, .. } if left.reads_now() || right.reads_now() => {
            found.push(compared(left, right, leaf));
        }
        _ => {}
    }
}

fn compared(left: &Term, right: &Term, leaf: &Leaf) -> Wake {
    const NOW: Slot = Slot::Now;
    match (left, right) {
        (Term::Read(Read { slot: NOW, .. }), Term::Read(Read { slot, .. }))
        | (Term::Read(Read { slot, .. }), Term::Read(Read { slot: NOW, .. })) => Wake::At(slot.clone()),
        (Term::Read(Read { slot: NOW, .. }), Term::Constant(constant)) => match constant.value() {
            Value::Time(at) => Wake::On(at),
            value => Wake::When(written(leaf, &value)),
        },
        (_, Term::Constant(constant)) => Wake::When(written(leaf, &constant.value())),
        _ => {
            let mut slots = Vec::new();
            let on = Context::new(&Nothing);
            [left, right].into_iter().for_each(|side| side.read_into(&on, &mut slots));
            slots.retain(|slot| *slot != Slot::Now);
            Wake::After(slots)
        }
    }
}

fn written(leaf: &Leaf, threshold: &Value<'_>) -> String {
    let threshold = json(threshold, leaf);
    let threshold = threshold.as_str().map_or_else(|| threshold.to_string(), str::to_owned);
    format!("{} {} {threshold}", leaf.what, leaf.operator)
}
