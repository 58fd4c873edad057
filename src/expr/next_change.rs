//! When a condition may change by time alone: a date passes, a bucket leaves a window.
//!
//! The answer may be early, in which case nothing happens and it is asked again; it is never late. What can't change the outcome
//! is left out: a count that can only fall doesn't make `count > 5` true, and while one part of a conjunction is false the others
//! don't matter.
//!
//! A comparison with `now` is looked at over stretches of time: [`Term::range`] says between which values a side stays from now
//! until some moment, and the longest stretch is sought throughout which the comparison says the same. So it needs no algebra:
//! `tasks / ((now - user.first_seen) / duration("1d")) > 3` has its moment as well as `now >= account.trial_ends_at`.

use std::cmp::Ordering;

use super::coerce::to_time;
use super::compare::number_of;
use super::eval::{Context, MAX_ELEMENTS, elements};
use super::syntax::{Arithmetic, Comparison};
use super::tree::{By, Calculation, Quantifier, Term, Test, TextCheck};
use super::value::{Drift, Facts, Slot, Type, Value, Way};
use super::{Expr, Meaning, Points, Signal, SortKey};
use crate::time::Millis;

/// How soon to look again at what can't be told at all, such as `now` as an element of a list.
const BLIND: i64 = Millis::MINUTE;
/// Nothing is sought beyond this: some 500 years.
const HORIZON: i64 = 1 << 44;
const NEVER: Millis = Millis(i64::MAX);

impl Expr {
    /// The earliest moment after now at which the outcome may change though nothing happens; `None` when it can't.
    pub fn next_change(&self, facts: &impl Facts) -> Option<Millis> {
        self.outlook(facts).1
    }

    /// The outcome, and the earliest moment at which it may change though nothing happens.
    pub fn outlook(&self, facts: &impl Facts) -> (Option<bool>, Option<Millis>) {
        let Outlook { met, until } = self.0.test.outlook(&Context::new(facts));
        (met, Some(until).filter(|until| *until < NEVER))
    }
}

impl Signal {
    /// When it may say something else though nothing happens; what is remembered of it changes with that.
    pub fn next_change(&self, facts: &impl Facts) -> Option<Drift> {
        let on = Context::new(facts);
        let until = match &self.meaning {
            Meaning::Is(formula) => formula.term().until(&on),
            Meaning::All(parts) => settled_by(Some(false), parts.iter().map(|part| part.0.test.outlook(&on))).until,
            Meaning::Any(parts) => settled_by(Some(true), parts.iter().map(|part| part.0.test.outlook(&on))).until,
            Meaning::Points(lines) => lines.iter().map(|line| line.until(&on)).min().unwrap_or(NEVER),
        };
        any_way(until)
    }
}

impl SortKey {
    /// When the yes or no that a member tells for it may change though nothing happens. A number that moves by itself is told with the
    /// member's next news.
    pub fn next_change(&self, facts: &impl Facts) -> Option<Millis> {
        let Self::Told { formula, .. } = self else { return None };
        let until = (*formula.ty() == Type::Bool).then(|| formula.term().until(&Context::new(facts)))?;
        Some(until).filter(|until| *until < NEVER)
    }
}

impl Points {
    fn until<'a, F: Facts>(&'a self, on: &Context<'a, F>) -> Millis {
        let when = self.when.as_ref().map(|when| when.0.test.outlook(on));
        let each = self.each.as_ref().map_or(NEVER, |each| each.term().until(on));
        match when {
            // However many there are, none is given.
            Some(Outlook { met: Some(false), until }) => until,
            Some(Outlook { until, .. }) => until.min(each),
            None => each,
        }
    }
}

/// The outcomes of several conditions as one, all of which must be true, and until when it surely stays.
pub(crate) fn all_outlooks(
    parts: impl Iterator<Item = (Option<bool>, Option<Millis>)>,
) -> (Option<bool>, Option<Millis>) {
    let parts = parts.map(|(met, until)| Outlook { met, until: until.unwrap_or(NEVER) });
    let Outlook { met, until } = settled_by(Some(false), parts);
    (met, Some(until).filter(|until| *until < NEVER))
}

/// An outcome, and until when it surely stays.
#[derive(Clone, Copy)]
struct Outlook {
    met: Option<bool>,
    until: Millis,
}

/// What several parts make together where one that says `settles` settles it: as long as any of those lasts, or else until the
/// first of all changes.
fn settled_by(settles: Option<bool>, parts: impl Iterator<Item = Outlook>) -> Outlook {
    let (mut settled, mut first, mut unknown) = (None::<Millis>, NEVER, false);
    for part in parts {
        if part.met == settles {
            settled = Some(settled.map_or(part.until, |until| until.max(part.until)));
        }
        first = first.min(part.until);
        unknown |= part.met.is_none();
    }
    match settled {
        Some(until) => Outlook { met: settles, until },
        None => Outlook { met: if unknown { None } else { settles.map(|met| !met) }, until: first },
    }
}

impl Test {
    /// See [`Expr::next_change`].
    pub(super) fn next_change<'a, F: Facts>(&'a self, on: &Context<'a, F>) -> Option<Millis> {
        Some(self.outlook(on).until).filter(|until| *until < NEVER)
    }

    fn outlook<'a, F: Facts>(&'a self, on: &Context<'a, F>) -> Outlook {
        match self {
            Self::And(terms) => settled_by(Some(false), terms.iter().map(|term| term.outlook(on))),
            Self::Or(terms) => settled_by(Some(true), terms.iter().map(|term| term.outlook(on))),
            Self::Not(term) => {
                let Outlook { met, until } = term.outlook(on);
                Outlook { met: met.map(|met| !met), until }
            }
            Self::If(parts) => {
                let condition = parts.0.outlook(on);
                let chosen = match condition.met {
                    Some(true) => parts.1.outlook(on),
                    Some(false) => parts.2.outlook(on),
                    None => condition,
                };
                Outlook { met: chosen.met, until: chosen.until.min(condition.until) }
            }
            Self::Quantified { list, how, body, .. } => {
                let until = quantified_until(list, *how, body, on);
                Outlook { met: self.run(on), until: until.min(list.until(on)) }
            }
            leaf => Outlook { met: leaf.run(on), until: leaf.leaf_until(on) },
        }
    }

    /// Until when a test without tests of its own stays what it is.
    fn leaf_until<'a, F: Facts>(&'a self, on: &Context<'a, F>) -> Millis {
        match self {
            Self::Number { read, than, threshold, .. } => {
                let drift = on.facts.next_change(&read.slot);
                drift.map_or(NEVER, |drift| {
                    let value = number_of(&read.value(on));
                    let ordering = value.and_then(|value| value.partial_cmp(threshold));
                    if can_flip(*than, ordering, drift.way) { drift.at } else { NEVER }
                })
            }
            Self::TextIs { read, .. } => on.facts.next_change(&read.slot).map_or(NEVER, |drift| drift.at),
            Self::Compare { left, than, right, by, .. } => compare_until(left, *than, right, *by, on),
            Self::Among { item: of, .. } | Self::Known { of, .. } | Self::Flag { of, .. } => of.until(on),
            Self::In { item, list, .. } => item.until(on).min(list.until(on)),
            Self::Text { of, check, .. } => match check {
                TextCheck::Contains(needle) | TextCheck::StartsWith(needle) | TextCheck::EndsWith(needle) => {
                    of.until(on).min(needle.until(on))
                }
                TextCheck::ContainsAny(_) | TextCheck::ContainsWord(_) | TextCheck::Matches(_) => of.until(on),
            },
            _ => NEVER,
        }
    }
}

fn quantified_until<'a, F: Facts>(list: &'a Term, how: Quantifier, body: &'a Test, on: &Context<'a, F>) -> Millis {
    let Some(elements) = elements(list.value(on)) else { return NEVER };
    let parts = elements.take(MAX_ELEMENTS).map(|element| {
        let inner = Context { facts: on.facts, item: Some(element) };
        body.outlook(&inner)
    });
    match how {
        Quantifier::Exists => settled_by(Some(true), parts).until,
        Quantifier::All => settled_by(Some(false), parts).until,
        Quantifier::ExistsOne => parts.map(|part| part.until).min().unwrap_or(NEVER),
    }
}

/// Whether a comparison may say something else once its left side has moved that way. It may move past the right side.
fn can_flip(than: Comparison, ordering: Option<Ordering>, way: Way) -> bool {
    let Some(ordering) = ordering else { return true };
    let reached: &[Ordering] = match (way, ordering) {
        (Way::Any, _) => return true,
        (Way::Down, Ordering::Less) | (Way::Up, Ordering::Greater) => &[],
        (Way::Down, Ordering::Equal) => &[Ordering::Less],
        (Way::Down, Ordering::Greater) => &[Ordering::Equal, Ordering::Less],
        (Way::Up, Ordering::Equal) => &[Ordering::Greater],
        (Way::Up, Ordering::Less) => &[Ordering::Equal, Ordering::Greater],
    };
    reached.iter().any(|reached| than.holds(*reached) != than.holds(ordering))
}

fn compare_until<'a, F: Facts>(
    left: &'a Term,
    than: Comparison,
    right: &'a Term,
    by: By,
    on: &Context<'a, F>,
) -> Millis {
    let drift = joined(left.drift(on), turned(right.drift(on)));
    if left.reads_now() || right.reads_now() {
        return timed_until(left, than, right, by, on).min(drift.map_or(NEVER, |drift| drift.at));
    }
    let Some(drift) = drift else { return NEVER };
    let ordering = match by {
        By::Number => number_of(&left.value(on)).zip(number_of(&right.value(on))).and_then(|(l, r)| l.partial_cmp(&r)),
        By::Time | By::Nature => None,
    };
    if can_flip(than, ordering, drift.way) { drift.at } else { NEVER }
}

/// As what a value is compared or calculated with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    Number,
    Time,
}

impl Want {
    /// A value as a number; times count as milliseconds.
    fn of(self, value: &Value<'_>) -> Option<f64> {
        match self {
            Self::Number => number_of(value),
            Self::Time => to_time(value).map(ms),
        }
    }
}

/// Until when a comparison with `now` stays what it is, as far as time alone goes.
fn timed_until<'a, F: Facts>(left: &'a Term, than: Comparison, right: &'a Term, by: By, on: &Context<'a, F>) -> Millis {
    let Value::Time(now) = on.facts.read(&Slot::Now) else { return NEVER };
    let values = (left.value(on), right.value(on));
    let want = match by {
        By::Number => Want::Number,
        By::Time => Want::Time,
        By::Nature if matches!(values, (Value::Time(_), _) | (_, Value::Time(_))) => Want::Time,
        By::Nature => Want::Number,
    };
    let within = |from: i64, to: i64| {
        let span = (now.plus(from), now.plus(to));
        Some((left.range(want, on, span)?, right.range(want, on, span)?))
    };
    let stays = |ms: i64| within(0, ms).and_then(|(left, right)| outcome(left, than, right)).is_some();
    if want.of(&values.0).is_none() || want.of(&values.1).is_none() {
        // Something is not known, and stays so; or this is the one moment at which it can't be calculated.
        return if within(1, 1).is_some() { now.plus(1) } else { NEVER };
    }
    if stays(HORIZON) {
        NEVER
    } else if stays(0) {
        now.plus(longest(stays).saturating_add(1))
    } else {
        now.plus(BLIND)
    }
}

/// The largest number of milliseconds for which something holds that holds for 0 and not for [`HORIZON`].
fn longest(holds: impl Fn(i64) -> bool) -> i64 {
    let (mut good, mut bad) = (0, 1);
    while bad < HORIZON && holds(bad) {
        (good, bad) = (bad, bad * 2);
    }
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if holds(middle) { good = middle } else { bad = middle }
    }
    good
}

/// What a comparison says when its sides lie within these; `None` when that hangs on where.
fn outcome(left: (f64, f64), than: Comparison, right: (f64, f64)) -> Option<bool> {
    let possible = [
        (left.0 < right.1, Ordering::Less),
        (left.0 <= right.1 && left.1 >= right.0, Ordering::Equal),
        (left.1 > right.0, Ordering::Greater),
    ];
    let mut said =
        possible.into_iter().filter(|(is_possible, _)| *is_possible).map(|(_, ordering)| than.holds(ordering));
    let first = said.next()?;
    said.all(|other| other == first).then_some(first)
}

/// The sooner of two, as what they do together.
fn joined(one: Option<Drift>, other: Option<Drift>) -> Option<Drift> {
    let (Some(one), Some(other)) = (one, other) else { return one.or(other) };
    Some(Drift { at: one.at.min(other.at), way: if one.way == other.way { one.way } else { Way::Any } })
}

fn turned(drift: Option<Drift>) -> Option<Drift> {
    drift.map(|Drift { at, way }| {
        let way = match way {
            Way::Down => Way::Up,
            Way::Up => Way::Down,
            Way::Any => Way::Any,
        };
        Drift { at, way }
    })
}

fn any_way(until: Millis) -> Option<Drift> {
    (until < NEVER).then_some(Drift { at: until, way: Way::Any })
}

impl Term {
    /// When the value may change by time, `now` in sums and the like aside, and which way.
    fn drift<'a, F: Facts>(&'a self, on: &Context<'a, F>) -> Option<Drift> {
        match self {
            Self::Constant(_) | Self::Item => None,
            Self::Read(read) if read.slot == Slot::Now => None,
            Self::Read(read) => on.facts.next_change(&read.slot),
            Self::Negate(of) => turned(of.drift(on)),
            Self::Calculate(parts) => {
                let (left, right) = (parts.0.drift(on), parts.2.drift(on));
                match parts.1 {
                    Calculation::Numbers(Arithmetic::Add) | Calculation::Shift { back: false } => joined(left, right),
                    Calculation::Numbers(Arithmetic::Subtract) | Calculation::Between => joined(left, turned(right)),
                    Calculation::Shift { back: true } | Calculation::Numbers(_) | Calculation::Join => {
                        joined(left, right).and_then(|drift| any_way(drift.at))
                    }
                }
            }
            Self::Field(parts) => parts.0.drift(on).and_then(|drift| any_way(drift.at)),
            Self::At(parts) => parts.0.drift(on).and_then(|drift| any_way(drift.at)),
            Self::Size(of) | Self::Bound(of, _) | Self::Change(of, _) => {
                of.drift(on).and_then(|drift| any_way(drift.at))
            }
            Self::Test(test) => any_way(test.outlook(on).until),
            Self::If(parts) => {
                let branches = joined(parts.1.drift(on), parts.2.drift(on)).map_or(NEVER, |drift| drift.at);
                any_way(branches.min(parts.0.outlook(on).until))
            }
            Self::List(terms) => any_way(terms.iter().map(|term| term.until(on)).min().unwrap_or(NEVER)),
            Self::During(during) => {
                let anchors = during.from.until(on).min(during.to.until(on));
                let figure = during.slot(on).and_then(|slot| on.facts.next_change(&slot));
                joined(figure, any_way(anchors))
            }
            Self::Figure(list, _) => any_way(list.until(on)),
            Self::Count { list, body, .. } => {
                any_way(list.until(on).min(quantified_until(list, Quantifier::ExistsOne, body, on)))
            }
        }
    }

    /// Until when the value surely stays what it is.
    fn until<'a, F: Facts>(&'a self, on: &Context<'a, F>) -> Millis {
        let drift = self.drift(on).map_or(NEVER, |drift| drift.at);
        match on.facts.read(&Slot::Now) {
            Value::Time(now) if self.reads_now() => drift.min(now.plus(BLIND)),
            _ => drift,
        }
    }

    /// Whether the value moves with `now`. A test within it has moments of its own, and doesn't.
    pub(super) fn reads_now(&self) -> bool {
        match self {
            Self::Read(read) => read.slot == Slot::Now,
            // `now` is no anchor.
            Self::Constant(_) | Self::Item | Self::Test(_) | Self::During(_) => false,
            Self::Field(parts) => parts.0.reads_now(),
            Self::At(parts) => parts.0.reads_now(),
            Self::Calculate(parts) => parts.0.reads_now() || parts.2.reads_now(),
            Self::Negate(of) | Self::Size(of) | Self::Bound(of, _) | Self::Change(of, _) | Self::Figure(of, _) => {
                of.reads_now()
            }
            Self::Count { list, .. } => list.reads_now(),
            Self::If(parts) => parts.1.reads_now() || parts.2.reads_now(),
            Self::List(terms) => terms.iter().any(Self::reads_now),
        }
    }

    /// Between which numbers the value stays throughout a stretch of time, everything but `now` being as it is; `None` where
    /// that can't be said. The bounds are calculated as the values are, so that rounding makes no difference.
    fn range<'a, F: Facts>(&'a self, want: Want, on: &Context<'a, F>, span: (Millis, Millis)) -> Option<(f64, f64)> {
        match self {
            Self::Read(read) if read.slot == Slot::Now => (want == Want::Time).then(|| (ms(span.0), ms(span.1))),
            _ if !self.reads_now() => want.of(&self.value(on)).map(|point| (point, point)),
            Self::Negate(of) => of.range(want, on, span).map(|(low, high)| (-high, -low)),
            Self::Calculate(parts) => {
                let (left, how, right) = parts.as_ref();
                let (is_time, wanted) = match how {
                    Calculation::Numbers(_) => (false, (Want::Number, Want::Number)),
                    Calculation::Between => (false, (Want::Time, Want::Time)),
                    // Of a time and a length of time either may come first.
                    Calculation::Shift { .. } if matches!(left.value(on), Value::Number(_)) => {
                        (true, (Want::Number, Want::Time))
                    }
                    Calculation::Shift { .. } => (true, (Want::Time, Want::Number)),
                    Calculation::Join => return None,
                };
                let sides = (left.range(wanted.0, on, span)?, right.range(wanted.1, on, span)?);
                calculated(sides.0, *how, sides.1).filter(|_| is_time == (want == Want::Time))
            }
            // Until the test says something else, which is told apart from this.
            Self::If(parts) => (if parts.0.run(on)? { &parts.1 } else { &parts.2 }).range(want, on, span),
            _ => None,
        }
    }
}

/// Between which numbers the outcome of a calculation lies when its sides lie within these.
fn calculated(left: (f64, f64), how: Calculation, right: (f64, f64)) -> Option<(f64, f64)> {
    let extremes = |of: fn(f64, f64) -> f64| {
        let all = [of(left.0, right.0), of(left.0, right.1), of(left.1, right.0), of(left.1, right.1)];
        (all.into_iter().fold(f64::INFINITY, f64::min), all.into_iter().fold(f64::NEG_INFINITY, f64::max))
    };
    let range = match how {
        Calculation::Numbers(Arithmetic::Add) => (left.0 + right.0, left.1 + right.1),
        Calculation::Numbers(Arithmetic::Subtract) | Calculation::Between => (left.0 - right.1, left.1 - right.0),
        Calculation::Numbers(Arithmetic::Multiply) => extremes(|left, right| left * right),
        Calculation::Numbers(Arithmetic::Divide) if right.0 > 0.0 || right.1 < 0.0 => {
            extremes(|left, right| left / right)
        }
        Calculation::Numbers(Arithmetic::Remainder) if right.0 == right.1 => {
            let (low, high) = (left.0 % right.0, left.1 % right.0);
            // It rises with the left side until that reaches the next multiple, where it falls.
            (left.1 - left.0 < right.0.abs() && low <= high).then_some((low, high))?
        }
        Calculation::Shift { back: false } => (left.0.round() + right.0.round(), left.1.round() + right.1.round()),
        Calculation::Shift { back: true } => (left.0.round() - right.1.round(), left.1.round() - right.0.round()),
        Calculation::Numbers(_) | Calculation::Join => return None,
    };
    (range.0.is_finite() && range.1.is_finite()).then_some(range)
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds within some 500 years are far below 2^53")]
const fn ms(at: Millis) -> f64 {
    at.0 as f64
}
