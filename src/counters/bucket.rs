//! Buckets of time: which one a moment falls into, which ones a window covers, and how they are written for people.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::tz::TimeZone;

use crate::time::{Millis, push_padded, read_day, write_day};

/// How wide a bucket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Width {
    /// A calendar day of the configured time zone.
    Day,
    /// So many minutes of universal time: 1, 10 or 60.
    Minutes(u32),
}

/// The number of a bucket: days or widths since 1970-01-01.
pub type Bucket = i32;

/// The bucket of everything that is older than what is told apart.
pub const OLDER: Bucket = Bucket::MIN;

impl Width {
    /// The bucket of a moment.
    pub fn bucket(self, at: Millis, days: &Days) -> Bucket {
        match self {
            Self::Day => days.of(at),
            Self::Minutes(m) => clamp(at.0.div_euclid(i64::from(m) * Millis::MINUTE)),
        }
    }

    /// When a bucket begins.
    pub fn start(self, bucket: Bucket, days: &Days) -> Millis {
        match self {
            Self::Day => days.start(bucket),
            Self::Minutes(m) => Millis(i64::from(bucket) * i64::from(m) * Millis::MINUTE),
        }
    }

    /// Writes a bucket's start as people read it: `2026-11-21`, `2026-11-21T09:30Z`, or `older`.
    pub fn write(self, bucket: Bucket, out: &mut String) {
        match self {
            _ if bucket == OLDER => out.push_str("older"),
            Self::Day => write_day(i64::from(bucket), out),
            Self::Minutes(m) => {
                let minutes = i64::from(bucket) * i64::from(m);
                write_day(minutes.div_euclid(24 * 60), out);
                let of_day = minutes.rem_euclid(24 * 60);
                out.push('T');
                push_padded(out, of_day / 60, 2);
                out.push(':');
                push_padded(out, of_day % 60, 2);
                out.push('Z');
            }
        }
    }

    /// Reads what [`Self::write`] wrote.
    pub fn read(self, text: &str) -> Option<Bucket> {
        match self {
            _ if text == "older" => Some(OLDER),
            Self::Day => read_day(text).map(clamp),
            Self::Minutes(m) => {
                let (day, clock) = text.strip_suffix('Z')?.split_once('T')?;
                let (hour, minute) = clock.split_once(':')?;
                let of_day = hour.parse::<i64>().ok()? * 60 + minute.parse::<i64>().ok()?;
                Some(clamp((read_day(day)? * 24 * 60 + of_day).div_euclid(i64::from(m))))
            }
        }
    }
}

fn clamp(n: i64) -> Bucket {
    Bucket::try_from(n).unwrap_or(if n < 0 { Bucket::MIN } else { Bucket::MAX })
}

/// Calendar days of a time zone. Keeps the offset of the hour it was last asked about, so that a stream of events from the
/// same hour costs an addition each.
#[derive(Debug)]
pub struct Days {
    zone: TimeZone,
    /// The quarter hour last asked about (upper 32 bits) and its offset in seconds (lower 32), in one word so that threads
    /// never see one without the other.
    cached: AtomicU64,
}

impl Days {
    /// The calendar days of `zone`.
    pub const fn new(zone: TimeZone) -> Self {
        Self { zone, cached: AtomicU64::new(u64::MAX) }
    }

    /// The day of a moment, as days since 1970-01-01.
    pub fn of(&self, at: Millis) -> Bucket {
        clamp(at.0.saturating_add(self.offset_ms(at)).div_euclid(Millis::DAY))
    }

    /// When a day begins: its first moment, which is not midnight where clocks jump over it.
    pub fn start(&self, day: Bucket) -> Millis {
        let guess = Millis(i64::from(day) * Millis::DAY);
        // Offsets reach from -26 to +26 hours; the first moment of the day is between those.
        let (mut before, mut within) = (guess.plus(-26 * Millis::HOUR), guess.plus(26 * Millis::HOUR));
        while within.since(before) > 1 {
            let middle = before.plus(within.since(before) / 2);
            if self.of(middle) >= day { within = middle } else { before = middle }
        }
        within
    }

    fn offset_ms(&self, at: Millis) -> i64 {
        // Offsets change on quarter hours at the finest (Lord Howe's and Nepal's zones among them).
        const QUARTER: i64 = 15 * Millis::MINUTE;
        let quarter = at.0.div_euclid(QUARTER);
        let Ok(tag) = u32::try_from(quarter) else {
            return i64::from(self.look_up(at)) * Millis::SECOND;
        };
        let known = self.cached.load(Ordering::Relaxed);
        if known >> 32 == u64::from(tag) {
            #[expect(clippy::cast_possible_truncation, reason = "the lower half is the offset")]
            return i64::from((known as u32).cast_signed()) * Millis::SECOND;
        }
        let seconds = self.look_up(at);
        self.cached.store(u64::from(tag) << 32 | u64::from(seconds.cast_unsigned()), Ordering::Relaxed);
        i64::from(seconds) * Millis::SECOND
    }

    fn look_up(&self, at: Millis) -> i32 {
        jiff::Timestamp::from_millisecond(at.0).map_or(0, |t| self.zone.to_offset(t).seconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Millis {
        Millis::parse(text).unwrap()
    }

    #[test]
    fn days_are_those_of_the_zone() {
        let berlin = Days::new(TimeZone::get("Europe/Berlin").unwrap());
        let utc = Days::new(TimeZone::UTC);
        let late = at("2026-11-20T23:30:00Z");
        assert_eq!(utc.of(late) + 1, berlin.of(late));
        let mut text = String::new();
        Width::Day.write(berlin.of(late), &mut text);
        assert_eq!(text, "2026-11-21");
    }

    #[test]
    fn a_day_of_23_hours_is_one_day() {
        let berlin = Days::new(TimeZone::get("Europe/Berlin").unwrap());
        // Clocks went forward on 2026-03-29 at 02:00.
        assert_eq!(berlin.of(at("2026-03-28T22:59:59Z")) + 1, berlin.of(at("2026-03-28T23:00:00Z")));
        assert_eq!(berlin.of(at("2026-03-28T23:00:00Z")), berlin.of(at("2026-03-29T21:59:59Z")));
        assert_eq!(berlin.of(at("2026-03-29T22:00:00Z")), berlin.of(at("2026-03-29T21:59:59Z")) + 1);
    }

    #[test]
    fn written_buckets_read_back() {
        for width in [Width::Day, Width::Minutes(1), Width::Minutes(10), Width::Minutes(60)] {
            for bucket in [OLDER, 0, 1, 20_000, 20_778, 24_000_000] {
                let bucket = bucket.min(24_000_000 / if width == Width::Day { 1000 } else { 1 });
                let mut text = String::new();
                width.write(bucket, &mut text);
                assert_eq!(width.read(&text), Some(bucket), "{text}");
            }
        }
    }

    #[test]
    fn days_begin_at_their_first_moment() {
        for zone in ["UTC", "Europe/Berlin", "Asia/Beirut", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kolkata"] {
            let days = Days::new(TimeZone::get(zone).unwrap());
            for day in (14_900..15_500).chain(20_500..20_900) {
                let start = days.start(day);
                assert!(days.of(start) >= day && days.of(start.plus(-1)) < day, "{zone} {day}");
            }
        }
    }
}
