//! Whose turn it is in a team, as the team's record keeps it.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// The turns of a team.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TeamTurns {
    /// How many leads the team was given in all.
    pub turns: u64,
    /// When the leads that wait for the team are looked at next; `None` when none does.
    pub opens: Option<Millis>,
    /// Where each rep stands in the line.
    pub reps: BTreeMap<Arc<str>, Place>,
}

/// Where a rep stands in the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// How far behind the one who had the last turn, in billionths of a turn of somebody with weight 1. Whoever has the least is next.
    pub behind: u64,
    /// The number of the team's turn that was theirs last, or after which they joined.
    pub turn: u64,
    /// When that was.
    pub at: Millis,
    /// Whether they could not be given anything when the last turn was taken.
    pub away: bool,
    /// What they were given: how much of it is open, and where days and weeks are bounded how much in these.
    pub given: Given,
}

/// How many leads a rep was given lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// The last day that was counted, where the rep is, in days since 1970-01-01.
    pub day: i64,
    /// On that day.
    pub today: u32,
    /// In its week.
    pub week: u32,
    /// How many of them are open: nothing became of them yet, and they didn't lapse.
    pub open: u32,
}

impl Given {
    /// 1970-01-01 was so many days after a Monday.
    pub const MONDAY: i64 = 3;

    /// The number of the week that a day is in.
    pub const fn week_of(day: i64) -> i64 {
        (day + Self::MONDAY).div_euclid(7)
    }

    /// The same, seen on `day`.
    #[must_use]
    pub const fn on(self, day: i64) -> Self {
        // What came a little late belongs to the day at hand; a clock that was far ahead doesn't hold up the days until then.
        if day == self.day || day == self.day - 1 {
            return self;
        }
        let is_same_week = Self::week_of(day) == Self::week_of(self.day);
        Self { day, today: 0, week: if is_same_week { self.week } else { 0 }, ..self }
    }

    /// With one more on `day`.
    #[must_use]
    pub const fn and_one(self, day: i64) -> Self {
        let given = self.on(day);
        Self { day: given.day, today: given.today.saturating_add(1), week: given.week.saturating_add(1), ..given }
    }
}

/// Why a rep is not given a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// They are gone for good.
    Left,
    /// They get nothing for now.
    Paused,
    /// They are away for days.
    Absent,
    /// It is a holiday where they are.
    Holiday,
    /// They don't work at this time.
    OffHours,
    /// They were given as much as they may be in a week.
    CapWeek,
    /// They were given as much as they may be in a day.
    CapDay,
    /// They have as many open leads as they may.
    CapOpen,
    /// They had this very lead already.
    HadIt,
}

impl Why {
    /// As it stands in leads.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Paused => "paused",
            Self::Absent => "absent",
            Self::Holiday => "holiday",
            Self::OffHours => "off_hours",
            Self::CapWeek => "cap_week",
            Self::CapDay => "cap_day",
            Self::CapOpen => "cap_open",
            Self::HadIt => "had_it",
        }
    }

    /// What completes a sentence that begins with who it is.
    pub const fn says(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Paused => "is paused",
            Self::Absent => "is absent",
            Self::Holiday => "has a holiday",
            Self::OffHours => "is off",
            Self::CapWeek => "has the week's cap of leads",
            Self::CapDay => "has the day's cap of leads",
            Self::CapOpen => "has as many open leads as they may",
            Self::HadIt => "had it already",
        }
    }
}

/// A rep who would have been given a lead before its owner, and could not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
pub struct PassedOver {
    /// The rep's e-mail address.
    pub rep: String,
    /// Why.
    pub reason: Why,
    /// Until when at least, RFC 3339; absent when that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}
