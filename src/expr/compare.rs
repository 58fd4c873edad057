//! How two values compare when nobody declared their types: an event may bring `"12"` where a number is meant.
//!
//! Alike values compare as usual. A text and a number compare as numbers when the text is a plain number; a text and a flag
//! as flags; anything with a time as times. Two known values that can't be alike are not equal; which one is greater is
//! unknown.

use std::cmp::Ordering;

use super::band::Band;
use super::coerce::{to_bool, to_time};
use super::number::plain_number;
use super::syntax::Comparison;
use super::value::Value;

impl Comparison {
    pub(super) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }

    /// Over numbers; unknown for what is no number.
    pub(super) fn numbers(self, left: f64, right: f64) -> Option<bool> {
        left.partial_cmp(&right).map(|ordering| self.holds(ordering))
    }

    /// Over any values.
    pub(super) fn values(self, left: &Value<'_>, right: &Value<'_>) -> Option<bool> {
        if matches!(left, Value::Unknown) || matches!(right, Value::Unknown) {
            return None;
        }
        if matches!(left, Value::Band(_)) || matches!(right, Value::Band(_)) {
            return band_of(left)?.compare(self, band_of(right)?);
        }
        match order(left, right) {
            Some(ordering) => Some(self.holds(ordering)),
            None if self.is_equality() => Some(alike(left, right) == (self == Self::Equal)),
            None => None,
        }
    }
}

/// The order of two values that have one.
fn order(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.partial_cmp(right),
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (Value::Text(left), Value::Number(right)) => plain_number(left)?.partial_cmp(right),
        (Value::Number(left), Value::Text(right)) => left.partial_cmp(&plain_number(right)?),
        (Value::Time(left), right) => Some(left.cmp(&to_time(right)?)),
        (left, Value::Time(right)) => Some(to_time(left)?.cmp(right)),
        _ => None,
    }
}

/// A band, or a number as one.
fn band_of(value: &Value<'_>) -> Option<Band> {
    match value {
        Value::Band(band) => Some(*band),
        other => number_of(other).map(Band::exactly),
    }
}

/// Whether two values that have no order are the same.
fn alike(left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        (Value::Bool(left), right) => to_bool(right) == Some(*left),
        (left, Value::Bool(right)) => to_bool(left) == Some(*right),
        (Value::Json(left), Value::Json(right)) => left == right,
        (Value::List(left), Value::List(right)) => left == right,
        _ => false,
    }
}

/// A value as a number, where a number is meant.
pub(super) fn number_of(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Text(text) => plain_number(text),
        _ => None,
    }
}
