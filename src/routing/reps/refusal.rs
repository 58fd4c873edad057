//! Why a rep is not given a lead.

use std::fmt::Write as _;

use jiff::tz::TimeZone;

use crate::time::Millis;

/// Why a rep is not given a lead, and until when at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub why: Why,
    /// From when on this is no reason any more; `None` when that is not known.
    pub until: Option<Millis>,
}

pub use crate::record::Why;

impl Refusal {
    /// `ana@example.com is absent until Sun 2027-01-03 00:00`, by the clock of where they are, where that is said.
    pub fn sentence(self, rep: &str, zone: Option<&TimeZone>) -> String {
        let mut out = format!("{rep} {}", self.why.says());
        let at = self.until.and_then(|until| jiff::Timestamp::from_millisecond(until.0).ok());
        if let Some(at) = at {
            let there = zone.unwrap_or(&TimeZone::UTC).to_datetime(at);
            let utc = if zone.is_none() { " UTC" } else { "" };
            let _ = write!(out, " until {}{utc}", there.strftime("%a %Y-%m-%d %H:%M"));
        }
        out
    }
}
