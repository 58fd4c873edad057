//! How many leads a rep may be given in a day and in a week, by the days of where they are, and how many may be open.

use jiff::tz::TimeZone;

use super::{Refusal, Why};
use crate::record::Given;
use crate::time::{Millis, days_since_epoch};

/// How much a rep may be given by a team.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// In a calendar day.
    pub day: Option<u32>,
    /// In a week from Monday on.
    pub week: Option<u32>,
    /// Open at a time.
    pub open: Option<u32>,
}

impl Caps {
    /// Whether there are none.
    pub const fn is_none(self) -> bool {
        self.day.is_none() && self.week.is_none() && self.open.is_none()
    }

    pub(super) fn refuse(self, given: Given, zone: &TimeZone, now: Millis) -> Option<Refusal> {
        // Most have none, and a calendar day is not for nothing.
        if self.is_none() {
            return None;
        }
        let today = day_of(zone, now);
        let given = given.on(today);
        let refusal = |why, day| Some(Refusal { why, until: begins(zone, day) });
        if self.week.is_some_and(|cap| given.week >= cap) {
            return refusal(Why::CapWeek, (Given::week_of(today) + 1) * 7 - Given::MONDAY);
        }
        if self.day.is_some_and(|cap| given.today >= cap) {
            return refusal(Why::CapDay, today + 1);
        }
        // Nobody knows when a lead ends.
        self.open.is_some_and(|cap| given.open >= cap).then_some(Refusal { why: Why::CapOpen, until: None })
    }
}

/// The calendar day at `now`, in days since 1970-01-01.
pub fn day_of(zone: &TimeZone, now: Millis) -> i64 {
    let Ok(at) = jiff::Timestamp::from_millisecond(now.0) else { return now.0.div_euclid(Millis::DAY) };
    let date = zone.to_datetime(at).date();
    days_since_epoch(date.year().into(), date.month().into(), date.day().into()).unwrap_or_default()
}

/// When a calendar day begins.
fn begins(zone: &TimeZone, day: i64) -> Option<Millis> {
    let (year, month, day) = crate::time::civil(day);
    let date = jiff::civil::Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()?;
    crate::time::begins(date, zone)
}
