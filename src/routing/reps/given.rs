//! How many leads a rep may be given in a day and in a week, by the days of where they are, and how many may be open.

use jiff::tz::TimeZone;

use super::{Refusal, Why};
use crate::record::Given;
use crate::time::{Millis, days_since_epoch};

/// How much a rep may be given by a team.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// In a calendar day.
    pub day: Option<u32>,
    /// In a week from Monday on.
    pub week: Option<u32>,
    /// Open at a time.
    pub open: Option<u32>,
    /// Of a tier in a calendar day, and in a week from Monday on.
    pub tiers: Vec<TierCap>,
}

/// How many leads of a tier a rep may be given by a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierCap {
    /// The tier.
    pub tier: u8,
    /// In a calendar day.
    pub day: Option<u32>,
    /// In a week from Monday on.
    pub week: Option<u32>,
}

impl Caps {
    /// Whether there are none.
    pub const fn is_none(&self) -> bool {
        self.day.is_none() && self.week.is_none() && self.open.is_none() && self.tiers.is_empty()
    }

    /// Whether leads of a tier are counted by themselves.
    pub fn bound_tier(&self, tier: u8) -> bool {
        self.tiers.iter().any(|cap| cap.tier == tier)
    }

    /// Why no lead of `tier` may be given to somebody who was given so much; of tier 0, whichever it is.
    pub(super) fn refuse(&self, given: Given, tier: u8, zone: &TimeZone, now: Millis) -> Option<Refusal> {
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
        let (today_of_tier, week_of_tier) = given.of_tier(tier);
        let of_tier = self.tiers.iter().find(|cap| cap.tier == tier);
        if of_tier.is_some_and(|cap| cap.week.is_some_and(|most| week_of_tier >= most)) {
            return refusal(Why::CapTier, (Given::week_of(today) + 1) * 7 - Given::MONDAY);
        }
        if of_tier.is_some_and(|cap| cap.day.is_some_and(|most| today_of_tier >= most)) {
            return refusal(Why::CapTier, today + 1);
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
