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
    /// `ana@example.com is absent until 2027-01-03 00:00`, by the clock of where they are.
    pub fn sentence(self, rep: &str, zone: Option<&TimeZone>) -> String {
        let mut out = format!("{rep} {}", self.why.says());
        let at = self.until.and_then(|until| jiff::Timestamp::from_millisecond(until.0).ok());
        if let Some((at, zone)) = at.zip(zone) {
            let _ = write!(out, " until {}", zone.to_datetime(at).strftime("%a %Y-%m-%d %H:%M"));
        }
        out
    }
}
