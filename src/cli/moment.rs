//! A moment on the command line.

use jiff::tz::TimeZone;

use super::output::CommandError;
use crate::config;
use crate::time::Millis;

/// A moment as people write it: so long ago, a day, or RFC 3339.
pub fn moment(name: &str, text: &str, now: Millis, zone: &TimeZone) -> Result<Millis, CommandError> {
    let day = || {
        let day: jiff::civil::Date = text.parse().ok()?;
        Some(Millis(day.to_zoned(zone.clone()).ok()?.timestamp().as_millisecond()))
    };
    let ago = || config::lasting(text).map(|ms| now.plus(-ms));
    // A time of day as well as a day begins with a date.
    Millis::parse(text).or_else(day).or_else(ago).ok_or_else(|| {
        CommandError::message(format!(
            "`{name} {text}` is no time; write `30d` (ago), `2026-11-01`, or `2026-11-01T09:00:00Z`"
        ))
    })
}
