//! Periods of the calendar over days.

use super::bucket::Bucket;
use crate::expr::Period;
use crate::time::{civil, days_since_epoch};

/// The first day of the period that `day` is in.
pub fn first_day(period: Period, day: Bucket) -> Bucket {
    match period {
        Period::Hour | Period::Day => day,
        // 1970-01-01 was a Thursday.
        Period::Week => day - (day + 3).rem_euclid(7),
        Period::Month => first_of_months(day, 1),
        Period::Quarter => first_of_months(day, 3),
    }
}

/// The first day of the period behind the one that begins with `first`.
pub fn next(period: Period, first: Bucket) -> Bucket {
    match period {
        Period::Hour | Period::Day => first.saturating_add(1),
        Period::Week => first.saturating_add(7),
        // So many days later it is the next one, whichever it is, and not the one behind it.
        Period::Month => first_day(period, first.saturating_add(31)),
        Period::Quarter => first_day(period, first.saturating_add(92)),
    }
}

/// The first day of the period before the one that begins with `first`.
pub fn previous(period: Period, first: Bucket) -> Bucket {
    first_day(period, first.saturating_sub(1))
}

/// The first day of the group of so many months that `day` is in.
fn first_of_months(day: Bucket, group: i64) -> Bucket {
    let (year, month, _) = civil(i64::from(day));
    let first = days_since_epoch(year, (month - 1) / group * group + 1, 1);
    first.and_then(|first| Bucket::try_from(first).ok()).unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::read_day;

    fn day(text: &str) -> Bucket {
        Bucket::try_from(read_day(text).unwrap()).unwrap()
    }

    #[test]
    fn periods_begin_and_follow_each_other() {
        for (period, within, first, behind, before) in [
            (Period::Day, "2026-11-21", "2026-11-21", "2026-11-22", "2026-11-20"),
            (Period::Week, "2026-11-22", "2026-11-16", "2026-11-23", "2026-11-09"),
            (Period::Week, "2026-11-16", "2026-11-16", "2026-11-23", "2026-11-09"),
            (Period::Month, "2024-02-29", "2024-02-01", "2024-03-01", "2024-01-01"),
            (Period::Month, "2026-12-31", "2026-12-01", "2027-01-01", "2026-11-01"),
            (Period::Quarter, "2026-12-31", "2026-10-01", "2027-01-01", "2026-07-01"),
            (Period::Quarter, "2026-01-01", "2026-01-01", "2026-04-01", "2025-10-01"),
        ] {
            assert_eq!(first_day(period, day(within)), day(first), "{within}");
            assert_eq!(
                (next(period, day(first)), previous(period, day(first))),
                (day(behind), day(before)),
                "{within}"
            );
        }
    }
}
