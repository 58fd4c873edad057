//! When nobody of a team works: hours of the week, and days to come. Pure.

mod days;
mod week;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde::Serialize;

use super::{Rep, Team};
use crate::time::Millis;

/// When nobody of a team is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TeamHours {
    /// The team.
    pub team: Arc<str>,
    /// The time zone that the rest is told in: that of most of its reps.
    pub time_zone: String,
    /// In a week without holidays: `Mo-Fr 00:00-09:00, 17:00-24:00; Sa-Su all day`. Absent where somebody works around the clock.
    pub nobody: Option<String>,
    /// Days to come on which somebody would work, and all are absent or have a holiday: `2026-12-24..2026-12-28`.
    pub days: Vec<String>,
}

/// When nobody of each team is there, as far as hours, absences and holidays say; teams that always have somebody are not among them.
pub fn hours(teams: &[Team], now: Millis) -> Vec<TeamHours> {
    teams.iter().filter_map(|team| of_team(team, now)).collect()
}

fn of_team(team: &Team, now: Millis) -> Option<TeamHours> {
    let reps: Vec<&Rep> = team.reps.iter().filter(|rep| stays(rep, now)).collect();
    let zone = zone_of_most(&reps)?;
    let week = week::covered(&reps, &zone, now)?;
    let days = days::without_anybody(&reps, &zone, &week, now);
    let nobody = week.nobody();
    let time_zone = zone.iana_name().unwrap_or("UTC").to_owned();
    (nobody.is_some() || !days.is_empty()).then(|| TeamHours { team: Arc::clone(&team.name), time_zone, nobody, days })
}

/// Whether they are there in weeks to come at all.
fn stays(rep: &Rep, now: Millis) -> bool {
    let said = rep.availability.as_ref();
    said.is_none_or(|said| !said.paused && said.left.is_none_or(|left| now < left))
}

/// The time zone of most of those whose hours are known, the first of several; `None` when no hours are.
fn zone_of_most(reps: &[&Rep]) -> Option<TimeZone> {
    let zones: Vec<&TimeZone> =
        reps.iter().filter_map(|rep| rep.availability.as_ref()).map(|said| &said.zone).collect();
    let many = |zone: &&&TimeZone| zones.iter().filter(|other| *other == *zone).count();
    zones.iter().rev().max_by_key(many).map(|zone| (*zone).clone())
}
