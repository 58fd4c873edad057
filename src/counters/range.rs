//! Which buckets a reading looks at, when that changes, and how much has to be kept for it.

use super::bucket::{Bucket, Days, Width};
use super::calendar;
use super::spec::Window;
use crate::expr::reading::{HALF_LIVES, MAX_DAYS, MAX_MINUTES};
use crate::expr::{Period, Reading, Span};
use crate::time::Millis;

/// The width of the buckets that a stretch of so many minutes is made of: finer than a 180th of it.
pub const fn width_of(minutes: u32) -> Width {
    match minutes {
        0..=180 => Width::Minutes(1),
        181..=1440 => Width::Minutes(10),
        _ => Width::Minutes(60),
    }
}

impl Span {
    /// The width of the buckets that it is made of.
    pub const fn width(self) -> Width {
        match self {
            Self::Days(_) => Width::Day,
            Self::Minutes(minutes) => width_of(minutes),
        }
    }

    /// The oldest bucket of that width that it covers at `now`. That one counts whole.
    fn oldest(self, width: Width, now: Millis, days: &Days) -> Bucket {
        match self {
            Self::Days(n) => days.of(now).saturating_sub(Bucket::from(n).saturating_sub(1)),
            Self::Minutes(m) => width.bucket(now.plus(-i64::from(m) * Millis::MINUTE + 1), days),
        }
    }

    /// When it covers a bucket no longer.
    fn leaves(self, width: Width, bucket: Bucket, days: &Days) -> Millis {
        match self {
            Self::Days(n) => days.start(bucket.saturating_add(Bucket::from(n))),
            Self::Minutes(m) => width.start(bucket.saturating_add(1), days).plus(i64::from(m) * Millis::MINUTE - 1),
        }
    }

    /// How many buckets it covers at the most.
    fn buckets(self) -> Bucket {
        match (self, self.width()) {
            (Self::Minutes(minutes), Width::Minutes(width)) => {
                Bucket::try_from(minutes.div_ceil(width)).unwrap_or(Bucket::MAX) + 1
            }
            (Self::Days(days), _) => days.into(),
            (Self::Minutes(minutes), Width::Day) => Bucket::try_from(minutes / 1_440).unwrap_or(Bucket::MAX),
        }
    }
}

/// The part of a counter's buckets that a reading looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// How wide the buckets are.
    pub width: Width,
    /// The oldest of them; [`super::bucket::OLDER`] for all that ever were.
    pub from: Bucket,
    /// The first one behind them; [`Bucket::MAX`] for none.
    pub to: Bucket,
}

/// The reading of a counter with this window, when it says none of its own.
pub const fn own(window: Window) -> Option<Span> {
    match window {
        Window::Lifetime => None,
        Window::Days(days) => Some(Span::Days(days)),
        Window::Minutes(minutes) => Some(Span::Minutes(minutes)),
    }
}

/// How much has to be kept for a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// How wide the buckets are.
    pub width: Width,
    /// How many of them are told apart, up to the one at hand.
    pub buckets: Bucket,
    /// Whether what is older counts, too.
    pub older: bool,
}

/// What a reading needs; `None` when it is made of no buckets.
pub fn need(reading: Reading, window: Window) -> Option<Need> {
    let back = |span: Span| Need { width: span.width(), buckets: span.buckets(), older: false };
    let days = |days: u16| Need { width: Width::Day, buckets: days.min(MAX_DAYS).into(), older: false };
    Some(match reading {
        Reading::Own | Reading::Reached => {
            own(window).map_or(Need { width: Width::Day, buckets: 0, older: true }, back)
        }
        Reading::Within(span) => back(span),
        Reading::Between(from, _) => back(from),
        Reading::This(period) => days(period.longest()),
        Reading::Previous(period) => days(2 * period.longest()),
        Reading::Per(Period::Hour, n) => Need { width: Width::Minutes(60), buckets: Bucket::from(n) + 1, older: false },
        Reading::Per(period, n) => days((n.saturating_add(1)).saturating_mul(period.longest())),
        Reading::Decayed(half) => back(faded(half)),
        Reading::During { hours: true, .. } => Need { older: true, ..back(Span::Minutes(MAX_MINUTES)) },
        Reading::During { hours: false, .. } => Need { older: true, ..days(MAX_DAYS) },
        Reading::FirstAt | Reading::LastAt => return None,
    })
}

/// Behind which nothing is left of a figure that decays.
pub fn faded(half: Span) -> Span {
    match half {
        Span::Days(days) => Span::Days((days * HALF_LIVES).saturating_add(1).min(MAX_DAYS)),
        // In whole hours, whatever the half-life is: fine enough for something that fades.
        Span::Minutes(minutes) => Span::Minutes((minutes * u32::from(HALF_LIVES)).clamp(1_441, MAX_MINUTES)),
    }
}

/// Which buckets a reading looks at.
pub fn range(reading: Reading, window: Window, now: Millis, days: &Days) -> Option<Range> {
    let width = need(reading, window)?.width;
    let today = days.of(now);
    let since = |from: Bucket| Range { width, from, to: Bucket::MAX };
    Some(match reading {
        Reading::Own | Reading::Reached => {
            since(own(window).map_or(super::bucket::OLDER, |span| span.oldest(width, now, days)))
        }
        Reading::Within(span) => since(span.oldest(width, now, days)),
        Reading::Between(from, to) => {
            Range { width, from: from.oldest(width, now, days), to: to.oldest(width, now, days) }
        }
        Reading::This(period) => since(calendar::first_day(period, today)),
        Reading::Previous(period) => {
            let first = calendar::first_day(period, today);
            Range { width, from: calendar::previous(period, first), to: first }
        }
        Reading::Per(period, n) => {
            let edges = edges(period, n, now, days);
            Range { width, from: edges.first().copied()?, to: edges.last().copied()? }
        }
        // Whole buckets, so that what leaves does so when the rest fades, and at no moment between.
        Reading::Decayed(half) => since(width.bucket(now, days).saturating_sub(faded(half).buckets() - 1)),
        Reading::During { from, to, .. } if to <= from => Range { width, from: 0, to: 0 },
        Reading::During { from, to, .. } => {
            Range { width, from: width.bucket(from, days), to: width.bucket(to.plus(-1), days).saturating_add(1) }
        }
        Reading::FirstAt | Reading::LastAt => return None,
    })
}

/// Where the last `n` complete periods begin, and where the last one ends: one more than there are periods.
pub fn edges(period: Period, n: u16, now: Millis, days: &Days) -> Vec<Bucket> {
    if period == Period::Hour {
        let hour = Width::Minutes(60).bucket(now, days);
        return (0..=Bucket::from(n)).rev().map(|back| hour - back).collect();
    }
    let mut edges = vec![calendar::first_day(period, days.of(now))];
    for _ in 0..n {
        let first = edges.last().copied().unwrap_or_default();
        edges.push(calendar::previous(period, first));
    }
    edges.reverse();
    edges
}

/// When a bucket that the reading looks at leaves it; `None`: never.
pub fn leaves(reading: Reading, window: Window, bucket: Bucket, days: &Days) -> Option<Millis> {
    let width = need(reading, window)?.width;
    match reading {
        Reading::Own | Reading::Reached => Some(own(window)?.leaves(width, bucket, days)),
        Reading::Within(span) | Reading::Between(span, _) => Some(span.leaves(width, bucket, days)),
        Reading::This(period) => Some(behind(period, bucket, 1, days)),
        Reading::Previous(period) => Some(behind(period, bucket, 2, days)),
        Reading::Per(..) | Reading::Decayed(_) | Reading::During { .. } | Reading::FirstAt | Reading::LastAt => None,
    }
}

/// When a bucket that is too new for the reading enters it; `None`: it is in it already, or never will be.
pub fn enters(reading: Reading, window: Window, bucket: Bucket, days: &Days) -> Option<Millis> {
    let width = need(reading, window)?.width;
    match reading {
        Reading::Between(_, to) => Some(to.leaves(width, bucket, days)),
        Reading::Previous(period) => Some(behind(period, bucket, 1, days)),
        _ => None,
    }
}

/// When so many periods have begun since the one that a day is in did.
fn behind(period: Period, day: Bucket, periods: u8, days: &Days) -> Millis {
    let first = (0..periods).fold(calendar::first_day(period, day), |first, _| calendar::next(period, first));
    days.start(first)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn at(text: &str) -> Millis {
        Millis::parse(text).unwrap()
    }

    fn readings() -> Vec<Reading> {
        let spans = [Span::Days(1), Span::Days(30), Span::Minutes(15), Span::Minutes(1_440), Span::Minutes(4_000)];
        let periods = [Period::Day, Period::Week, Period::Month, Period::Quarter];
        let mut all: Vec<Reading> = spans.into_iter().map(Reading::Within).collect();
        all.extend(periods.into_iter().flat_map(|period| [Reading::This(period), Reading::Previous(period)]));
        all.push(Reading::Between(Span::Days(14), Span::Days(7)));
        all.push(Reading::Between(Span::Minutes(300), Span::Minutes(90)));
        all
    }

    #[test]
    fn windows_cover_what_they_say() {
        let days = Days::new(TimeZone::UTC);
        let now = at("2026-11-21T12:00:30Z");
        let from = |reading, now| range(reading, Window::Lifetime, now, &days).unwrap().from;
        assert_eq!(from(Reading::Within(Span::Days(1)), now), days.of(now));
        assert_eq!(from(Reading::Within(Span::Days(30)), now), days.of(now) - 29);
        let quarter = Reading::Within(Span::Minutes(15));
        let minute = |text| Width::Minutes(1).bucket(at(text), &days);
        // 15 minutes back is within the bucket of 11:45, which counts whole.
        assert_eq!(from(quarter, now), minute("2026-11-21T11:45:00Z"));
        // An event exactly 15 minutes ago is no longer within the window, one millisecond later it still is.
        assert_eq!(from(quarter, at("2026-11-21T12:00:00Z")), minute("2026-11-21T11:45:00Z"));
        let between = range(Reading::Between(Span::Days(14), Span::Days(7)), Window::Lifetime, now, &days).unwrap();
        assert_eq!((between.from, between.to), (days.of(now) - 13, days.of(now) - 6));
    }

    /// Where a bucket enters and leaves is exactly where the range says so, and what is needed is kept.
    #[test]
    fn edges_are_where_ranges_change() {
        for zone in ["UTC", "Europe/Berlin", "Asia/Kolkata"] {
            let days = Days::new(TimeZone::get(zone).unwrap());
            for reading in readings() {
                let seen = |at: Millis| range(reading, Window::Lifetime, at, &days).unwrap();
                for step in 0..300 {
                    let now = at("2026-03-20T00:00:00Z").plus(step * 7 * Millis::HOUR + step * 1_234_567);
                    let kept = need(reading, Window::Lifetime).unwrap();
                    let newest = kept.width.bucket(now, &days);
                    let range = seen(now);
                    assert!(range.from > newest - kept.buckets, "{reading:?} needs what is not kept");
                    let left = leaves(reading, Window::Lifetime, range.from, &days).unwrap();
                    assert!(
                        seen(left).from > range.from && seen(left.plus(-1)).from <= range.from,
                        "{reading:?} {now:?}"
                    );
                    if range.to < Bucket::MAX {
                        let entered = enters(reading, Window::Lifetime, range.to, &days).unwrap();
                        assert!(seen(entered).to > range.to && seen(entered.plus(-1)).to <= range.to, "{reading:?}");
                    }
                }
            }
        }
    }
}
