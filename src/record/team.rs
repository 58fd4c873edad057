//! Whose turn it is in a team, as the team's record keeps it.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LeadClass;
use crate::time::Millis;

/// The turns of a team.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TeamTurns {
    /// How many leads the team was given in all.
    pub turns: u64,
    /// What the leads ask that wait for the team, and when those of each class are looked at next.
    pub waits: BTreeMap<LeadClass, Millis>,
    /// Where each rep stands in the line.
    pub reps: BTreeMap<Arc<str>, Place>,
}

impl TeamTurns {
    /// When the first of the leads that wait are looked at next; `None` when none does.
    pub fn opens(&self) -> Option<Millis> {
        self.waits.values().min().copied()
    }
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
    /// Of each tier on that day, and in its week; those beyond the last count as it.
    pub tiers: [(u32, u32); Self::TIERS],
}

impl Given {
    /// So many tiers are counted by themselves.
    pub const TIERS: usize = 7;

    /// 1970-01-01 was so many days after a Monday.
    pub const MONDAY: i64 = 3;

    /// The number of the week that a day is in.
    pub const fn week_of(day: i64) -> i64 {
        (day + Self::MONDAY).div_euclid(7)
    }

    /// The same, seen on `day`.
    #[must_use]
    pub fn on(self, day: i64) -> Self {
        // What came a little late belongs to the day at hand; a clock that was far ahead doesn't hold up the days until then.
        if day == self.day || day == self.day - 1 {
            return self;
        }
        let is_same_week = Self::week_of(day) == Self::week_of(self.day);
        let tiers = self.tiers.map(|(_, week)| (0, if is_same_week { week } else { 0 }));
        Self { day, today: 0, week: if is_same_week { self.week } else { 0 }, tiers, ..self }
    }

    /// With one more of a tier on `day`.
    #[must_use]
    pub fn and_one(self, day: i64, tier: u8) -> Self {
        let mut given = self.on(day);
        (given.today, given.week) = (given.today.saturating_add(1), given.week.saturating_add(1));
        if let Some((today, week)) = Self::place_of(tier).and_then(|place| given.tiers.get_mut(place)) {
            (*today, *week) = (today.saturating_add(1), week.saturating_add(1));
        }
        given
    }

    /// How many of a tier on that day, and in its week.
    pub fn of_tier(&self, tier: u8) -> (u32, u32) {
        Self::place_of(tier).and_then(|place| self.tiers.get(place)).copied().unwrap_or_default()
    }

    fn place_of(tier: u8) -> Option<usize> {
        usize::from(tier).checked_sub(1).map(|place| place.min(Self::TIERS - 1))
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
    /// They were given as many leads of this tier as they may be in a day or a week.
    CapTier,
    /// They lack a skill that the lead asks for.
    Skill,
    /// They don't speak the lead's language.
    Language,
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
            Self::CapTier => "cap_tier",
            Self::Skill => "skill",
            Self::Language => "language",
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
            Self::CapTier => "has the cap of leads of this tier",
            Self::Skill => "has not the skills that it takes",
            Self::Language => "doesn't speak the lead's language",
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
