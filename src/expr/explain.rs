//! The same walk as the hot path's, keeping what was observed.

use serde_json::Value as Json;

use super::coerce::coerce;
use super::eval::{Context, all, any, compare_number, compare_values, is_in, text_is};
use super::length::duration_text;
use super::syntax::Comparison;
use super::tree::{By, Leaf, Read, Term, Test, TextCheck};
use super::value::{Facts, Slot, Type, Value};
use super::{Aspect, Explanation, Meaning, Observation, Signal};

/// So many observations are kept of a condition, if some are those of parts of signals: they may be hundreds.
const MOST_PARTS: usize = 50;

/// Explains `test`: its outcome, every comparison in it (also those that the outcome didn't need), and its progress.
pub(super) fn explain<'a, F: Facts>(test: &'a Test, on: &Context<'a, F>) -> Explanation {
    let mut observed = Vec::new();
    let (met, progress) = walk(test, on, &mut observed);
    Explanation { met, observed, progress }
}

type Outcome = (Option<bool>, Option<f64>);

fn walk<'a, F: Facts>(test: &'a Test, on: &Context<'a, F>, into: &mut Vec<Observation>) -> Outcome {
    match test {
        Test::Constant(met) => (*met, flat(*met)),
        Test::And(terms) => {
            let outcomes: Vec<Outcome> = terms.iter().map(|term| walk(term, on, into)).collect();
            let met = all(outcomes.iter().map(|outcome| outcome.0));
            (met, whole(met, least(&outcomes)))
        }
        Test::Or(terms) => {
            let outcomes: Vec<Outcome> = terms.iter().map(|term| walk(term, on, into)).collect();
            let met = any(outcomes.iter().map(|outcome| outcome.0));
            (met, whole(met, outcomes.iter().filter_map(|outcome| outcome.1).reduce(f64::max)))
        }
        Test::Not(term) => {
            let met = walk(term, on, into).0.map(|met| !met);
            (met, flat(met))
        }
        Test::If(parts) => match walk(&parts.0, on, into).0 {
            Some(true) => walk(&parts.1, on, into),
            Some(false) => walk(&parts.2, on, into),
            None => (None, None),
        },
        leaf => observe(leaf, on, into),
    }
}

/// All or nothing.
fn flat(met: Option<bool>) -> Option<f64> {
    met.map(|met| if met { 1.0 } else { 0.0 })
}

/// What is met is complete, however it came to be met.
fn whole(met: Option<bool>, progress: Option<f64>) -> Option<f64> {
    if met == Some(true) { Some(1.0) } else { progress }
}

/// The least progress. It can't be said while a part of it can't, unless another part stands at nothing.
fn least(outcomes: &[Outcome]) -> Option<f64> {
    let least = outcomes.iter().filter_map(|outcome| outcome.1).reduce(f64::min)?;
    let all_known = outcomes.iter().all(|outcome| outcome.1.is_some());
    (all_known || least == 0.0).then_some(least)
}

/// The observation of a comparison, and then those of the parts of a signal that it asks for.
pub(super) fn observe<'a, F: Facts>(test: &'a Test, on: &Context<'a, F>, into: &mut Vec<Observation>) -> Outcome {
    match test {
        Test::Number { read, than, threshold, leaf } => {
            let (shown, value) = look(read, on, leaf);
            let met = compare_number(&value, *than, *threshold);
            compared(leaf, (shown, &value), *than, (&Value::Number(*threshold), met), into)
        }
        Test::TextIs { read, negated, text, leaf } => {
            let (shown, value) = look(read, on, leaf);
            let met = text_is(value, text).map(|is| is != *negated);
            record(leaf, shown, Json::from(text.as_ref()), met, into)
        }
        Test::Compare { left, than, right, by, leaf } => {
            let seen = look_at(left, on, leaf);
            comparison(leaf, seen, *than, right.value(on), *by, into)
        }
        Test::Among { item, set, leaf } => {
            let (shown, value) = look_at(item, on, leaf);
            record(leaf, shown, Json::Null, set.has(&value), into)
        }
        Test::In { item, list, leaf } => {
            let (shown, value) = look_at(item, on, leaf);
            let list = list.value(on);
            let shown_list = json(&list, leaf);
            let constant = matches!(item, Term::Constant(_));
            let (shown, threshold) = if constant { (shown_list, shown) } else { (shown, shown_list) };
            record(leaf, shown, threshold, is_in(&value, list), into)
        }
        Test::Known { of, leaf, .. } | Test::Flag { of, leaf } => {
            let (shown, _) = look_at(of, on, leaf);
            let outcome = record(leaf, shown, Json::Null, test.run(on), into);
            match (test, of) {
                (Test::Flag { .. }, Term::Read(Read { slot: Slot::Signal(signal, Aspect::Value), .. })) => {
                    (outcome.0, parts(signal, on, into).or(outcome.1))
                }
                _ => outcome,
            }
        }
        Test::Text { of, check, leaf } => {
            let (shown, value) = look_at(of, on, leaf);
            let threshold = needle(check, on, leaf);
            record(leaf, shown, threshold, check.run(&value, on), into)
        }
        Test::Quantified { list, leaf, .. } => {
            let (shown, _) = look_at(list, on, leaf);
            record(leaf, shown, Json::Null, test.run(on), into)
        }
        Test::Constant(_) | Test::And(_) | Test::Or(_) | Test::Not(_) | Test::If(_) => (None, None),
    }
}

/// Keeps what the conditions of a signal observe; returns how far it has come.
fn parts<'a, F: Facts>(signal: &'a Signal, on: &Context<'a, F>, into: &mut Vec<Observation>) -> Option<f64> {
    let start = into.len();
    let outcomes: Vec<Outcome> = signal.conditions().iter().map(|part| walk(&part.0.test, on, into)).collect();
    for part in into.iter_mut().skip(start).filter(|part| part.within.is_none()) {
        part.within = Some(signal.name.to_string());
    }
    into.truncate(start.max(MOST_PARTS));
    if signal.test(on.facts) == Some(true) {
        return Some(1.0);
    }
    match &signal.meaning {
        Meaning::Any(_) => outcomes.iter().filter_map(|outcome| outcome.1).reduce(f64::max),
        _ => least(&outcomes),
    }
}

fn needle<'a, F: Facts>(check: &'a TextCheck, on: &Context<'a, F>, leaf: &Leaf) -> Json {
    match check {
        TextCheck::Contains(term) | TextCheck::StartsWith(term) | TextCheck::EndsWith(term) => {
            json(&term.value(on), leaf)
        }
        TextCheck::ContainsAny(_) | TextCheck::ContainsWord(_) | TextCheck::Matches(_) => Json::Null,
    }
}

/// A value for people, as it came, and as the condition sees it.
type Seen<'a> = (Json, Value<'a>);

fn look_at<'a, F: Facts>(term: &'a Term, on: &Context<'a, F>, leaf: &Leaf) -> Seen<'a> {
    if let Term::Read(read) = term {
        return look(read, on, leaf);
    }
    let value = term.value(on);
    (json(&value, leaf), value)
}

fn look<'a, F: Facts>(read: &'a Read, on: &Context<'a, F>, leaf: &Leaf) -> Seen<'a> {
    let raw = on.facts.read(&read.slot);
    // A number, a band or an amount is shown as it came, and so is what can't be read as what was declared.
    let as_it_came = match (&raw, &read.ty) {
        (Value::Text(text), Type::Number | Type::Band | Type::Money) => Some(Json::from(text.as_ref())),
        (Value::Text(_) | Value::Number(_) | Value::Bool(_), Type::Word(_) | Type::Time | Type::Bool) => {
            Some(json(&raw, leaf))
        }
        _ => None,
    };
    let value = coerce(raw, &read.ty);
    let as_it_came =
        as_it_came.filter(|_| value == Value::Unknown || matches!(read.ty, Type::Number | Type::Band | Type::Money));
    (as_it_came.unwrap_or_else(|| json(&value, leaf)), value)
}

fn comparison(
    leaf: &Leaf,
    (shown, value): Seen<'_>,
    than: Comparison,
    threshold: Value<'_>,
    by: By,
    into: &mut Vec<Observation>,
) -> Outcome {
    let met = compare_values(&value, than, &threshold, by);
    compared(leaf, (shown, &value), than, (&threshold, met), into)
}

fn compared(
    leaf: &Leaf,
    (shown, value): (Json, &Value<'_>),
    than: Comparison,
    (threshold, met): (&Value<'_>, Option<bool>),
    into: &mut Vec<Observation>,
) -> Outcome {
    let progress = progress(met, than, (value, threshold), !leaf.duration);
    record(leaf, shown, json(threshold, leaf), met, into);
    (met, progress)
}

/// How far a comparison has come: complete when met; towards `>=` and `>` the share of the way from 0; otherwise nothing.
///
/// More than 50 of something that is counted in whole numbers means 51, so 48 is 48/51 of the way.
fn progress(met: Option<bool>, than: Comparison, sides: (&Value<'_>, &Value<'_>), counted: bool) -> Option<f64> {
    const NOT_QUITE: f64 = 0.99;
    let (Some(false), (Value::Number(value), Value::Number(threshold))) = (met, sides) else {
        return flat(met);
    };
    let goal = match than {
        Comparison::GreaterOrEqual => *threshold,
        Comparison::Greater if counted && value.fract() == 0.0 && threshold.fract() == 0.0 => threshold + 1.0,
        Comparison::Greater => *threshold,
        _ => return Some(0.0),
    };
    if goal <= 0.0 || *value <= 0.0 { Some(0.0) } else { Some((value / goal).min(NOT_QUITE)) }
}

fn record(leaf: &Leaf, shown: Json, threshold: Json, met: Option<bool>, into: &mut Vec<Observation>) -> Outcome {
    into.push(Observation {
        what: leaf.what.to_string(),
        operator: leaf.operator.to_owned(),
        value: shown,
        threshold: leaf.threshold.clone().unwrap_or(threshold),
        met,
        within: None,
    });
    (met, flat(met))
}

/// A value for the lead record: whole numbers without a fraction, times as RFC 3339, lengths of time as `14d`.
pub(super) fn json(value: &Value<'_>, leaf: &Leaf) -> Json {
    match value {
        Value::Number(ms) if leaf.duration => Json::from(duration_text(*ms)),
        Value::List(elements) => elements.iter().map(|element| json(element, leaf)).collect(),
        value => value_json(value),
    }
}

/// A value as JSON: unknown is `null`.
pub(crate) fn value_json(value: &Value<'_>) -> Json {
    match value {
        Value::Unknown => Json::Null,
        Value::Bool(flag) => Json::from(*flag),
        Value::Number(number) => number_json(*number),
        Value::Text(text) => Json::from(text.as_ref()),
        Value::Time(time) => Json::from(time.rfc3339()),
        Value::Band(band) => Json::from(band.to_string()),
        Value::List(elements) => elements.iter().map(value_json).collect(),
        Value::Json(json) => (*json).clone(),
    }
}

/// A whole number without a fraction: `53`, not `53.0`.
pub(crate) fn number_json(number: f64) -> Json {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
    let whole = || Json::from(number as i64);
    if number.fract() == 0.0 && number.abs() <= EXACT { whole() } else { Json::from(number) }
}
