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

impl Band {
    /// Whether the comparison holds wherever in the bands the numbers lie; unknown where that makes a difference. A number or a band
    /// is equal to a band that it lies in.
    fn compare(self, than: Comparison, other: Self) -> Option<bool> {
        match than {
            Comparison::Less => self.is_less(other),
            Comparison::Greater => other.is_less(self),
            Comparison::GreaterOrEqual => self.is_less(other).map(|less| !less),
            Comparison::LessOrEqual => other.is_less(self).map(|less| !less),
            Comparison::Equal => self.is_within(other),
            Comparison::NotEqual => self.is_within(other).map(|within| !within),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_depends_on_where_it_lies_is_unknown() {
        use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        for (band, than, other, outcome) in [
            ("51-200", GreaterOrEqual, "100", None),
            ("51-200", GreaterOrEqual, "51", Some(true)),
            ("51-200", Greater, "51", None),
            ("51-200", Greater, "50", Some(true)),
            ("51-200", Greater, "200", Some(false)),
            ("51-200", GreaterOrEqual, "201", Some(false)),
            ("51-200", LessOrEqual, "200", Some(true)),
            ("51-200", Less, "200", None),
            ("51-200", Less, "51", Some(false)),
            ("500+", Greater, "499", Some(true)),
            ("500+", Less, "1000000", None),
            (">500", Greater, "500", Some(true)),
            (">500", GreaterOrEqual, "501", None),
            ("<50", Less, "50", Some(true)),
            ("<50", GreaterOrEqual, "50", Some(false)),
            ("120", GreaterOrEqual, "100", Some(true)),
            ("51-200", Equal, "51-200", Some(true)),
            ("100-150", Equal, "51-200", Some(true)),
            ("51-300", Equal, "51-200", None),
            ("201-500", Equal, "51-200", Some(false)),
            ("51-200", NotEqual, "1-50", Some(true)),
            ("120", Equal, "51-200", Some(true)),
            ("120", Equal, "120", Some(true)),
            ("51-200", Equal, "120", None),
        ] {
            let (left, right) = (Band::read(band).expect(band), Band::read(other).expect(other));
            assert_eq!(left.compare(than, right), outcome, "{band} {} {other}", than.symbol());
        }
    }

    /// What is decided about a band holds for every number in it; what isn't, holds for some and not for others.
    #[test]
    fn a_band_decides_as_the_numbers_in_it_do() {
        let all = [
            Comparison::Equal,
            Comparison::NotEqual,
            Comparison::Less,
            Comparison::LessOrEqual,
            Comparison::Greater,
            Comparison::GreaterOrEqual,
        ];
        proptest::proptest!(|(min in 0..20_i32, more in 0..20_i32, at in 0..40_i32)| {
            let band = Band::between((f64::from(min), false), (f64::from(min + more), false)).expect("in order");
            for than in all {
                // In halves, since a band holds more than whole numbers.
                let outcomes = (2 * min..=2 * (min + more)).map(|n| than.holds((f64::from(n) / 2.0).total_cmp(&f64::from(at))));
                let (mut some, mut every) = (false, true);
                outcomes.for_each(|holds| { some |= holds; every &= holds; });
                let expected = if every { Some(true) } else if some { None } else { Some(false) };
                proptest::prop_assert_eq!(band.compare(than, Band::exactly(f64::from(at))), expected);
            }
        });
    }
}
