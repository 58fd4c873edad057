//! Time as the whole program speaks it: milliseconds since the Unix epoch, and the one place where a clock is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// One second in milliseconds.
    pub const SECOND: i64 = 1_000;
    /// One minute in milliseconds.
    pub const MINUTE: i64 = 60 * Self::SECOND;
    /// One hour in milliseconds.
    pub const HOUR: i64 = 60 * Self::MINUTE;
    /// One day in milliseconds.
    pub const DAY: i64 = 24 * Self::HOUR;

    /// This moment moved by `ms` milliseconds, saturating at the ends of time.
    pub const fn plus(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this moment; negative when `earlier` is later.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment as RFC 3339 in UTC with milliseconds, for example `2026-11-21T09:30:00.000Z`; at the ends of what that can
    /// say (the years -9999 and 9999) when it lies beyond.
    pub fn rfc3339(self) -> String {
        let mut out = String::with_capacity(24);
        self.write_rfc3339(&mut out);
        out
    }

    /// Appends [`Self::rfc3339`].
    pub fn write_rfc3339(self, out: &mut String) {
        let ms = self.0.clamp(jiff::Timestamp::MIN.as_millisecond(), jiff::Timestamp::MAX.as_millisecond());
        write_day(ms.div_euclid(Self::DAY), out);
        let of_day = ms.rem_euclid(Self::DAY);
        for (mark, unit, of, width) in [
            ('T', Self::HOUR, 24, 2),
            (':', Self::MINUTE, 60, 2),
            (':', Self::SECOND, 60, 2),
            ('.', 1, Self::SECOND, 3),
        ] {
            out.push(mark);
            push_padded(out, of_day / unit % of, width);
        }
        out.push('Z');
    }

    /// The moment that an RFC 3339 text names.
    pub fn parse(text: &str) -> Option<Self> {
        Self::read_own(text).or_else(|| text.parse::<jiff::Timestamp>().ok().map(|at| Self(at.as_millisecond())))
    }

    /// The very form of [`Self::rfc3339`], many times as fast as whatever reads other forms too.
    fn read_own(text: &str) -> Option<Self> {
        let (day, clock) = text.split_once('T')?;
        let [h1, h2, b':', m1, m2, b':', s1, s2, b'.', f1, f2, f3, b'Z'] = *clock.as_bytes() else { return None };
        let (hour, minute) = (number([h1, h2])?, number([m1, m2])?);
        let (second, ms) = (number([s1, s2])?, number([f1, f2, f3])?);
        (hour < 24 && minute < 60 && second < 60).then_some(())?;
        Some(Self(read_day(day)? * Self::DAY + hour * Self::HOUR + minute * Self::MINUTE + second * Self::SECOND + ms))
    }
}

/// The number that these digits make.
fn number<const N: usize>(digits: [u8; N]) -> Option<i64> {
    digits.iter().try_fold(0, |n, digit| digit.is_ascii_digit().then(|| n * 10 + i64::from(digit - b'0')))
}

/// Reads what [`write_day`] wrote.
pub(crate) fn read_day(text: &str) -> Option<i64> {
    if let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text.as_bytes() {
        return days_since_epoch(number([y1, y2, y3, y4])?, number([m1, m2])?, number([d1, d2])?);
    }
    let date: jiff::civil::Date = text.parse().ok()?;
    days_since_epoch(date.year().into(), date.month().into(), date.day().into())
}

/// When a date begins in a time zone.
pub fn begins(date: jiff::civil::Date, zone: &jiff::tz::TimeZone) -> Option<Millis> {
    date.to_zoned(zone.clone()).ok().map(|at| Millis(at.timestamp().as_millisecond()))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar; `None` when there is no such date.
pub(crate) fn days_since_epoch(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Years are counted from March, so that the leap day is the last one; 400 of them have 146,097 days.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (y.div_euclid(400), y.rem_euclid(400));
    let of_year = (153 * m + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// The year, the month and the day that are so many days after 1970-01-01 (Howard Hinnant's `civil_from_days`,
/// <https://howardhinnant.github.io/date_algorithms.html>).
pub(crate) const fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + (month <= 2) as i64, month, day)
}

/// Appends the civil date that is so many days after 1970-01-01.
pub(crate) fn write_day(days: i64, out: &mut String) {
    let (year, month, day) = civil(days);
    if year < 0 {
        out.push('-');
        // As RFC 3339's successors write years before 0: with a sign and six digits.
        push_padded(out, -year, 6);
    } else {
        push_padded(out, year, 4);
    }
    out.push('-');
    push_padded(out, month, 2);
    out.push('-');
    push_padded(out, day, 2);
}

/// Appends a number. The formatting machinery takes several times as long, and much of what is stored is numbers.
pub(crate) fn push_number(out: &mut String, n: u64) {
    let mut digits = [0; 20];
    let (mut at, mut n) = (digits.len(), n);
    loop {
        at -= 1;
        if let Some(digit) = digits.get_mut(at) {
            *digit = b'0' + u8::try_from(n % 10).unwrap_or(0);
        }
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.push_str(std::str::from_utf8(digits.get(at..).unwrap_or_default()).unwrap_or_default());
}

/// Appends a number that is not negative, with leading zeros up to `width` digits.
pub(crate) fn push_padded(out: &mut String, n: i64, width: u32) {
    let mut shift = 10_i64.pow(width.saturating_sub(1));
    while shift > n.max(1) {
        out.push('0');
        shift /= 10;
    }
    push_number(out, n.unsigned_abs());
}

/// Where the time comes from. Pure code never sees it: it is read at the edges and handed in as [`Millis`].
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// A clock that a test or a simulation turns by hand.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A hand-turned clock that starts at `start`.
    pub fn manual(start: Millis) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(start.0)))
    }

    /// Now.
    pub fn now(&self) -> Millis {
        match self {
            Self::System => Millis(jiff::Timestamp::now().as_millisecond()),
            Self::Manual(ms) => Millis(ms.load(Ordering::SeqCst)),
        }
    }

    /// Turns a manual clock forward; the machine's clock stays as it is.
    pub fn advance(&self, ms: i64) {
        if let Self::Manual(at) = self {
            at.fetch_add(ms, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rfc_3339_is_that_of_the_calendar(ms in -377_705_023_201_000..=253_402_207_200_999_i64) {
            let reference = jiff::Timestamp::from_millisecond(ms).map(|at| format!("{at:.3}"));
            prop_assert_eq!(Ok(Millis(ms).rfc3339()), reference.map_err(|error| error.to_string()));
            prop_assert_eq!(Millis::parse(&Millis(ms).rfc3339()), Some(Millis(ms)));
        }

        #[test]
        fn numbers_are_those_of_the_formatter(n: u64, small in 0..2_000_i64) {
            let (mut plain, mut padded) = (String::new(), String::new());
            push_number(&mut plain, n);
            push_padded(&mut padded, small, 3);
            prop_assert_eq!((plain, padded), (n.to_string(), format!("{small:03}")));
        }
    }

    #[test]
    fn moments_beyond_the_calendar_are_its_ends() {
        assert_eq!(Millis(i64::MAX).rfc3339(), "9999-12-30T22:00:00.999Z");
        assert_eq!(Millis(i64::MIN).rfc3339(), "-009999-01-02T01:59:59.000Z");
    }
}
