//! Figures as text that a person with `redis-cli` can read, and back.
//!
//! | what | example |
//! |---|---|
//! | daily counts | `2026-11-20=3 2026-11-21=12 older=140` |
//! | own counts | `#1f0c9a2b day count 2026-11-20=3 2026-11-21=12` |
//! | own sums | `#1f0c9a2b all sum all=39.95` |
//! | distinct | `#1f0c9a2b day distinct/0 2026-11-20=9c1…,f00… 2026-11-21=…` (hashes by the newest bucket they were seen in) |
//! | first, last | `#1f0c9a2b all first 2026-11-20T09:30:00.000Z` |
//!
//! The number after `#` tells what is counted; a changed declaration has another one.

use std::fmt::Write as _;

use super::bucket::{Bucket, Width};
use super::distinct::Distinct;
use super::ledger::Own;
use super::series::{Buckets, Daily, Extreme, Micros, Series};
use crate::time::Millis;

/// Writes counts per day.
#[must_use]
pub fn write_daily(daily: &Daily) -> String {
    let mut out = String::with_capacity(16 * 8);
    for (day, count) in daily.days.since(Bucket::MIN) {
        write_pair(Width::Day, day, &count, &mut out);
    }
    if daily.older > 0 {
        space(&mut out);
        let _ = write!(out, "older={}", daily.older);
    }
    out
}

/// Reads counts per day; `None` when it is not their text.
#[must_use]
pub fn read_daily(text: &str) -> Option<Daily> {
    let mut daily = Daily::default();
    for pair in text.split_ascii_whitespace() {
        let (key, count) = pair.split_once('=')?;
        if key == "older" {
            daily.older = count.parse().ok()?;
        } else {
            daily.days.add(Width::Day.read(key)?, count.parse().ok()?);
        }
    }
    Some(daily)
}

/// Writes a counter's own series.
#[must_use]
pub fn write_own(own: &Own) -> String {
    let mut out = String::with_capacity(64);
    let _ = write!(out, "#{:08x} {}", own.fingerprint, width_word(own.width));
    match &own.series {
        Series::Counts(buckets) => {
            out.push_str(" count");
            buckets.since(Bucket::MIN).for_each(|(b, n)| write_pair(own.width, b, &n, &mut out));
        }
        Series::Sums(buckets) => {
            out.push_str(" sum");
            buckets.since(Bucket::MIN).for_each(|(b, n)| write_pair(own.width, b, &Decimal(n), &mut out));
        }
        Series::Distinct(set) => write_distinct(own.width, set, &mut out),
        Series::Moment(extreme, at) => {
            let word = if *extreme == Extreme::First { "first" } else { "last" };
            let _ = write!(out, " {word} {}", at.rfc3339());
        }
    }
    out
}

/// Reads a counter's own series; `None` when it is not one.
#[must_use]
pub fn read_own(text: &str) -> Option<Own> {
    let mut words = text.split_ascii_whitespace();
    let fingerprint = u32::from_str_radix(words.next()?.strip_prefix('#')?, 16).ok()?;
    let width = read_width(words.next()?)?;
    let kind = words.next()?;
    let series = match kind {
        "count" => Series::Counts(read_pairs(width, words, |n| n.parse().ok())?),
        "sum" => Series::Sums(read_pairs(width, words, read_decimal)?),
        "first" => Series::Moment(Extreme::First, read_moment(words.next()?)?),
        "last" => Series::Moment(Extreme::Last, read_moment(words.next()?)?),
        _ => Series::Distinct(read_distinct(width, kind.strip_prefix("distinct/")?.parse().ok()?, words)?),
    };
    Some(Own { fingerprint, width, series })
}

const fn width_word(width: Width) -> &'static str {
    match width {
        Width::Life => "all",
        Width::Day => "day",
        Width::Minutes(1) => "1m",
        Width::Minutes(10) => "10m",
        Width::Minutes(_) => "60m",
    }
}

fn read_width(word: &str) -> Option<Width> {
    Some(match word {
        "all" => Width::Life,
        "day" => Width::Day,
        "1m" => Width::Minutes(1),
        "10m" => Width::Minutes(10),
        "60m" => Width::Minutes(60),
        _ => return None,
    })
}

fn space(out: &mut String) {
    if !out.is_empty() {
        out.push(' ');
    }
}

fn write_pair(width: Width, bucket: Bucket, amount: &dyn std::fmt::Display, out: &mut String) {
    space(out);
    width.write(bucket, out);
    let _ = write!(out, "={amount}");
}

fn read_pairs<'a, T: Copy + std::ops::AddAssign>(
    width: Width,
    words: impl Iterator<Item = &'a str>,
    read: impl Fn(&str) -> Option<T>,
) -> Option<Buckets<T>>
where
    Buckets<T>: Default,
{
    let mut buckets = Buckets::default();
    for word in words {
        let (bucket, amount) = word.split_once('=')?;
        buckets.add(width.read(bucket)?, read(amount)?);
    }
    Some(buckets)
}

/// Millionths as a decimal number, exactly: `39.95`, `-3`.
struct Decimal(Micros);

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const ONE: u128 = 1_000_000;
        let (whole, part) = (self.0.unsigned_abs() / ONE, self.0.unsigned_abs() % ONE);
        let sign = if self.0 < 0 { "-" } else { "" };
        if part == 0 {
            write!(f, "{sign}{whole}")
        } else {
            write!(f, "{sign}{whole}.{}", format!("{part:06}").trim_end_matches('0'))
        }
    }
}

fn read_decimal(text: &str) -> Option<Micros> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let part: Micros = format!("{part:0<6}").parse().ok()?;
    let micros = whole.parse::<Micros>().ok()?.checked_mul(1_000_000)?.checked_add(part)?;
    Some(if negative { -micros } else { micros })
}

fn read_moment(text: &str) -> Option<Millis> {
    text.parse::<jiff::Timestamp>().ok().map(|t| Millis(t.as_millisecond()))
}

fn write_distinct(width: Width, set: &Distinct, out: &mut String) {
    let (entries, level) = set.parts();
    let _ = write!(out, " distinct/{level}");
    let mut by_bucket: Vec<(Bucket, u64)> = entries.iter().map(|(hash, bucket)| (*bucket, *hash)).collect();
    by_bucket.sort_unstable();
    let mut current = None;
    for (bucket, hash) in by_bucket {
        if current == Some(bucket) {
            out.push(',');
        } else {
            out.push(' ');
            width.write(bucket, out);
            out.push('=');
            current = Some(bucket);
        }
        let _ = write!(out, "{hash:x}");
    }
}

fn read_distinct<'a>(width: Width, level: u8, words: impl Iterator<Item = &'a str>) -> Option<Distinct> {
    let mut entries = Vec::new();
    for word in words {
        let (bucket, hashes) = word.split_once('=')?;
        let bucket = width.read(bucket)?;
        for hash in hashes.split(',') {
            entries.push((u64::from_str_radix(hash, 16).ok()?, bucket));
        }
    }
    Some(Distinct::from_parts(entries, level))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::counters::distinct;

    fn widths() -> impl Strategy<Value = Width> {
        prop_oneof![Just(Width::Day), Just(Width::Minutes(1)), Just(Width::Minutes(10)), Just(Width::Minutes(60)),]
    }

    fn series(entries: Vec<(Bucket, u64)>, kind: u8) -> Series {
        match kind % 4 {
            0 => {
                let mut counts = Buckets::default();
                entries.iter().for_each(|(b, n)| counts.add(*b, *n));
                Series::Counts(counts)
            }
            1 => {
                let mut sums = Buckets::default();
                entries.iter().for_each(|(b, n)| sums.add(*b, i128::from(*n) * if n % 2 == 0 { 1 } else { -1 }));
                Series::Sums(sums)
            }
            2 => {
                let mut set = Distinct::default();
                entries.iter().for_each(|(b, n)| {
                    set.add(distinct::hash(&n.to_string()), *b);
                });
                Series::Distinct(set)
            }
            _ => Series::Moment(Extreme::Last, Millis(entries.first().map_or(0, |(b, _)| i64::from(*b)))),
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            width in widths(),
            entries in proptest::collection::vec((0..20_000_i32, 0..u64::from(u32::MAX)), 0..40),
            kind in 0..4_u8,
            fingerprint: u32,
        ) {
            let own = Own { fingerprint, width, series: series(entries, kind) };
            prop_assert_eq!(read_own(&write_own(&own)), Some(own));
        }

        #[test]
        fn reading_never_panics(text in "\\PC*") {
            let _ = (read_own(&text), read_daily(&text));
        }
    }

    #[test]
    fn a_person_can_read_it() {
        let mut daily = Daily::default();
        daily.add(20_777, 20_778);
        daily.add(20_778, 20_778);
        daily.add(20_778, 20_778);
        daily.older = 140;
        assert_eq!(write_daily(&daily), "2026-11-20=1 2026-11-21=2 older=140");
        assert_eq!(read_daily("2026-11-20=1 2026-11-21=2 older=140"), Some(daily));
        let mut sums = Buckets::default();
        sums.add(0, 39_950_000);
        let own = Own { fingerprint: 7, width: Width::Life, series: Series::Sums(sums) };
        assert_eq!(write_own(&own), "#00000007 all sum all=39.95");
    }
}
