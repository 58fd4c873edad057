//! What a counter counts, as declared.

use std::sync::Arc;

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
    /// How many different values of a property; events without it are not counted.
    DistinctProperty(Arc<[Box<str>]>),
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
            Self::DistinctProperty(_) | Self::DistinctUsers => Figures::Distinct,
            Self::Days => Figures::Days,
        }
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
