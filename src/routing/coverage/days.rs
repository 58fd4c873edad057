//! Days on which nobody of a team is there.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Rep;
use super::week::Week;
use crate::record::Given;
use crate::time::Millis;

/// So many days are looked ahead.
const AHEAD: i64 = 90;

/// Days to come of the team's own week on which all are absent or have a holiday.
pub(super) fn without_anybody(reps: &[&Rep], zone: &TimeZone, week: &Week, now: Millis) -> Vec<String> {
    let Ok(at) = jiff::Timestamp::from_millisecond(now.0) else { return Vec::new() };
    let today = zone.to_datetime(at).date();
    let midnight = |day: i64| {
        let date = today.checked_add(jiff::Span::new().days(day)).ok()?;
        Some((date, Millis(date.to_zoned(zone.clone()).ok()?.timestamp().as_millisecond())))
    };
    let days = (1..=AHEAD).filter_map(|day| Some((midnight(day)?, midnight(day + 1)?.1)));
    let is_empty = |from: Millis, until: Millis| !reps.iter().any(|rep| is_there(rep, from, until));
    let empty = days.filter(|((date, from), until)| week.has(date.weekday()) && is_empty(*from, *until));
    stretches(empty.map(|((date, _), _)| date))
}

/// Days that follow upon each other as one: `2026-12-24..2026-12-28`, as absences are written.
fn stretches(days: impl Iterator<Item = Date>) -> Vec<String> {
    let mut all: Vec<(Date, Date)> = Vec::new();
    for day in days {
        match all.last_mut() {
            Some((_, last)) if last.tomorrow().is_ok_and(|next| next == day) => *last = day,
            _ => all.push((day, day)),
        }
    }
    let written =
        |(first, last): (Date, Date)| if first == last { first.to_string() } else { format!("{first}..{last}") };
    all.into_iter().map(written).collect()
}

fn is_there(rep: &Rep, from: Millis, until: Millis) -> bool {
    let Some(said) = &rep.availability else { return true };
    said.alone().next(Given::default(), 0, from).is_some_and(|at| at < until)
}
