//! Bands: numbers of which only the bounds are known, as enrichment tools write them (`51-200`, `500+`, `<50`).

use std::fmt;

use super::number::{exact_number, leading_number, strip_currency};
use super::syntax::Comparison;

/// From where to where a number may lie; both ends may be the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    min: End,
    max: End,
}

/// One end of a band.
#[derive(Clone, Copy, Debug, PartialEq)]
struct End {
    at: f64,
    /// Whether the number itself lies outside: `<50`.
    open: bool,
}

impl Band {
    /// A number that is known.
    pub const fn exactly(number: f64) -> Self {
        let end = End { at: number, open: false };
        Self { min: end, max: end }
    }

    fn between(min: (f64, bool), max: (f64, bool)) -> Option<Self> {
        let (min, max) = (End { at: min.0, open: min.1 }, End { at: max.0, open: max.1 });
        let fits = min.at < max.at || (min.at <= max.at && !min.open && !max.open);
        fits.then_some(Self { min, max })
    }

    /// A band as people and enrichment tools write it: `51-200`, `51 to 200`, `1k – 5k`, `$1-10M`, `500+`, `>500`, `over 500`,
    /// `<50`, `up to 50`, or a number.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(number) = exact_number(text) {
            return Some(Self::exactly(number));
        }
        let lower = text.to_ascii_lowercase();
        let after = |words: &[&str]| words.iter().find_map(|word| lower.strip_prefix(word)).map(str::trim);
        if let Some(rest) = after(&["<=", "≤", "up to", "at most"]) {
            return Self::between((0.0, false), (exact_number(rest)?, false));
        }
        if let Some(rest) = after(&["<", "under", "less than", "fewer than", "below"]) {
            return Self::between((0.0, false), (exact_number(rest)?, true));
        }
        if let Some(rest) = after(&[">=", "≥", "at least", "from"]) {
            return Self::between((exact_number(rest)?, false), (f64::INFINITY, false));
        }
        if let Some(rest) = after(&[">", "over", "more than", "above"]) {
            return Self::between((exact_number(rest)?, true), (f64::INFINITY, false));
        }
        Self::between_two(&lower)
    }

    /// `51-200` and `500+`, with or without a unit after it.
    fn between_two(text: &str) -> Option<Self> {
        let (first, rest) = leading_number(strip_currency(text))?;
        let rest = rest.trim_start();
        let more = ["+", "or more", "and more", "and up", "and above"].iter().find_map(|word| rest.strip_prefix(word));
        if let Some(unit) = more {
            let upwards = Self::between((first.value(), false), (f64::INFINITY, false));
            return upwards.filter(|_| unit.trim().chars().all(char::is_alphabetic));
        }
        let rest = ["-", "–", "—", "to ", ".."].iter().find_map(|sign| rest.strip_prefix(sign))?;
        let (last, unit) = leading_number(strip_currency(rest.trim_start()))?;
        // Of `$1-10M` both are meant in millions, of `500-1k` they are not.
        let shared = first.factor == 1.0 && first.digits < last.digits;
        let from = if shared { first.digits * last.factor } else { first.value() };
        let unit = unit.trim().trim_start_matches(['€', '$', '£']);
        Self::between((from, false), (last.value(), false)).filter(|_| unit.chars().all(char::is_alphabetic))
    }

    /// The number, where it is known.
    pub fn number(self) -> Option<f64> {
        (self.min.at == self.max.at).then_some(self.min.at)
    }

    /// The least that it may be.
    pub const fn min(self) -> f64 {
        self.min.at
    }

    /// The most that it may be; none for `500+`.
    pub fn max(self) -> Option<f64> {
        self.max.at.is_finite().then_some(self.max.at)
    }

    /// Whether the comparison holds wherever in the bands the numbers lie; unknown where that makes a difference. A number or a band
    /// is equal to a band that it lies in.
    pub(super) fn compare(self, than: Comparison, other: Self) -> Option<bool> {
        match than {
            Comparison::Less => self.is_less(other),
            Comparison::Greater => other.is_less(self),
            Comparison::GreaterOrEqual => self.is_less(other).map(|less| !less),
            Comparison::LessOrEqual => other.is_less(self).map(|less| !less),
            Comparison::Equal => self.is_within(other),
            Comparison::NotEqual => self.is_within(other).map(|within| !within),
        }
    }

    fn is_less(self, other: Self) -> Option<bool> {
        let (max, min) = (self.max, other.min);
        if max.at < min.at || (max.at == min.at && (max.open || min.open)) {
            return Some(true);
        }
        (self.min.at >= other.max.at).then_some(false)
    }

    fn is_within(self, other: Self) -> Option<bool> {
        if self.is_less(other) == Some(true) || other.is_less(self) == Some(true) {
            return Some(false);
        }
        let above = self.min.at > other.min.at || (self.min.at == other.min.at && (self.min.open || !other.min.open));
        let below = self.max.at < other.max.at || (self.max.at == other.max.at && (self.max.open || !other.max.open));
        (above && below).then_some(true)
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (min, max) = (self.min.at, self.max.at);
        match (self.min.open, self.max.open) {
            _ if min == max => write!(f, "{min}"),
            (_, true) if min == 0.0 => write!(f, "<{max}"),
            (true, _) if max.is_infinite() => write!(f, ">{min}"),
            _ if max.is_infinite() => write!(f, "{min}+"),
            _ => write!(f, "{min}-{max}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_are_read_as_they_are_written() {
        for (written, read) in [
            ("51-200", Some("51-200")),
            ("51 – 200 employees", Some("51-200")),
            ("51 to 200", Some("51-200")),
            ("1,001..5,000", Some("1001-5000")),
            ("1k – 5k", Some("1000-5000")),
            ("$1-10M", Some("1000000-10000000")),
            ("€500-€1k", Some("500-1000")),
            ("10 €-50 €", None),
            ("500+", Some("500+")),
            ("10,001+ employees", Some("10001+")),
            ("500 or more", Some("500+")),
            (">= 500", Some("500+")),
            (">500", Some(">500")),
            ("over 500", Some(">500")),
            ("<50", Some("<50")),
            ("less than 50", Some("<50")),
            ("up to 50", Some("0-50")),
            ("120", Some("120")),
            ("~120 employees", Some("120")),
            ("200-51", None),
            ("51-", None),
            ("2026-11-21", None),
            ("a few", None),
            ("", None),
        ] {
            assert_eq!(Band::read(written).map(|band| band.to_string()).as_deref(), read, "{written}");
        }
    }

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
