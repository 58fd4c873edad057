//! The hot path: walks a lowered condition over its facts. Allocates only where a text is made (`lower()`, joining texts) or a
//! list is built.

use std::borrow::Cow;

use super::coerce::{coerce, to_bool, to_time};
use super::compare::number_of;
use super::number::plain_number;
use super::reading::Reading;
use super::syntax::{Arithmetic, Comparison};
use super::tree::{
    Bound, By, Calculation, During, ListFigure, Quantifier, Read, Set, Term, Test, TextChange, TextCheck,
};
use super::value::{Facts, Slot, Type, Value};
use super::words;

/// Elements of a list that `in`, `exists` and `all` look at. The outcome is unknown when it depends on further ones.
pub(super) const MAX_ELEMENTS: usize = 250;

/// What a condition is evaluated over.
pub(super) struct Context<'a, F> {
    pub facts: &'a F,
    /// The element at hand within `exists` or `all`.
    pub item: Option<Value<'a>>,
}

impl<'a, F: Facts> Context<'a, F> {
    pub const fn new(facts: &'a F) -> Self {
        Self { facts, item: None }
    }
}

impl Test {
    /// The common shapes. Kept small, so that a clause costs little more than reading its name; the others follow below.
    pub(super) fn run<'a, F: Facts>(&'a self, on: &Context<'a, F>) -> Option<bool> {
        match self {
            Self::Constant(outcome) => *outcome,
            Self::And(terms) => all(terms.iter().map(|term| term.run(on))),
            Self::Or(terms) => any(terms.iter().map(|term| term.run(on))),
            Self::Not(term) => term.run(on).map(|met| !met),
            Self::Number { read, than, threshold, .. } => match on.facts.read(&read.slot) {
                Value::Number(number) => than.numbers(number, *threshold),
                other => read.compare(other, *than, *threshold),
            },
            Self::TextIs { read, negated, text, .. } => match on.facts.read(&read.slot) {
                Value::Text(found) => Some((found == text.as_ref()) != *negated),
                other => text_is(coerce(other, &read.ty), text).map(|is| is != *negated),
            },
            other => other.run_rare(on),
        }
    }

    #[inline(never)]
    fn run_rare<'a, F: Facts>(&'a self, on: &Context<'a, F>) -> Option<bool> {
        match self {
            Self::If(parts) => {
                let (condition, then, otherwise) = parts.as_ref();
                if condition.run(on)? { then.run(on) } else { otherwise.run(on) }
            }
            Self::Compare { left, than, right, by, .. } => compare(left, *than, right, *by, on),
            Self::Among { item, set, .. } => set.has(&item.value(on)),
            Self::In { item, list, .. } => is_in(&item.value(on), list.value(on)),
            Self::Known { of, negated, .. } => is_known(of, on).map(|known| known != *negated),
            Self::Flag { of, .. } => to_bool(&of.value(on)),
            Self::Text { of, check, .. } => check.run(&of.value(on), on),
            Self::Quantified { list, how, body, .. } => quantified(list.value(on), *how, body, on),
            common => common.run(on),
        }
    }
}

/// Conjunction: false wins over unknown.
pub(crate) fn all(outcomes: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut unknown = false;
    for outcome in outcomes {
        match outcome {
            Some(false) => return Some(false),
            Some(true) => {}
            None => unknown = true,
        }
    }
    (!unknown).then_some(true)
}

/// Disjunction: true wins over unknown.
pub(crate) fn any(outcomes: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut unknown = false;
    for outcome in outcomes {
        match outcome {
            Some(true) => return Some(true),
            Some(false) => {}
            None => unknown = true,
        }
    }
    (!unknown).then_some(false)
}

#[inline(never)]
pub(super) fn text_is(value: Value<'_>, text: &str) -> Option<bool> {
    match value {
        Value::Text(found) => Some(found == text),
        Value::Unknown => None,
        other => Comparison::Equal.values(&other, &Value::text(text)),
    }
}

fn compare<'a, F: Facts>(
    left: &'a Term,
    than: Comparison,
    right: &'a Term,
    by: By,
    on: &Context<'a, F>,
) -> Option<bool> {
    match by {
        By::Number => than.numbers(left.number(on)?, right.number(on)?),
        By::Time | By::Nature => compare_values(&left.value(on), than, &right.value(on), by),
    }
}

/// The same over values that were observed already.
pub(super) fn compare_values(left: &Value<'_>, than: Comparison, right: &Value<'_>, by: By) -> Option<bool> {
    match by {
        By::Number => than.numbers(number_of(left)?, number_of(right)?),
        By::Time => Some(than.holds(to_time(left)?.cmp(&to_time(right)?))),
        By::Nature => than.values(left, right),
    }
}

/// A number or a band compared with a number.
pub(super) fn compare_number(value: &Value<'_>, than: Comparison, threshold: f64) -> Option<bool> {
    match value {
        Value::Band(_) => than.values(value, &Value::Number(threshold)),
        other => than.numbers(number_of(other)?, threshold),
    }
}

impl Set {
    pub(super) fn has(&self, value: &Value<'_>) -> Option<bool> {
        match value {
            Value::Unknown => None,
            Value::Number(number) => {
                Some(self.numbers.contains(number) || self.texts.iter().any(|text| plain_number(text) == Some(*number)))
            }
            Value::Text(found) => {
                let text = self.texts.binary_search_by(|text| text.as_ref().cmp(found)).is_ok();
                Some(
                    text || (!self.numbers.is_empty()
                        && plain_number(found).is_some_and(|n| self.numbers.contains(&n))),
                )
            }
            _ => Some(false),
        }
    }
}

pub(super) fn is_in(item: &Value<'_>, list: Value<'_>) -> Option<bool> {
    if matches!(item, Value::Unknown) {
        return None;
    }
    // In a list that was sent, `null` is no element; in one that is written out, a name that isn't known may be anything.
    let unknown = if matches!(list, Value::List(_)) { None } else { Some(false) };
    let mut elements = elements(list)?;
    let among = any(elements.by_ref().take(MAX_ELEMENTS).map(|element| match element {
        Value::Unknown => unknown,
        element => Comparison::Equal.values(item, &element),
    }));
    if among == Some(true) { among } else { among.filter(|_| elements.next().is_none()) }
}

/// The elements of a list; `None` for what is none.
pub(super) fn elements<'a>(list: Value<'a>) -> Option<Box<dyn Iterator<Item = Value<'a>> + 'a>> {
    match list {
        Value::List(elements) => Some(Box::new(elements.into_iter())),
        Value::Json(serde_json::Value::Array(elements)) => Some(Box::new(elements.iter().map(Value::from_json))),
        _ => None,
    }
}

fn is_known<'a, F: Facts>(of: &'a Term, on: &Context<'a, F>) -> Option<bool> {
    match of.value(on) {
        Value::Unknown if on.facts.is_pending() => None,
        value => Some(value != Value::Unknown),
    }
}

fn quantified<'a, F: Facts>(list: Value<'a>, how: Quantifier, body: &'a Test, on: &Context<'a, F>) -> Option<bool> {
    let mut elements = elements(list)?;
    let outcomes = elements.by_ref().take(MAX_ELEMENTS).map(|element| {
        let inner = Context { facts: on.facts, item: Some(element) };
        body.run(&inner)
    });
    let (outcome, settles) = match how {
        Quantifier::Exists => (any(outcomes), Some(true)),
        Quantifier::All => (all(outcomes), Some(false)),
        Quantifier::ExistsOne => (exactly_one(outcomes), None),
    };
    if outcome == settles { outcome } else { outcome.filter(|_| elements.next().is_none()) }
}

/// How many elements meet a condition, in all or in a row; unknown when it hangs on what is unknown.
fn counted<'a, F: Facts>(list: Value<'a>, body: &'a Test, in_a_row: bool, on: &Context<'a, F>) -> Option<f64> {
    let (mut met, mut most) = (0_u32, 0);
    for (index, element) in elements(list)?.enumerate() {
        let inner = Context { facts: on.facts, item: Some(element) };
        let is_met = (index < MAX_ELEMENTS).then(|| body.run(&inner)).flatten()?;
        met = if is_met {
            met + 1
        } else if in_a_row {
            0
        } else {
            met
        };
        most = most.max(met);
    }
    Some(f64::from(most))
}

impl ListFigure {
    /// Of no elements only the sum is known.
    fn of(self, list: Value<'_>) -> Option<f64> {
        let mut count = 0_u32;
        let mut figure: Option<f64> = None;
        for element in elements(list)?.take(MAX_ELEMENTS + 1) {
            let number = number_of(&element)?;
            count += 1;
            figure = Some(match (self, figure) {
                (_, None) => number,
                (Self::Average | Self::Sum, Some(sum)) => sum + number,
                (Self::Least, Some(least)) => least.min(number),
                (Self::Greatest, Some(greatest)) => greatest.max(number),
            });
        }
        if usize::try_from(count).is_ok_and(|count| count > MAX_ELEMENTS) {
            return None;
        }
        match self {
            Self::Average => figure.map(|sum| sum / f64::from(count)),
            Self::Sum => Some(figure.unwrap_or(0.0)),
            Self::Least | Self::Greatest => figure,
        }
    }
}

impl During {
    /// What is read once the two moments are known.
    pub(super) fn slot<'a, F: Facts>(&'a self, on: &Context<'a, F>) -> Option<Slot> {
        let (from, to) = (to_time(&self.from.value(on))?, to_time(&self.to.value(on))?);
        Some(Slot::Counter(self.counter, Reading::During { hours: self.hours, from, to }))
    }

    fn value<'a, F: Facts>(&'a self, on: &Context<'a, F>) -> Value<'a> {
        self.slot(on).map_or(Value::Unknown, |slot| coerce(on.facts.read(&slot), &self.ty))
    }
}

fn exactly_one(outcomes: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let (mut met, mut unknown) = (0_usize, false);
    for outcome in outcomes {
        met += usize::from(outcome == Some(true));
        unknown |= outcome.is_none();
    }
    match met {
        0 | 1 if unknown => None,
        met => Some(met == 1),
    }
}

impl TextCheck {
    pub(super) fn run<'a, F: Facts>(&'a self, of: &Value<'_>, on: &Context<'a, F>) -> Option<bool> {
        let Value::Text(text) = of else { return None };
        let against = |term: &'a Term, holds: fn(&str, &str) -> bool| match term.value(on) {
            Value::Text(needle) => Some(holds(text, &needle)),
            _ => None,
        };
        match self {
            Self::Contains(needle) => against(needle, |text, needle| text.contains(needle)),
            Self::StartsWith(needle) => against(needle, |text, needle| text.starts_with(needle)),
            Self::EndsWith(needle) => against(needle, |text, needle| text.ends_with(needle)),
            Self::ContainsAny(needles) => Some(needles.iter().any(|needle| words::contains(text, needle))),
            Self::ContainsWord(needles) => Some(needles.iter().any(|needle| words::contains_word(text, needle))),
            Self::Matches(regex) => Some(regex.is_match(text)),
        }
    }
}

impl Read {
    pub(super) fn value<'a, F: Facts>(&'a self, on: &Context<'a, F>) -> Value<'a> {
        match (&self.ty, on.facts.read(&self.slot)) {
            // What nearly always comes needs no second look.
            (Type::Number, Value::Number(number)) if !number.is_nan() => Value::Number(number),
            (Type::Text, value @ Value::Text(_)) | (Type::Time, value @ Value::Time(_)) | (Type::Any, value) => value,
            (ty, value) => coerce(value, ty),
        }
    }

    #[inline]
    fn number<'a, F: Facts>(&'a self, on: &Context<'a, F>) -> Option<f64> {
        match on.facts.read(&self.slot) {
            Value::Number(number) => Some(number),
            other => self.as_number(other),
        }
    }

    #[inline(never)]
    fn as_number<'a>(&'a self, value: Value<'a>) -> Option<f64> {
        number_of(&coerce(value, &self.ty))
    }

    #[inline(never)]
    fn compare<'a>(&'a self, value: Value<'a>, than: Comparison, threshold: f64) -> Option<bool> {
        compare_number(&coerce(value, &self.ty), than, threshold)
    }
}

impl Term {
    pub(super) fn value<'a, F: Facts>(&'a self, on: &Context<'a, F>) -> Value<'a> {
        match self {
            Self::Constant(constant) => constant.value(),
            Self::Read(read) => read.value(on),
            Self::Item => on.item.clone().unwrap_or(Value::Unknown),
            Self::Field(parts) => field(parts.0.value(on), &parts.1),
            Self::At(parts) => element(parts.0.value(on), parts.1),
            Self::Test(test) => test.run(on).map_or(Value::Unknown, Value::Bool),
            Self::Calculate(parts) => calculate(&parts.0, parts.1, &parts.2, on),
            Self::Negate(of) => of.number(on).map_or(Value::Unknown, |number| Value::Number(-number)),
            Self::If(parts) => match parts.0.run(on) {
                Some(true) => parts.1.value(on),
                Some(false) => parts.2.value(on),
                None => Value::Unknown,
            },
            Self::Bound(of, bound) => bound_of(&of.value(on), *bound).map_or(Value::Unknown, Value::Number),
            Self::Size(of) => size(&of.value(on)).map_or(Value::Unknown, Value::Number),
            Self::Change(of, change) => change_text(of.value(on), *change),
            Self::List(terms) => Value::List(terms.iter().map(|term| term.value(on)).collect()),
            Self::During(during) => during.value(on),
            Self::Figure(list, figure) => {
                figure.of(list.value(on)).filter(|number| number.is_finite()).map_or(Value::Unknown, Value::Number)
            }
            Self::Count { list, body, in_a_row } => {
                counted(list.value(on), body, *in_a_row, on).map_or(Value::Unknown, Value::Number)
            }
        }
    }

    /// As a number, without a detour where that is cheap.
    fn number<'a, F: Facts>(&'a self, on: &Context<'a, F>) -> Option<f64> {
        match self {
            Self::Read(read) => read.number(on),
            Self::Calculate(parts) => match parts.1 {
                Calculation::Numbers(how) => numbers(parts.0.number(on)?, how, parts.2.number(on)?),
                _ => number_of(&self.value(on)),
            },
            _ => number_of(&self.value(on)),
        }
    }
}

fn bound_of(of: &Value<'_>, bound: Bound) -> Option<f64> {
    match (of, bound) {
        (Value::Band(band), Bound::Min) => Some(band.min()),
        (Value::Band(band), Bound::Max) => band.max(),
        (of, _) => number_of(of),
    }
}

fn field<'a>(of: Value<'a>, name: &str) -> Value<'a> {
    match of {
        Value::Json(json) => json.get(name).map_or(Value::Unknown, Value::from_json),
        _ => Value::Unknown,
    }
}

fn element(of: Value<'_>, at: usize) -> Value<'_> {
    elements(of).and_then(|mut elements| elements.nth(at)).unwrap_or(Value::Unknown)
}

fn calculate<'a, F: Facts>(left: &'a Term, how: Calculation, right: &'a Term, on: &Context<'a, F>) -> Value<'a> {
    let outcome = match how {
        Calculation::Numbers(how) => (|| numbers(left.number(on)?, how, right.number(on)?).map(Value::Number))(),
        Calculation::Shift { back } => shift(&left.value(on), &right.value(on), back),
        Calculation::Between => between(&left.value(on), &right.value(on)),
        Calculation::Join => join(left.value(on), &right.value(on)),
    };
    outcome.unwrap_or(Value::Unknown)
}

/// Arithmetic; unknown where the outcome is no number, such as a division by zero.
pub(super) fn numbers(left: f64, how: Arithmetic, right: f64) -> Option<f64> {
    let outcome = match how {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide => left / right,
        Arithmetic::Remainder => left % right,
    };
    outcome.is_finite().then_some(outcome)
}

/// A time moved by a length of time; either may stand on either side.
fn shift(left: &Value<'_>, right: &Value<'_>, back: bool) -> Option<Value<'static>> {
    let (time, by) = match (left, right) {
        (Value::Number(by), time) => (to_time(time)?, *by),
        (time, by) => (to_time(time)?, number_of(by)?),
    };
    #[expect(clippy::cast_possible_truncation, reason = "casts of floats saturate")]
    let ms = by.round() as i64;
    Some(Value::Time(time.plus(if back { ms.saturating_neg() } else { ms })))
}

fn between(left: &Value<'_>, right: &Value<'_>) -> Option<Value<'static>> {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
    let ms = to_time(left)?.since(to_time(right)?) as f64;
    Some(Value::Number(ms))
}

fn join<'a>(left: Value<'a>, right: &Value<'_>) -> Option<Value<'a>> {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => Some(Value::Text(left + Cow::Owned(right.to_string()))),
        _ => None,
    }
}

fn size(of: &Value<'_>) -> Option<f64> {
    let size = match of {
        Value::Text(text) => text.chars().count(),
        Value::List(elements) => elements.len(),
        Value::Json(serde_json::Value::Array(elements)) => elements.len(),
        Value::Json(serde_json::Value::Object(keys)) => keys.len(),
        _ => return None,
    };
    #[expect(clippy::cast_precision_loss, reason = "nothing in memory has 2^53 elements")]
    let size = size as f64;
    Some(size)
}

fn change_text(of: Value<'_>, change: TextChange) -> Value<'_> {
    let Value::Text(text) = of else { return Value::Unknown };
    Value::Text(match (change, text) {
        (TextChange::Lower, text) => Cow::Owned(text.to_lowercase()),
        (TextChange::Upper, text) => Cow::Owned(text.to_uppercase()),
        (TextChange::Trim, Cow::Borrowed(text)) => Cow::Borrowed(text.trim()),
        (TextChange::Trim, Cow::Owned(text)) => Cow::Owned(text.trim().to_owned()),
    })
}
