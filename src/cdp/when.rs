//! When an event happened: lenient reading of times, and correction for the sender's clock.

use serde::de::{Deserialize, Deserializer};

use super::lenient::{self, Lenient};
use crate::time::{Millis, days_since_epoch};

/// The times that a call carries; what could not be read is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// `timestamp`: when the event happened, as the sender says or as a CDP corrected it.
    pub timestamp: Option<Millis>,
    /// `originalTimestamp`: when the call was made, by the clock of the device.
    pub original: Option<Millis>,
    /// When the sender's clock says that the request left.
    pub sent_at: Option<Millis>,
    /// `receivedAt`: when a CDP received the call.
    pub received: Option<Millis>,
}

impl Times {
    /// How far the call is from `now` by the best of the clocks that it names; `None` when it names none. A CDP's own clock is
    /// better than that of a device, which may have kept the call for days.
    pub fn distance_ms(&self, now: Millis) -> Option<i64> {
        let told = self.received.or(self.sent_at).or(self.timestamp).or(self.original)?;
        Some(now.since(told).saturating_abs())
    }
}

/// When the event happened, never later than `received_at`.
///
/// With `correct`, the event comes straight from an SDK and its clock may be wrong, so Segment's formula
/// `receivedAt − (sentAt − time of the call)` applies. Where both `timestamp` and `originalTimestamp` are there, the
/// sender named the moment himself (RudderStack's SDKs send both just then) and it stands as it is. Without `correct`,
/// the CDP has already corrected `timestamp`.
pub fn event_time(times: Times, received_at: Millis, correct: bool) -> Millis {
    let Times { timestamp, original, sent_at, received: _ } = times;
    let at = match (timestamp, original) {
        (None, None) => received_at,
        (Some(named), Some(_)) => named,
        (Some(call), None) | (None, Some(call)) => match sent_at {
            Some(sent_at) if correct => received_at.plus(call.since(sent_at)),
            _ => call,
        },
    };
    at.min(received_at).max(Millis(1))
}

/// A time in a JSON field: ISO 8601 as people write it, RFC 2822, or a number since the epoch. What can't be read is
/// `None`, never an error: an event with an odd time is still an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TimeField(pub Option<Millis>);

impl<'de> Deserialize<'de> for TimeField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::read(deserializer).map(Self)
    }
}

impl Lenient for Millis {
    const WHAT: &str = "a time";

    fn from_text(text: &str) -> Option<Self> {
        parse(text)
    }

    #[expect(clippy::cast_precision_loss, reason = "epoch times are far below 2^53 in any unit but nanoseconds")]
    fn from_unsigned(number: u64) -> Option<Self> {
        from_epoch(number as f64)
    }

    fn from_signed(_: i64) -> Option<Self> {
        None
    }

    fn from_float(number: f64) -> Option<Self> {
        from_epoch(number)
    }
}

/// Reads a number since the epoch, in seconds, milli-, micro- or nanoseconds: which one follows from its size.
pub fn from_epoch(number: f64) -> Option<Millis> {
    let ms = match number {
        n if !n.is_finite() || n <= 0.0 => return None,
        n if n < 1e11 => n * 1e3,
        n if n < 1e14 => n,
        n if n < 1e17 => n / 1e3,
        n if n < 1e20 => n / 1e6,
        _ => return None,
    };
    #[expect(clippy::cast_possible_truncation, reason = "below 1e14 by the match above")]
    sane(ms as i64)
}

/// Reads a time as senders write it. Zero times (`0001-01-01…`, the epoch itself) mean "none" and read as `None`.
pub fn parse(text: &str) -> Option<Millis> {
    let text = text.trim();
    if !text.is_empty() && text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return from_epoch(text.parse().ok()?);
    }
    iso_8601(text.as_bytes()).or_else(|| rfc_2822(text)).and_then(sane)
}

fn sane(ms: i64) -> Option<Millis> {
    (ms > 0).then_some(Millis(ms))
}

fn rfc_2822(text: &str) -> Option<i64> {
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp().as_millisecond())
}

/// `YYYY-MM-DD[ T]hh:mm[:ss[.fraction]][Z|±hh[[:]mm]]`, date alone too; figures need no padding; no offset means UTC.
fn iso_8601(bytes: &[u8]) -> Option<i64> {
    let mut scan = Scan(bytes);
    let year = scan.number(4)?;
    let separator = scan.one_of(b"-/")?;
    let month = scan.number(2)?;
    scan.one_of(&[separator])?;
    let day = scan.number(2)?;
    let mut ms = days_since_epoch(year, month, day)?.checked_mul(Millis::DAY)?;
    if scan.one_of(b"Tt ").is_some() {
        ms += time_of_day(&mut scan)?;
        ms -= offset(&mut scan)?;
    }
    scan.0.is_empty().then_some(ms)
}

fn time_of_day(scan: &mut Scan<'_>) -> Option<i64> {
    let hour = scan.number(2).filter(|h| *h <= 24)?;
    scan.one_of(b":")?;
    let minute = scan.number(2).filter(|m| *m < 60)?;
    let mut ms = hour * Millis::HOUR + minute * Millis::MINUTE;
    if scan.one_of(b":").is_some() {
        // A leap second reads as the second after it.
        ms += scan.number(2).filter(|s| *s <= 60)? * Millis::SECOND;
        if scan.one_of(b".,").is_some() {
            ms += scan.fraction_ms()?;
        }
    }
    Some(ms)
}

fn offset(scan: &mut Scan<'_>) -> Option<i64> {
    scan.one_of(b" ");
    let sign = match scan.one_of(b"Zz+-") {
        None | Some(b'Z' | b'z') => return Some(0),
        Some(b'-') => -1,
        Some(_) => 1,
    };
    let hours = scan.number(2).filter(|h| *h <= 23)?;
    let minutes = if scan.one_of(b":").is_some() || !scan.0.is_empty() { scan.number(2)? } else { 0 };
    (minutes < 60).then_some(sign * (hours * Millis::HOUR + minutes * Millis::MINUTE))
}

/// What is left to read of a text.
struct Scan<'a>(&'a [u8]);

impl Scan<'_> {
    fn one_of(&mut self, wanted: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        wanted.contains(first).then(|| {
            self.0 = rest;
            *first
        })
    }

    /// One to `most` digits.
    fn number(&mut self, most: usize) -> Option<i64> {
        let mut value = None;
        for _ in 0..most {
            let Some(digit) = self.digit() else { break };
            value = Some(value.unwrap_or(0) * 10 + digit);
        }
        value
    }

    fn digit(&mut self) -> Option<i64> {
        let (first, rest) = self.0.split_first()?;
        first.is_ascii_digit().then(|| {
            self.0 = rest;
            i64::from(first - b'0')
        })
    }

    /// Digits after the point, cut to milliseconds.
    fn fraction_ms(&mut self) -> Option<i64> {
        let mut ms = self.digit()? * 100;
        for place in [10, 1] {
            ms += self.digit().unwrap_or(0) * place;
        }
        while self.digit().is_some() {}
        Some(ms)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_times_as_senders_write_them() {
        for (text, expected) in [
            ("2026-11-21T20:36:58.396Z", Some("2026-11-21T20:36:58.396Z")),
            ("2026-11-21T20:37:05.663+00:00", Some("2026-11-21T20:37:05.663Z")),
            ("2026-11-21T20:37:06.168050+00:00", Some("2026-11-21T20:37:06.168Z")),
            ("2026-11-21T20:37:06.168050123Z", Some("2026-11-21T20:37:06.168Z")),
            ("2026-11-21T20:37:06.1Z", Some("2026-11-21T20:37:06.100Z")),
            ("2026-11-21T20:37:06+05:30", Some("2026-11-21T15:07:06.000Z")),
            ("2026-11-21T20:37:06-0800", Some("2026-11-22T04:37:06.000Z")),
            ("2026-11-21T20:37:06+02", Some("2026-11-21T18:37:06.000Z")),
            ("2015-2-02T00:30:08.276Z", Some("2015-02-02T00:30:08.276Z")),
            ("2015-2-2 0:30:08", Some("2015-02-02T00:30:08.000Z")),
            ("2026/11/21 20:37", Some("2026-11-21T20:37:00.000Z")),
            ("  2026-11-21  ", Some("2026-11-21T00:00:00.000Z")),
            ("2024-02-29T12:00:00 UTC", None),
            ("2024-02-29t12:00:00z", Some("2024-02-29T12:00:00.000Z")),
            ("2026-11-21 20:37:06 +0000", Some("2026-11-21T20:37:06.000Z")),
            ("2016-12-31T23:59:60Z", Some("2017-01-01T00:00:00.000Z")),
            ("Sat, 21 Nov 2026 20:37:06 GMT", Some("2026-11-21T20:37:06.000Z")),
            ("1795293426", Some("2026-11-21T20:37:06.000Z")),
            ("1795293426.5", Some("2026-11-21T20:37:06.500Z")),
            ("1795293426168", Some("2026-11-21T20:37:06.168Z")),
            ("2023-02-29", None),
            ("2026-13-01", None),
            ("2026-11-21T25:00:00Z", None),
            ("2026-11-21T20:37:06Zulu", None),
            ("0001-01-01T00:00:00Z", None),
            ("1970-01-01T00:00:00Z", None),
            ("yesterday", None),
            ("", None),
            ("0", None),
        ] {
            assert_eq!(parse(text).map(Millis::rfc3339).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn reads_numbers_by_their_size() {
        for number in [1_795_293_426.168, 1_795_293_426_168.0, 1_795_293_426_168_050.0, 1_795_293_426_168_050_100.0] {
            assert_eq!(from_epoch(number), Some(Millis(1_795_293_426_168)), "{number}");
        }
        for number in [0.0, -5.0, f64::NAN, f64::INFINITY, 1e21] {
            assert_eq!(from_epoch(number), None, "{number}");
        }
    }

    #[test]
    fn corrects_by_segments_formula_only_where_it_applies() {
        let some = |ms| Some(Millis(ms));
        let received = Millis(10_000);
        let times = |timestamp, original, sent_at| Times { timestamp, original, sent_at, received: None };
        for (name, times, correct, expected) in [
            ("nothing known", times(None, None, None), true, 10_000),
            ("Segment SDK: timestamp and sentAt", times(some(1_000), None, some(2_000)), true, 9_000),
            ("Rudder SDK: originalTimestamp and sentAt", times(None, some(1_000), some(2_000)), true, 9_000),
            ("Rudder SDK: the caller's own timestamp", times(some(500), some(1_000), some(2_000)), true, 500),
            ("no sentAt", times(some(1_000), None, None), true, 1_000),
            ("a clock ahead by a minute", times(some(70_000), None, some(70_100)), true, 9_900),
            ("in the future, no sentAt", times(some(70_000), None, None), true, 10_000),
            ("sent before it happened", times(some(70_000), None, some(100)), true, 10_000),
            ("webhook: corrected already", times(some(1_000), some(900), some(2_000)), false, 1_000),
            ("webhook: only originalTimestamp", times(None, some(900), some(2_000)), false, 900),
            ("webhook: in the future", times(some(11_000), None, None), false, 10_000),
            ("absurdly long ago", times(some(5), None, some(1_000_000)), true, 1),
        ] {
            assert_eq!(event_time(times, received, correct), Millis(expected), "{name}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_jiff(ms in 1_i64..253_402_300_000_000) {
            prop_assert_eq!(parse(&Millis(ms).rfc3339()), Some(Millis(ms)));
        }

        #[test]
        fn never_panics_and_never_passes_now(text in "\\PC{0,40}", received in 1_i64..4_000_000_000_000, sent in any::<i64>()) {
            let times = Times { timestamp: parse(&text), sent_at: Some(Millis(sent)), ..Times::default() };
            prop_assert!(event_time(times, Millis(received), true) <= Millis(received));
        }

        #[test]
        fn never_panics_on_date_like_text(text in "[0-9]{1,4}[-/][0-9]{1,3}[-/][0-9]{1,3}[T ]?[0-9:.+Z-]{0,20}") {
            let _ = parse(&text);
        }
    }
}
