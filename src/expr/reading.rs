//! How a counter is read: over which stretch of time, or when it was counted first and last.
//!
//! A counter says what happened; a reading, which the condition writes, says how much of it is looked at. All readings are
//! functions of what is kept in buckets of time, so that the order in which events arrive doesn't matter.

use std::fmt;

use crate::time::Millis;

/// A stretch of time that reaches back from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Span {
    /// So many calendar days, today included.
    Days(u16),
    /// So many minutes, rolling.
    Minutes(u32),
}

/// The most days that a condition looks back.
pub const MAX_DAYS: u16 = 400;
/// The most minutes: hours are kept for 90 days.
pub const MAX_MINUTES: u32 = 90 * 24 * 60;
/// After so many half-lives nothing is left of a figure that decays: less than a thousandth.
pub const HALF_LIVES: u16 = 10;

impl Span {
    /// About how long it is, in minutes.
    pub const fn minutes(self) -> u32 {
        match self {
            Self::Days(days) => days as u32 * 24 * 60,
            Self::Minutes(minutes) => minutes,
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(days) => write!(f, "{days}d"),
            Self::Minutes(minutes) if minutes % 60 == 0 => write!(f, "{}h", minutes / 60),
            Self::Minutes(minutes) => write!(f, "{minutes}m"),
        }
    }
}

/// A period of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Period {
    /// An hour of universal time.
    Hour,
    /// A day of the configured time zone, as all that follow.
    Day,
    /// From Monday to Sunday.
    Week,
    /// A month.
    Month,
    /// Three months, from January on.
    Quarter,
}

impl Period {
    /// All of them, by name.
    pub const NAMED: [(&str, Self); 5] = [
        ("hour", Self::Hour),
        ("day", Self::Day),
        ("week", Self::Week),
        ("month", Self::Month),
        ("quarter", Self::Quarter),
    ];

    /// Its name in conditions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
        }
    }

    /// How many days the longest one has; an hour is within one.
    pub const fn longest(self) -> u16 {
        match self {
            Self::Hour | Self::Day => 1,
            Self::Week => 7,
            Self::Month => 31,
            Self::Quarter => 92,
        }
    }
}

/// How a counter is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reading {
    /// `tasks`: over the counter's own window, or everything.
    Own,
    /// `tasks.within(30d)`.
    Within(Span),
    /// `tasks.between(14d, 7d)`: from the first to the second before now.
    Between(Span, Span),
    /// `tasks.this(month)`.
    This(Period),
    /// `tasks.previous(month)`.
    Previous(Period),
    /// `tasks.per(day, 7)`: the last complete periods, the oldest first.
    Per(Period, u16),
    /// `tasks.decayed(14d)`: what happened so long ago counts half.
    Decayed(Span),
    /// `tasks.during(user.trial_started_at, user.trial_started_at + 7d)`; the two moments are known once the condition is
    /// evaluated. [`Self::ANCHORED`] and [`Self::ANCHORED_HOURS`] stand for all of them.
    During {
        /// Whether hours are told apart, and not only days.
        hours: bool,
        /// The first moment.
        from: Millis,
        /// The first moment behind it.
        to: Millis,
    },
    /// `tasks.first_at`: when it was counted for the first time, whatever the counter's window is.
    FirstAt,
    /// `tasks.last_at`: when it was counted for the last time.
    LastAt,
    /// `signup.reached`: the furthest of a counter's steps.
    Reached,
}

impl Reading {
    /// Any `during` that tells days apart.
    pub const ANCHORED: Self = Self::During { hours: false, from: Millis(i64::MIN), to: Millis(i64::MAX) };
    /// Any `during` that tells hours apart.
    pub const ANCHORED_HOURS: Self = Self::During { hours: true, from: Millis(i64::MIN), to: Millis(i64::MAX) };
}

/// As conditions write it, behind the counter's name: `.within(30d)`.
impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => Ok(()),
            Self::Within(span) => write!(f, ".within({span})"),
            Self::Between(from, to) => write!(f, ".between({from}, {to})"),
            Self::This(period) => write!(f, ".this({})", period.name()),
            Self::Previous(period) => write!(f, ".previous({})", period.name()),
            Self::Per(period, count) => write!(f, ".per({}, {count})", period.name()),
            Self::Decayed(span) => write!(f, ".decayed({span})"),
            Self::During { from, to, .. } => write!(f, ".during({}, {})", from.rfc3339(), to.rfc3339()),
            Self::FirstAt => f.write_str(".first_at"),
            Self::LastAt => f.write_str(".last_at"),
            Self::Reached => f.write_str(".reached"),
        }
    }
}

/// What a counter's figures are, which decides how it may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figures {
    /// Counts and sums: those of two stretches add up.
    Added,
    /// On how many days.
    Days,
    /// How many different ones: known back from now, and not between two moments before.
    Distinct,
    /// The least or the greatest number.
    Extreme,
    /// The first or the last value, whatever it is.
    Told,
    /// The count of the busiest value.
    Busiest,
    /// Runs through steps.
    Steps,
}

/// A counter that a condition may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readable {
    /// Which one.
    pub id: crate::ids::CounterId,
    /// Whose figures it has.
    pub of: crate::ids::SubjectKind,
    /// What its figures are.
    pub figures: Figures,
}
