//! Signals: what has a name of its own, and is read by it in every condition. Evaluated over the facts of whoever reads it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::eval::{all, any};
use super::value::{Facts, Slot, Type, Value};
use super::{Expr, Formula, Readable, Weight};
use crate::ids::SubjectKind;

/// What is read of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// Its value now.
    Value,
    /// `.since`: the moment since which it has been true without a break.
    Since,
    /// `.times`: how often it became true.
    Times,
}

/// A named number, text, time, or yes or no.
#[derive(Debug)]
pub struct Signal {
    /// What conditions call it.
    pub name: Arc<str>,
    /// Whose it is.
    pub of: SubjectKind,
    /// What it says.
    pub meaning: Meaning,
    /// What people call it when it is true.
    pub label: Option<Box<str>>,
}

/// What a signal says.
#[derive(Debug)]
pub enum Meaning {
    /// The value of a formula.
    Is(Formula),
    /// Whether all are true.
    All(Vec<Expr>),
    /// Whether any is true.
    Any(Vec<Expr>),
    /// The sum of what is given.
    Points(Vec<Points>),
}

/// One line of a score.
#[derive(Clone, Debug)]
pub struct Points {
    /// How much is given; negative to take away.
    pub give: f64,
    /// Given only when this is true.
    pub when: Option<Expr>,
    /// Given so many times.
    pub each: Option<Formula>,
    /// Never more than this, or less where it takes away.
    pub cap: Option<f64>,
    /// What people call it.
    pub label: Option<Box<str>>,
}

impl Points {
    /// How often it is given and how much that makes; `None` while what it hangs on is not known.
    pub fn given(&self, facts: &impl Facts) -> Option<(f64, f64)> {
        if let Some(when) = &self.when
            && !when.test(facts)?
        {
            return Some((0.0, 0.0));
        }
        let times = match &self.each {
            Some(each) => each.number(facts)?,
            None => 1.0,
        };
        let given = self.give * times;
        let cap = self.cap.unwrap_or(f64::INFINITY);
        Some((times, given.clamp(-cap, cap)))
    }

    /// What people call it: its label, or what it hangs on as written.
    pub fn name(&self) -> &str {
        let written = self.when.as_ref().map(Expr::source).or(self.each.as_ref().map(Formula::source));
        self.label.as_deref().or(written).unwrap_or("always")
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.when.iter().flat_map(Expr::slots).chain(self.each.iter().flat_map(Formula::slots))
    }
}

impl Signal {
    /// The type of its values.
    pub fn ty(&self) -> Type {
        match &self.meaning {
            Meaning::Is(formula) => formula.ty().clone(),
            Meaning::All(_) | Meaning::Any(_) => Type::Bool,
            Meaning::Points(_) => Type::Number,
        }
    }

    /// The type of what is read of it.
    pub fn reads_as(&self, aspect: Aspect) -> Type {
        match aspect {
            Aspect::Value => self.ty(),
            Aspect::Since => Type::Time,
            Aspect::Times => Type::Number,
        }
    }

    /// Its value over `facts`.
    pub fn value(&self, facts: &impl Facts) -> Value<'static> {
        match &self.meaning {
            Meaning::Is(formula) => owned(&formula.value(facts)),
            Meaning::All(conditions) => flag(all(conditions.iter().map(|condition| condition.test(facts)))),
            Meaning::Any(conditions) => flag(any(conditions.iter().map(|condition| condition.test(facts)))),
            Meaning::Points(lines) => points(lines, facts).map_or(Value::Unknown, Value::Number),
        }
    }

    /// Whether it is true.
    pub fn test(&self, facts: &impl Facts) -> Option<bool> {
        match self.value(facts) {
            Value::Bool(met) => Some(met),
            _ => None,
        }
    }

    /// The conditions that it is made of.
    pub fn conditions(&self) -> &[Expr] {
        match &self.meaning {
            Meaning::All(conditions) | Meaning::Any(conditions) => conditions,
            Meaning::Is(_) | Meaning::Points(_) => &[],
        }
    }

    /// Every name that it reads, perhaps more than once.
    pub fn slots(&self) -> Box<dyn Iterator<Item = &Slot> + '_> {
        match &self.meaning {
            Meaning::Is(formula) => Box::new(formula.slots()),
            Meaning::All(conditions) | Meaning::Any(conditions) => Box::new(conditions.iter().flat_map(Expr::slots)),
            Meaning::Points(lines) => Box::new(lines.iter().flat_map(Points::slots)),
        }
    }

    /// Whether it reads anything of an account, also by way of other signals.
    pub(super) fn reads_account(&self, counters: &BTreeMap<Arc<str>, Readable>) -> bool {
        reached(self.slots()).into_iter().any(|slot| match slot {
            Slot::Counter(id, _) => {
                counters.values().any(|counter| counter.id == *id && counter.of == SubjectKind::Account)
            }
            Slot::Trait { of, .. }
            | Slot::About { of, .. }
            | Slot::Id(of)
            | Slot::FirstSeen(of)
            | Slot::LastSeen(of) => *of == SubjectKind::Account,
            Slot::Signal(signal, _) => signal.of == SubjectKind::Account,
            Slot::Members(_) | Slot::Event(_) => true,
            Slot::Lead(_) | Slot::Intent | Slot::Fit | Slot::Now | Slot::MemberEvents => false,
        })
    }

    /// What one evaluation of it may cost.
    pub(crate) fn weight(&self) -> Weight {
        let mut whole = Weight { conditions: 1, depth: 0 };
        match &self.meaning {
            Meaning::Is(formula) => whole.add(formula.weight()),
            Meaning::All(conditions) | Meaning::Any(conditions) => {
                conditions.iter().for_each(|condition| whole.add(condition.weight()));
            }
            Meaning::Points(lines) => {
                let when = lines.iter().filter_map(|line| line.when.as_ref()).map(Expr::weight);
                let each = lines.iter().filter_map(|line| line.each.as_ref()).map(Formula::weight);
                when.chain(each).for_each(|weight| whole.add(weight));
            }
        }
        Weight { depth: whole.depth + 1, ..whole }
    }
}

/// The sum of what is given. What is not known gives nothing, unless it may yet turn out to be known.
fn points(lines: &[Points], facts: &impl Facts) -> Option<f64> {
    let sum = |total: f64, line: &Points| match line.given(facts) {
        Some((_, given)) => Some(total + given),
        None => (!facts.is_pending()).then_some(total),
    };
    lines.iter().try_fold(0.0, sum)
}

fn flag(met: Option<bool>) -> Value<'static> {
    met.map_or(Value::Unknown, Value::Bool)
}

/// A single value for itself.
fn owned(value: &Value<'_>) -> Value<'static> {
    match value {
        Value::Bool(flag) => Value::Bool(*flag),
        Value::Number(number) => Value::Number(*number),
        Value::Text(text) => Value::Text(text.clone().into_owned().into()),
        Value::Time(at) => Value::Time(*at),
        // A formula yields nothing else.
        Value::Unknown | Value::Band(_) | Value::List(_) | Value::Json(_) => Value::Unknown,
    }
}

/// Of two signals by one name there is one configuration each.
impl PartialEq for Signal {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.of == other.of
    }
}

impl Eq for Signal {}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Every name that is read by way of `slots`: these, and what the signals and the conditions on members among them read, each
/// signal once.
pub fn reached<'s>(slots: impl IntoIterator<Item = &'s Slot>) -> Vec<&'s Slot> {
    let mut found: Vec<&Slot> = slots.into_iter().collect();
    let mut opened: Vec<&Signal> = Vec::new();
    let mut at = 0;
    while let Some(slot) = found.get(at).copied() {
        at += 1;
        if let Slot::Signal(signal, _) = slot
            && !opened.contains(&&**signal)
        {
            opened.push(signal);
            found.extend(signal.slots());
        }
        if let Slot::Members(members) = slot {
            found.extend(members.condition.slots());
        }
    }
    found
}
