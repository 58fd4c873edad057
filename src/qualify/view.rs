//! A subject with everything around it, as the conditions of a definition see it.

use super::Definition;
use crate::counters::Plan;
use crate::counters::ledger::Figure;
use crate::event::Event;
use crate::event::facts::read_event;
use crate::expr::{Drift, Facts, Slot, Value};
use crate::ids::{CounterId, SubjectKind};
use crate::record::{Projection, Subject};
use crate::time::Millis;

/// What is known of a user or an account.
#[derive(Clone, Copy, Debug, Default)]
pub enum Who<'a> {
    /// There is none.
    #[default]
    Nobody,
    /// There is one, and what it says comes later: nothing that hangs on it can be told yet.
    Pending,
    /// The record itself, by its id.
    Record(&'a str, &'a Subject),
    /// As it stood at one moment.
    Projection(&'a Projection),
}

/// What is known at one moment.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Which counters there are, and where their figures are read from.
    pub plan: &'a Plan,
    /// What `now` reads, and where every window ends.
    pub now: Millis,
    /// The user: the subject itself, or whoever did the event at hand.
    pub user: Who<'a>,
    /// The account: the subject itself, or that of the event at hand.
    pub account: Who<'a>,
    /// The event at hand; `None` when something else asks, such as a merge or an explanation.
    pub event: Option<&'a Event>,
    /// Whether all intent conditions of the definition at hand are true, once that is known.
    pub intent: Option<bool>,
    /// The same of its fit conditions.
    pub fit: Option<bool>,
}

impl<'a> View<'a> {
    /// What `definition` sees of it: an event of a source that it doesn't rest on is none.
    #[must_use]
    pub fn of(&self, definition: &Definition) -> Self {
        let is_seen = |event: &&Event| definition.from.is_empty() || definition.from.contains(&event.source);
        Self { event: self.event.filter(is_seen), ..*self }
    }

    const fn who(&self, of: SubjectKind) -> Who<'a> {
        match of {
            SubjectKind::User => self.user,
            SubjectKind::Account => self.account,
        }
    }

    /// A counter's figure; [`Figure::Never`] when there is no subject to read it from.
    pub fn figure(&self, id: CounterId) -> Figure {
        let Some(counter) = self.plan.counters.get(usize::from(id.0)) else { return Figure::Never };
        match self.who(counter.of) {
            Who::Record(_, subject) => subject.ledger.read(self.plan, id, self.now),
            Who::Projection(projection) => projection.figures.get(&counter.name).copied().unwrap_or(Figure::Never),
            Who::Nobody | Who::Pending => Figure::Never,
        }
    }

    /// When a counter's figure may change by time alone.
    fn drift(&self, id: CounterId) -> Option<Drift> {
        let counter = self.plan.counters.get(usize::from(id.0))?;
        match self.who(counter.of) {
            Who::Record(_, subject) => subject.ledger.next_change(self.plan, id, self.now),
            Who::Projection(projection) => projection.drifts.get(&counter.name).copied(),
            Who::Nobody | Who::Pending => None,
        }
    }
}

impl<'a> Who<'a> {
    fn id(self) -> Option<&'a str> {
        match self {
            Self::Record(id, _) => Some(id),
            Self::Projection(projection) => Some(&projection.id),
            Self::Nobody | Self::Pending => None,
        }
    }

    fn seen(self) -> (Option<Millis>, Option<Millis>) {
        match self {
            Self::Record(_, subject) => (subject.first_seen, subject.last_seen),
            Self::Projection(projection) => (projection.first_seen, projection.last_seen),
            Self::Nobody | Self::Pending => (None, None),
        }
    }

    fn trait_named(self, name: &str) -> Option<&'a serde_json::Value> {
        match self {
            Self::Record(_, subject) => subject.traits.get(name),
            Self::Projection(projection) => projection.traits.get(name),
            Self::Nobody | Self::Pending => None,
        }
    }
}

fn flag<'a>(flag: Option<bool>) -> Value<'a> {
    flag.map_or(Value::Unknown, Value::Bool)
}

fn time<'a>(at: Option<Millis>) -> Value<'a> {
    at.map_or(Value::Unknown, Value::Time)
}

impl Facts for View<'_> {
    fn read<'v>(&'v self, slot: &Slot) -> Value<'v> {
        match slot {
            Slot::Counter(id) => match self.figure(*id) {
                Figure::Number(number) => Value::Number(number),
                Figure::Moment(at) => Value::Time(at),
                Figure::Never => Value::Unknown,
            },
            Slot::Trait { of, path, .. } => read_trait(self.who(*of), path),
            Slot::Id(of) => self.who(*of).id().map_or(Value::Unknown, Value::text),
            Slot::FirstSeen(of) => time(self.who(*of).seen().0),
            Slot::LastSeen(of) => time(self.who(*of).seen().1),
            Slot::Event(path) => self.event.map_or(Value::Unknown, |event| read_event(event, path)),
            Slot::Lead(_) => Value::Unknown,
            Slot::Intent => flag(self.intent),
            Slot::Fit => flag(self.fit),
            Slot::Now => Value::Time(self.now),
        }
    }

    fn is_pending(&self) -> bool {
        matches!(self.user, Who::Pending) || matches!(self.account, Who::Pending)
    }

    fn next_change(&self, slot: &Slot) -> Option<Drift> {
        match slot {
            Slot::Counter(id) => self.drift(*id),
            _ => None,
        }
    }
}

fn read_trait<'a>(who: Who<'a>, path: &[Box<str>]) -> Value<'a> {
    let Some((first, rest)) = path.split_first() else { return Value::Unknown };
    let found = rest.iter().try_fold(who.trait_named(first), |value, step| value.map(|v| v.get(&**step)));
    found.flatten().map_or(Value::Unknown, Value::from_json)
}
