//! `signals`: compiled in the order in which they read each other, which may be no circle.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::condition::{condition, conditions, formula};
use super::counters::{Counters, subject};
use super::names::{condition_name, unique};
use super::scopes::Scopes;
use crate::config::conditions::ConditionText;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::{Field, List, Named};
use crate::config::shape::{PointsShape, SignalShape};
use crate::config::suggest::all_of;
use crate::config::yaml::Scalar;
use crate::expr::{self, Meaning, Points, Scope, Signal, Type};

/// So many signals may stand upon each other.
const MAX_DEPTH: u32 = 16;
/// So many conditions may be evaluated for one signal: those that it reads are evaluated whenever they are read.
const MAX_CONDITIONS: u32 = 1_000;

/// Compiles the signals, and adds them to what conditions may read.
pub fn signals(
    shape: Option<&Named<SignalShape>>,
    counters: &Counters,
    scopes: &mut Scopes,
    findings: &mut Findings,
) -> Vec<Arc<Signal>> {
    let Some(Named(declared)) = shape else { return Vec::new() };
    unique(declared.iter().map(|(name, _)| name), "signal", findings);
    let mut compiled: Vec<Arc<Signal>> = Vec::with_capacity(declared.len());
    let named = |(name, shape): &&(Scalar, Option<SignalShape>)| shape.is_some() && !name.broken;
    let order = order(declared.iter().filter(named).collect(), scopes, findings);
    for (name, shape) in order {
        let fine = condition_name(name, "signal", findings) && is_free(name, counters, findings);
        let signal = shape.as_ref().and_then(|shape| signal(name, shape, scopes, findings)).filter(|_| fine);
        match signal.filter(|signal| is_bounded(name, signal, findings)).map(Arc::new) {
            Some(signal) => {
                scopes.add(&signal);
                compiled.push(signal);
            }
            None => scopes.broken.push(Arc::clone(&name.text)),
        }
    }
    let missing = declared.iter().filter(|(name, _)| compiled.iter().all(|signal| signal.name != name.text));
    scopes.broken.extend(missing.map(|(name, _)| Arc::clone(&name.text)));
    // In the order in which they are written, which is that of leads and explanations.
    compiled.sort_by_key(|signal| declared.iter().position(|(name, _)| name.text == signal.name));
    compiled
}

type Declared<'s> = &'s (Scalar, Option<SignalShape>);

/// The signals in an order in which each stands behind those that it reads; reports circles, and leaves them out.
fn order<'s>(mut left: Vec<Declared<'s>>, scopes: &Scopes, findings: &mut Findings) -> Vec<Declared<'s>> {
    let mut reads: BTreeMap<&str, Vec<Arc<str>>> = BTreeMap::new();
    let names = || left.iter().map(|(name, _)| Arc::clone(&name.text));
    for (name, shape) in &left {
        let Some(shape) = shape else { continue };
        let about = shape.of.get().map_or(crate::ids::SubjectKind::User, |at| subject(at.value));
        let scope = Scope { pending: names().collect(), ..scopes.conditions(about).clone() };
        let errors = texts(shape).filter_map(|text| expr::compile_formula(text.text(), &scope).err());
        reads.insert(&name.text, errors.flatten().filter_map(|error| error.waits_for).collect());
    }
    let mut ordered: Vec<Declared<'s>> = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let is_open = |name: &Arc<str>| left.iter().any(|(other, _)| other.text == *name);
        let (ready, waiting): (Vec<_>, Vec<_>) = left
            .iter()
            .copied()
            .partition(|(name, _)| !reads.get(&*name.text).is_some_and(|all| all.iter().any(is_open)));
        if ready.is_empty() {
            circle(&waiting, &reads, findings);
            return ordered;
        }
        ordered.extend(ready);
        left = waiting;
    }
    ordered
}

/// Reports a circle among signals that wait for each other.
fn circle(waiting: &[Declared<'_>], reads: &BTreeMap<&str, Vec<Arc<str>>>, findings: &mut Findings) {
    let of = |name: &str| waiting.iter().find(|(other, _)| *other.text == *name);
    let next = |name: &str| reads.get(name)?.iter().find_map(|read| of(read)).map(|(name, _)| name);
    // Whoever waits for one that waits comes to a circle sooner or later.
    let mut way: Vec<&Scalar> = Vec::new();
    let mut at = waiting.first().map(|(name, _)| name);
    while let Some(name) = at {
        if let Some(start) = way.iter().position(|before| before.text == name.text) {
            way.drain(..start);
            break;
        }
        way.push(name);
        at = next(&name.text);
    }
    let Some(first) = way.first() else { return };
    let names = way.iter().skip(1).chain([first]).map(|name| format!("`{}`", name.shown));
    let message = format!("`{}` reads {}", first.shown, names.collect::<Vec<_>>().join(", which reads "));
    let help = "signals can't go round in a circle: let one of them read counters and traits alone";
    findings.push(Problem::error(first.at, Code::BadValue, message).help(help));
}

/// Every condition and formula of a signal.
fn texts(shape: &SignalShape) -> impl Iterator<Item = &ConditionText> {
    let lists = [&shape.all, &shape.any].into_iter().filter_map(Field::get).flat_map(|many| &many.0);
    let lines = shape.points.get().into_iter().flat_map(|List(lines)| lines);
    let lines = lines.flat_map(|line| line.when.get().into_iter().chain(line.each.get()));
    shape.is.get().into_iter().chain(lists).chain(lines)
}

/// Whether no counter has the name already.
fn is_free(name: &Scalar, counters: &Counters, findings: &mut Findings) -> bool {
    let taken = counters.compiled.iter().map(|counter| &counter.name).chain(&counters.broken).any(|c| *c == name.text);
    if taken {
        let message = format!("there is a counter named `{}`, too", name.shown);
        findings.push(Problem::error(name.at, Code::Duplicate, message).help("rename one of them"));
    }
    !taken
}

fn is_bounded(name: &Scalar, signal: &Signal, findings: &mut Findings) -> bool {
    let weight = signal.weight();
    let message = if weight.depth > MAX_DEPTH {
        format!("more than {MAX_DEPTH} signals stand upon each other below `{}`", name.shown)
    } else if weight.conditions > MAX_CONDITIONS {
        format!("more than {MAX_CONDITIONS} conditions are evaluated for `{}`", name.shown)
    } else {
        return true;
    };
    let help = "signals are evaluated whenever they are read: read fewer of them";
    findings.push(Problem::error(name.at, Code::BadValue, message).help(help));
    false
}

fn signal(name: &Scalar, shape: &SignalShape, scopes: &Scopes, findings: &mut Findings) -> Option<Signal> {
    let of = subject(shape.of.require("of", SignalShape::WHAT, name.at, findings)?.value);
    let meaning = meaning(name, shape, scopes.conditions(of), scopes, findings)?;
    let label = shape.label.get().map(|label| Box::from(label.text.trim()));
    Some(Signal { name: Arc::clone(&name.text), of, meaning, label })
}

fn meaning(
    name: &Scalar,
    shape: &SignalShape,
    scope: &Scope,
    scopes: &Scopes,
    findings: &mut Findings,
) -> Option<Meaning> {
    let given = [
        ("is", shape.is.is_absent()),
        ("all", shape.all.is_absent()),
        ("any", shape.any.is_absent()),
        ("points", shape.points.is_absent()),
    ];
    let given: Vec<&str> = given.into_iter().filter(|(_, absent)| !absent).map(|(name, _)| name).collect();
    match given.as_slice() {
        [] => {
            let message = format!("`{}` doesn't say what it is", name.shown);
            let help = "add one of `is: <formula>`, `all: [ … ]`, `any: [ … ]` and `points: [ … ]`";
            findings.push(Problem::error(name.at, Code::MissingField, message).help(help));
            None
        }
        ["is"] => is(shape.is.get()?, scope, scopes, findings),
        ["all"] => conditions(&shape.all, scope, &scopes.broken, findings).map(Meaning::All),
        ["any"] => conditions(&shape.any, scope, &scopes.broken, findings).map(Meaning::Any),
        ["points"] => {
            let List(lines) = shape.points.get()?;
            let compiled: Vec<Points> = lines.iter().filter_map(|line| points(line, scope, scopes, findings)).collect();
            (compiled.len() == lines.len()).then_some(Meaning::Points(compiled))
        }
        _ => {
            let message = format!("a signal says one thing: {} don't go together", all_of(given));
            findings.push(Problem::error(name.at, Code::BadValue, message).help("make several signals of it"));
            None
        }
    }
}

/// What is true or false is a condition, with all that belongs to one.
fn is(text: &ConditionText, scope: &Scope, scopes: &Scopes, findings: &mut Findings) -> Option<Meaning> {
    let formula = formula(text, scope, &scopes.broken, findings)?;
    if *formula.ty() == Type::Bool {
        return condition(text, scope, &scopes.broken, findings).map(|condition| Meaning::All(vec![condition]));
    }
    Some(Meaning::Is(formula))
}

fn points(line: &PointsShape, scope: &Scope, scopes: &Scopes, findings: &mut Findings) -> Option<Points> {
    let give = line.give.require("give", PointsShape::WHAT, line.at, findings)?.value.0;
    let when = match &line.when {
        Field::Set(text) => Some(condition(text, scope, &scopes.broken, findings)?),
        Field::Absent => None,
        Field::Broken => return None,
    };
    let each = match &line.each {
        Field::Set(text) => Some(number(text, scope, scopes, findings)?),
        Field::Absent => None,
        Field::Broken => return None,
    };
    let cap = line.cap.get().map(|cap| cap.value.0);
    if let Some(cap) = line.cap.get().filter(|cap| cap.value.0 < 0.0) {
        let problem = Problem::error(cap.scalar.at, Code::BadValue, "`cap` is negative");
        findings.push(problem.help("write how much the line gives, or takes away, at most: a positive number"));
        return None;
    }
    let label = line.label.get().map(|label| Box::from(label.text.trim()));
    Some(Points { give, when, each, cap, label })
}

/// A formula that yields a number.
pub fn number(text: &ConditionText, scope: &Scope, scopes: &Scopes, findings: &mut Findings) -> Option<expr::Formula> {
    let formula = formula(text, scope, &scopes.broken, findings)?;
    if *formula.ty() == Type::Number {
        return Some(formula);
    }
    let message = format!("a number is expected, `{}` is {}", text.text().trim(), formula.ty());
    let help = "write a counter, a trait that is a number, or a calculation with them";
    findings.push(Problem::error(text.at(findings), Code::Condition, message).help(help));
    None
}
