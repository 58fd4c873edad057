//! A week, minute by minute.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use super::Rep;
use crate::time::Millis;

const MINUTES: usize = 24 * 60;
const NAMES: [&str; 7] = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];
/// So many weeks are looked at for one without holidays.
const MAX_WEEKS: i64 = 12;

/// Which minutes of a week somebody works in, from Monday on.
pub(super) struct Week([[bool; MINUTES]; 7]);

/// The minutes in which somebody works, whatever they have in the way of absences and caps, in the first week to come without holidays;
/// `None` beyond what calendars know.
pub(super) fn covered(reps: &[&Rep], zone: &TimeZone, now: Millis) -> Option<Box<Week>> {
    let today = zone.to_datetime(jiff::Timestamp::from_millisecond(now.0).ok()?).date();
    let monday = today.nth_weekday(1, Weekday::Monday).ok()?;
    let weeks = (0..MAX_WEEKS).filter_map(|week| monday.checked_add(jiff::Span::new().days(7 * week)).ok());
    let ordinary = weeks.into_iter().find(|monday| !has_holiday(reps, *monday)).unwrap_or(monday);
    let mut week = Box::new(Week([[false; MINUTES]; 7]));
    for (day, minutes) in week.0.iter_mut().enumerate() {
        let date = ordinary.checked_add(jiff::Span::new().days(i64::try_from(day).ok()?)).ok()?;
        for (minute, is_covered) in minutes.iter_mut().enumerate() {
            let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
            let at = date.at(hour, minute, 0, 0).to_zoned(zone.clone()).ok()?.timestamp().as_millisecond();
            *is_covered = reps.iter().any(|rep| works(rep, Millis(at)));
        }
    }
    Some(week)
}

/// Whether they work at such a time of the week.
fn works(rep: &Rep, at: Millis) -> bool {
    let Some(said) = &rep.availability else { return true };
    said.hours.as_ref().is_none_or(|hours| hours.closed(&said.zone, at).is_none())
}

/// Whether any of them has a holiday in the week from `monday` on, or on the days around it, where others have them already.
fn has_holiday(reps: &[&Rep], monday: Date) -> bool {
    let hours = reps.iter().filter_map(|rep| rep.availability.as_ref()?.hours.as_ref());
    let dates: Vec<Date> = (-1..=7).filter_map(|day| monday.checked_add(jiff::Span::new().days(day)).ok()).collect();
    hours.into_iter().any(|hours| dates.iter().any(|date| hours.is_holiday(*date)))
}

impl Week {
    /// Whether somebody works on a day of the week at all.
    pub(super) fn has(&self, weekday: Weekday) -> bool {
        let at = usize::try_from(weekday.to_monday_zero_offset()).unwrap_or_default();
        self.0.get(at).is_some_and(|minutes| minutes.contains(&true))
    }

    /// When nobody works, in words; `None` where somebody always does.
    pub(super) fn nobody(&self) -> Option<String> {
        let days: Vec<String> = self.0.iter().map(uncovered).collect();
        let mut told: Vec<String> = Vec::new();
        let mut first = 0;
        while let Some(what) = days.get(first) {
            let same = days.iter().skip(first).take_while(|other| *other == what).count();
            let name = |at: usize| NAMES.get(at).copied().unwrap_or_default();
            let names =
                if same == 1 { name(first).to_owned() } else { format!("{}-{}", name(first), name(first + same - 1)) };
            if !what.is_empty() {
                told.push(format!("{names} {what}"));
            }
            first += same;
        }
        (!told.is_empty()).then(|| told.join("; "))
    }
}

/// `00:00-09:00, 12:00-13:00`.
fn uncovered(minutes: &[bool; MINUTES]) -> String {
    if !minutes.contains(&true) {
        return "all day".to_owned();
    }
    let clock = |minute: usize| format!("{:02}:{:02}", minute / 60, minute % 60);
    let mut told: Vec<String> = Vec::new();
    let mut since: Option<usize> = None;
    for (minute, is_covered) in minutes.iter().chain([&true]).enumerate() {
        match (since, is_covered) {
            (None, false) => since = Some(minute),
            (Some(from), true) => {
                told.push(format!("{}-{}", clock(from), clock(minute)));
                since = None;
            }
            _ => {}
        }
    }
    told.join(", ")
}
