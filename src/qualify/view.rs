//! A subject with everything around it, as the conditions of a definition see it.

use super::expr::{Facts, Slot, TraitOf, Value};
use super::facts::read_event;
use crate::cdp::Event;
use crate::counters::ledger::Figure;
use crate::counters::{CounterId, Plan};
use crate::identity::SubjectKind;
use crate::subject::Subject;
use crate::time::Millis;

/// What is known at one moment.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Which counters there are, and where their figures are read from.
    pub plan: &'a Plan,
    /// What `now` reads, and where every window ends.
    pub now: Millis,
    /// The user: the subject itself, or whoever did the event at hand.
    pub user: Option<(&'a str, &'a Subject)>,
    /// The account: the subject itself, or that of the event at hand.
    pub account: Option<(&'a str, &'a Subject)>,
    /// The event at hand; `None` when something else asks, such as a merge or an explanation.
    pub event: Option<&'a Event>,
    /// Whether all intent conditions of the definition at hand are true, once that is known.
    pub intent: Option<bool>,
    /// The same of its fit conditions.
    pub fit: Option<bool>,
}

impl<'a> View<'a> {
    fn who(&self, of: TraitOf) -> Option<(&'a str, &'a Subject)> {
        match of {
            TraitOf::User => self.user,
            TraitOf::Account => self.account,
        }
    }

    /// A counter's figure; [`Figure::Never`] when there is no subject to read it from.
    #[must_use]
    pub fn figure(&self, id: CounterId) -> Figure {
        let of = self.plan.counters.get(usize::from(id.0)).map(|counter| counter.of);
        let who = match of {
            Some(SubjectKind::User) => self.user,
            Some(SubjectKind::Account) => self.account,
            None => None,
        };
        who.map_or(Figure::Never, |(_, subject)| subject.ledger.read(self.plan, id, self.now))
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
            Slot::Id(of) => self.who(*of).map_or(Value::Unknown, |(id, _)| Value::text(id)),
            Slot::FirstSeen(of) => time(self.who(*of).and_then(|(_, s)| s.first_seen)),
            Slot::LastSeen(of) => time(self.who(*of).and_then(|(_, s)| s.last_seen)),
            Slot::Event(path) => self.event.map_or(Value::Unknown, |event| read_event(event, path)),
            Slot::Lead(_) => Value::Unknown,
            Slot::Intent => flag(self.intent),
            Slot::Fit => flag(self.fit),
            Slot::Now => Value::Time(self.now),
        }
    }
}

fn read_trait<'a>(who: Option<(&'a str, &'a Subject)>, path: &[Box<str>]) -> Value<'a> {
    let (Some((_, subject)), Some((first, rest))) = (who, path.split_first()) else {
        return Value::Unknown;
    };
    let start = subject.traits.get(first);
    let found = rest.iter().try_fold(start, |value, step| value.map(|v| v.get(&**step)));
    found.flatten().map_or(Value::Unknown, Value::from_json)
}
