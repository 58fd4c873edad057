//! Bands: numbers of which only the bounds are known, as enrichment tools write them (`51-200`, `500+`, `<50`).

use std::fmt;

use super::number::{exact_number, leading_number, strip_currency};

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

    pub(super) fn between(min: (f64, bool), max: (f64, bool)) -> Option<Self> {
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

    /// Whether every number of it is less than every one of the other; unknown where that hangs on which.
    pub fn is_less(self, other: Self) -> Option<bool> {
        let (max, min) = (self.max, other.min);
        if max.at < min.at || (max.at == min.at && (max.open || min.open)) {
            return Some(true);
        }
        (self.min.at >= other.max.at).then_some(false)
    }

    /// Whether every number of it lies in the other; unknown where that hangs on which.
    pub fn is_within(self, other: Self) -> Option<bool> {
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
}
