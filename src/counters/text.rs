//! Figures as text that a person with `redis-cli` can read, and back.
//!
//! | what | example |
//! |---|---|
//! | daily counts | `older=140 2026-11-20=3 2026-11-21=12` |
//! | own counts | `#1f0c9a2b day count 2026-11-20=3 2026-11-21=12` |
//! | own sums | `#1f0c9a2b day sum older=39.95` |
//! | distinct | `#1f0c9a2b day distinct 2026-11-20=9c1…,f00… 2026-11-21=…` (hashes by the newest bucket they were seen in) |
//! | least, greatest | `#1f0c9a2b day max 2026-11-20=12` |
//! | first, last value | `#1f0c9a2b day last-value 2026-11-20=2026-11-20T09:30:00.000Z/"pro"` (JSON; a space is `%20`, `%` is `%25`) |
//! | the busiest value | `#1f0c9a2b day by 9c1f,2026-11-20=3,2026-11-21=2 f00a,2026-11-20=1` (counts by the value's hash) |
//! | steps | `#1f0c9a2b day steps older=2 2026-11-20/2026-11-20T09:30:00.000Z/1` (completed runs whose moments have left; moments, with the steps that they may be as bits) |
//! | very many | `#1f0c9a2b day distinct/2026-11-20,2026-11-12 …` (until the first day every second value was kept, until the other every fourth) |
//! | as told to others | `#1f0c9a2b day seen 2026-11-20=7 2026-11-21=3` (how many different ones from that day on) |
//! | first, last | `#1f0c9a2b day first 2026-11-20T09:30:00.000Z` |
//!
//! The number after `#` tells what is counted; a changed declaration has another one.

use std::fmt::Write as _;

use super::bucket::{Bucket, Width};
use super::buckets::Buckets;
use super::busiest::Busiest;
use super::distinct::Distinct;
use super::ledger::Own;
use super::series::{Daily, Extreme, Micros, Series, Told};
use super::steps::Steps;
use crate::time::{Millis, push_number};

/// Appends counts per day.
pub fn write_daily(daily: &Daily, out: &mut String) {
    for (index, (day, count)) in daily.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        Width::Day.write(day, out);
        out.push('=');
        push_number(out, *count);
    }
}

/// Reads counts per day; `None` when it is not their text.
pub fn read_daily(text: &str) -> Option<Daily> {
    read_pairs(Width::Day, text.split_ascii_whitespace(), |n| n.parse().ok())
}

/// Appends a counter's own series.
pub fn write_own(own: &Own, out: &mut String) {
    out.push('#');
    push_hex_digits(out, own.fingerprint.into(), 8);
    out.push(' ');
    out.push_str(width_word(own.width));
    match &own.series {
        Series::Counts(buckets) => {
            out.push_str(" count");
            for (bucket, count) in buckets.iter() {
                write_bucket(own.width, bucket, out);
                push_number(out, *count);
            }
        }
        Series::Seen(buckets) => {
            out.push_str(" seen");
            for (bucket, count) in buckets.iter() {
                write_bucket(own.width, bucket, out);
                push_number(out, *count);
            }
        }
        Series::Sums(buckets) => {
            out.push_str(" sum");
            for (bucket, sum) in buckets.iter() {
                write_bucket(own.width, bucket, out);
                write_decimal(*sum, out);
            }
        }
        Series::Least(buckets) | Series::Greatest(buckets) => {
            out.push_str(if matches!(own.series, Series::Least(_)) { " min" } else { " max" });
            for (bucket, number) in buckets.iter() {
                write_bucket(own.width, bucket, out);
                write_decimal(*number, out);
            }
        }
        Series::Values(extreme, buckets) => {
            out.push_str(if *extreme == Extreme::First { " first-value" } else { " last-value" });
            for (bucket, told) in buckets.iter() {
                write_bucket(own.width, bucket, out);
                told.at.write_rfc3339(out);
                out.push('/');
                out.push_str(&told.value.replace('%', "%25").replace(' ', "%20"));
            }
        }
        Series::Busiest(busiest) => {
            out.push_str(" by");
            for (hash, counts) in busiest.iter() {
                out.push(' ');
                push_hex(out, hash);
                for (bucket, count) in counts.iter() {
                    out.push(',');
                    own.width.write(bucket, out);
                    out.push('=');
                    push_number(out, *count);
                }
            }
        }
        Series::Steps(steps) => {
            out.push_str(" steps");
            let (moments, runs) = steps.parts();
            for (bucket, count) in runs.iter() {
                write_bucket(own.width, bucket, out);
                push_number(out, *count);
            }
            for (at, bucket, mask) in moments {
                out.push(' ');
                own.width.write(*bucket, out);
                out.push('/');
                at.write_rfc3339(out);
                out.push('/');
                push_number(out, (*mask).into());
            }
        }
        Series::Distinct(set) => write_distinct(own.width, set, out),
        Series::Moment(extreme, at) => {
            out.push_str(if *extreme == Extreme::First { " first " } else { " last " });
            at.write_rfc3339(out);
        }
    }
}

/// Reads a counter's own series; `None` when it is not one.
pub fn read_own(text: &str) -> Option<Own> {
    let mut words = text.split_ascii_whitespace();
    let fingerprint = u32::from_str_radix(words.next()?.strip_prefix('#')?, 16).ok()?;
    let width = read_width(words.next()?)?;
    let kind = words.next()?;
    let series = match kind {
        "count" => Series::Counts(read_pairs(width, words, |n| n.parse().ok())?),
        "seen" => Series::Seen(read_pairs(width, words, |n| n.parse().ok())?),
        "sum" => Series::Sums(read_pairs(width, words, read_decimal)?),
        "min" => Series::Least(read_pairs(width, words, read_decimal)?),
        "max" => Series::Greatest(read_pairs(width, words, read_decimal)?),
        "first-value" => Series::Values(Extreme::First, read_values(width, words)?),
        "last-value" => Series::Values(Extreme::Last, read_values(width, words)?),
        "by" => Series::Busiest(Box::new(read_busiest(width, words)?)),
        "steps" => Series::Steps(Box::new(read_steps(width, words)?)),
        "first" => Series::Moment(Extreme::First, Millis::parse(words.next()?)?),
        "last" => Series::Moment(Extreme::Last, Millis::parse(words.next()?)?),
        "distinct" => Series::Distinct(read_distinct(width, Vec::new(), words)?),
        _ => {
            let until = kind.strip_prefix("distinct/")?.split(',').map(|bucket| width.read(bucket));
            Series::Distinct(read_distinct(width, until.collect::<Option<_>>()?, words)?)
        }
    };
    Some(Own { fingerprint, width, series })
}

const fn width_word(width: Width) -> &'static str {
    match width {
        Width::Day => "day",
        Width::Minutes(1) => "1m",
        Width::Minutes(10) => "10m",
        Width::Minutes(_) => "60m",
    }
}

fn read_width(word: &str) -> Option<Width> {
    Some(match word {
        "day" => Width::Day,
        "1m" => Width::Minutes(1),
        "10m" => Width::Minutes(10),
        "60m" => Width::Minutes(60),
        _ => return None,
    })
}

fn write_bucket(width: Width, bucket: Bucket, out: &mut String) {
    out.push(' ');
    width.write(bucket, out);
    out.push('=');
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

fn read_values<'a>(width: Width, words: impl Iterator<Item = &'a str>) -> Option<Buckets<Told>> {
    let mut buckets = Buckets::default();
    for word in words {
        let (bucket, told) = word.split_once('=')?;
        let (at, value) = told.split_once('/')?;
        let told = Told { at: Millis::parse(at)?, value: value.replace("%20", " ").replace("%25", "%").into() };
        buckets.put(width.read(bucket)?, told, |there, new| *there = new);
    }
    Some(buckets)
}

fn read_busiest<'a>(width: Width, words: impl Iterator<Item = &'a str>) -> Option<Busiest> {
    let mut busiest = Busiest::default();
    for word in words {
        let (hash, counts) = word.split_once(',')?;
        let counts = read_pairs(width, counts.split(','), |n| n.parse().ok())?;
        busiest.put(u64::from_str_radix(hash, 16).ok()?, &counts);
    }
    Some(busiest)
}

fn read_steps<'a>(width: Width, words: impl Iterator<Item = &'a str>) -> Option<Steps> {
    let (mut moments, mut runs) = (Vec::new(), Buckets::default());
    for word in words {
        if let Some((bucket, count)) = word.split_once('=') {
            runs.add(width.read(bucket)?, count.parse().ok()?);
        } else {
            let (bucket, rest) = word.split_once('/')?;
            let (at, mask) = rest.split_once('/')?;
            moments.push((Millis::parse(at)?, width.read(bucket)?, mask.parse().ok()?));
        }
    }
    Some(Steps::from_parts(moments, runs))
}

/// Appends millionths as a decimal number, exactly: `39.95`, `-3`.
fn write_decimal(micros: Micros, out: &mut String) {
    const ONE: u128 = 1_000_000;
    let (whole, part) = (micros.unsigned_abs() / ONE, micros.unsigned_abs() % ONE);
    if micros < 0 {
        out.push('-');
    }
    match u64::try_from(whole) {
        Ok(whole) => push_number(out, whole),
        Err(_) => drop(write!(out, "{whole}")),
    }
    if part != 0 {
        out.push('.');
        let digits = format!("{part:06}");
        out.push_str(digits.trim_end_matches('0'));
    }
}

fn read_decimal(text: &str) -> Option<Micros> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let part: Micros = format!("{part:0<6}").parse().ok()?;
    let micros = whole.parse::<Micros>().ok()?.checked_mul(1_000_000)?.checked_add(part)?;
    Some(if negative { -micros } else { micros })
}

fn write_distinct(width: Width, set: &Distinct, out: &mut String) {
    let (entries, halved_until) = set.parts();
    out.push_str(" distinct");
    for (level, until) in halved_until.iter().enumerate() {
        out.push(if level == 0 { '/' } else { ',' });
        width.write(*until, out);
    }
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
        push_hex(out, hash);
    }
}

/// Appends a number in base 16. `write!` takes several times as long, and a series of distinct values has many.
fn push_hex(out: &mut String, n: u64) {
    push_hex_digits(out, n, (16 - n.leading_zeros() / 4).max(1));
}

/// Appends the last `digits` digits of a number in base 16.
fn push_hex_digits(out: &mut String, n: u64, digits: u32) {
    for digit in (0..digits).rev() {
        #[expect(clippy::cast_possible_truncation, reason = "four bits are left")]
        let digit = (n >> (4 * digit)) as u32 & 0xf;
        out.push(char::from_digit(digit, 16).unwrap_or('0'));
    }
}

fn read_distinct<'a>(
    width: Width,
    halved_until: Vec<Bucket>,
    words: impl Iterator<Item = &'a str>,
) -> Option<Distinct> {
    let mut entries = Vec::new();
    for word in words {
        let (bucket, hashes) = word.split_once('=')?;
        let bucket = width.read(bucket)?;
        for hash in hashes.split(',') {
            entries.push((u64::from_str_radix(hash, 16).ok()?, bucket));
        }
    }
    Some(Distinct::from_parts(entries, halved_until))
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
        match kind % 8 {
            4 => {
                let mut greatest = Buckets::default();
                entries
                    .iter()
                    .for_each(|(b, n)| greatest.put(*b, i128::from(*n), |there, new| *there = new.max(*there)));
                Series::Greatest(greatest)
            }
            5 => {
                let mut values = Buckets::default();
                for (b, n) in &entries {
                    let told = Told { at: Millis(i64::from(*b)), value: format!("\"a %20 {n}\"").into() };
                    values.put(*b, told, |there, new| *there = new);
                }
                Series::Values(Extreme::First, values)
            }
            6 => {
                let mut busiest = Busiest::default();
                entries.iter().for_each(|(b, n)| busiest.add(n % 9, *b));
                Series::Busiest(Box::new(busiest))
            }
            7 => {
                let mut steps = Steps::default();
                let course = crate::counters::steps::Course { steps: 3, within: 10 };
                entries.iter().for_each(|(b, n)| steps.add((Millis(i64::from(*b)), *b, 1 << (n % 3)), course));
                Series::Steps(Box::new(steps))
            }
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
                    set.add(distinct::hash(&n.to_string(), 0), *b);
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
            kind in 0..8_u8,
            fingerprint: u32,
        ) {
            let own = Own { fingerprint, width, series: series(entries, kind) };
            prop_assert_eq!(read_own(&own_text(&own)), Some(own));
        }

        #[test]
        fn reading_never_panics(text in "\\PC*") {
            let _ = (read_own(&text), read_daily(&text));
        }
    }

    fn own_text(own: &Own) -> String {
        let mut text = String::new();
        write_own(own, &mut text);
        text
    }

    #[test]
    fn hexadecimal_is_that_of_the_formatter() {
        for n in [0, 1, 0xf, 0x10, 0xabc, u64::MAX, u64::MAX >> 3, 1 << 60] {
            let mut text = String::new();
            push_hex(&mut text, n);
            assert_eq!(text, format!("{n:x}"));
        }
    }

    #[test]
    fn very_many_different_values_read_back() {
        for (width, days) in [(Width::Day, 30), (Width::Minutes(60), 1)] {
            let mut set = Distinct::default();
            for n in 0..5_000 {
                set.add(distinct::hash(&n.to_string(), 0), 20_700 * (days - 1) / 29 + n % days);
            }
            assert!(!set.is_exact(Bucket::MIN));
            let own = Own { fingerprint: 7, width, series: Series::Distinct(set) };
            let text = own_text(&own);
            assert!(text.starts_with(&format!("#00000007 {} distinct/", width_word(width))), "{text}");
            assert_eq!(read_own(&text), Some(own));
        }
        assert_eq!(read_own("#00000007 day distinct2026-11-20"), None);
    }

    #[test]
    fn a_person_can_read_it() {
        let mut daily = Daily::default();
        daily.add(20_778, 2);
        daily.add(20_777, 1);
        daily.add(Bucket::MIN, 140);
        let mut text = String::new();
        write_daily(&daily, &mut text);
        assert_eq!(text, "older=140 2026-11-20=1 2026-11-21=2");
        assert_eq!(read_daily("older=140 2026-11-20=1 2026-11-21=2"), Some(daily));
        let mut sums = Buckets::default();
        sums.add(Bucket::MIN, 39_950_000);
        let own = Own { fingerprint: 7, width: Width::Day, series: Series::Sums(sums) };
        assert_eq!(own_text(&own), "#00000007 day sum older=39.95");
    }
}
