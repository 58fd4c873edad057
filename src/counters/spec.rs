//! What a counter counts, as declared.

use std::sync::Arc;

use super::steps::Course;
use crate::event::facts::EventFacts;
use crate::event::{Call, Event};
use crate::expr::{Expr, Figures};
use crate::ids::{CounterName, SourceName, SubjectKind};
use crate::time::Millis;

/// One declared counter.
#[derive(Clone, Debug)]
pub struct Counter {
    /// What conditions call it; its own series are stored under this name.
    pub name: CounterName,
    /// Whether there is a figure for each user or for each account.
    pub of: SubjectKind,
    /// What is counted: every event that one of these fits.
    pub events: Vec<EventMatch>,
    /// What it was called before; what was counted under that name is its own.
    pub was: Option<CounterName>,
    /// Only events for which this is true are counted; an expression over the event.
    pub filter: Option<Expr>,
    /// Only events of these sources are counted; those of all sources when it is empty.
    pub from: Vec<SourceName>,
    /// How the events become one figure.
    pub aggregate: Aggregate,
    /// How far back the figure looks.
    pub window: Window,
    /// For people, used in sentences. By default made from the events' names.
    pub label: Option<Label>,
}

impl Counter {
    /// Whether it counts this event, as far as its declaration says.
    pub fn sees(&self, event: &Event, now: Millis) -> bool {
        let is_from = self.from.is_empty() || self.from.contains(&event.source);
        let filter = || self.filter.as_ref().is_none_or(|filter| filter.test(&EventFacts { event, now }) == Some(true));
        is_from && self.events.iter().any(|want| want.fits(event)) && filter()
    }
}

/// What people call one of what is counted, and several: `task created`, `tasks created`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// One of them: `task created`.
    pub one: Box<str>,
    /// Any other number of them: `tasks created`.
    pub several: Box<str>,
}

/// Which events a counter counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EventMatch {
    /// Any track, page or screen call: any sign of use.
    Any,
    /// A track call of this name.
    Track(Arc<str>),
    /// Page calls; of this name only, when one is given.
    Page(Option<Arc<str>>),
    /// Screen calls; of this name only, when one is given.
    Screen(Option<Arc<str>>),
}

impl EventMatch {
    /// Whether it is one of these events.
    pub fn fits(&self, event: &Event) -> bool {
        let named = |name: &Option<Arc<str>>| name.is_none() || name.as_deref() == event.name.as_deref();
        match self {
            Self::Any => matches!(event.call, Call::Track | Call::Page | Call::Screen),
            Self::Track(name) => event.call == Call::Track && event.name.as_deref() == Some(name),
            Self::Page(name) => event.call == Call::Page && named(name),
            Self::Screen(name) => event.call == Call::Screen && named(name),
        }
    }
}

/// How counted events become one figure.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Aggregate {
    /// How many events.
    Count,
    /// The sum of a numeric property (a path below `properties`); events without it are not counted.
    Sum(Arc<[Box<str>]>),
    /// The least number in a property; events without one are not counted.
    Min(Arc<[Box<str>]>),
    /// The greatest number in a property; events without one are not counted.
    Max(Arc<[Box<str>]>),
    /// The first value of a property; reads as what it is.
    First(Arc<[Box<str>]>),
    /// The last value of a property; reads as what it is.
    Last(Arc<[Box<str>]>),
    /// How many events have the value of a property that most have.
    Busiest(Arc<[Box<str>]>),
    /// How many runs through these track events, one after the other, each within so many milliseconds.
    Steps(Arc<[Arc<str>]>, i64),
    /// How many different values of a property; events without it are not counted.
    DistinctProperty(Arc<[Box<str>]>),
    /// How many different events, by name.
    DistinctEvents,
    /// How many different users.
    DistinctUsers,
    /// On how many calendar days.
    Days,
}

impl Aggregate {
    /// What its figures are, which decides how it may be read.
    pub const fn figures(&self) -> Figures {
        match self {
            Self::Count | Self::Sum(_) => Figures::Added,
            Self::DistinctProperty(_) | Self::DistinctUsers | Self::DistinctEvents => Figures::Distinct,
            Self::Min(_) | Self::Max(_) => Figures::Extreme,
            Self::First(_) | Self::Last(_) => Figures::Told,
            Self::Busiest(_) => Figures::Busiest,
            Self::Steps(..) => Figures::Steps,
            Self::Days => Figures::Days,
        }
    }

    /// Whether a further event adds to its figure, so that one can say how many more it takes.
    pub const fn adds_up(&self) -> bool {
        !matches!(self, Self::Min(_) | Self::Max(_) | Self::First(_) | Self::Last(_))
    }

    /// The property that it looks at.
    pub const fn property(&self) -> Option<&Arc<[Box<str>]>> {
        match self {
            Self::Sum(path)
            | Self::Min(path)
            | Self::Max(path)
            | Self::First(path)
            | Self::Last(path)
            | Self::Busiest(path)
            | Self::DistinctProperty(path) => Some(path),
            Self::Count | Self::Steps(..) | Self::DistinctEvents | Self::DistinctUsers | Self::Days => None,
        }
    }

    /// The steps as their series knows them.
    pub(super) fn course(&self) -> Option<Course> {
        let Self::Steps(names, within) = self else { return None };
        Some(Course { steps: u8::try_from(names.len()).unwrap_or(u8::MAX), within: *within })
    }
}

/// Which stretch of time a counter looks at, where a condition says no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// Everything since the first event.
    Lifetime,
    /// The last so many calendar days in the configured time zone, today included: 1 to 400.
    Days(u16),
    /// The last so many minutes (also used for hours), in buckets of one minute up to 3 h, of 10 minutes up to 24 h, of one
    /// hour up to 90 d. The oldest bucket counts whole.
    Minutes(u32),
}
