//! A subject with everything around it, as the conditions of a definition see it.

use super::Definition;
use crate::counters::{Figure, Plan};
use crate::event::Event;
use crate::event::facts::read_event;
use crate::expr::{AboutTrait, Aspect, Drift, Facts, MembersHow, Reading, Slot, TraitRule, Value, Way};
use crate::ids::{CounterId, SubjectKind};
use crate::record::outcomes::Tally;
use crate::record::traits::{goes_stale, standing};
use crate::record::{Noted, Projection, Said, Subject, Trait};
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
    /// Of a user who is looked at as a member of an account: how many of their events were counted for it.
    pub member_events: Option<u64>,
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

    /// What is known of one of the two.
    pub const fn who(&self, of: SubjectKind) -> Who<'a> {
        match of {
            SubjectKind::User => self.user,
            SubjectKind::Account => self.account,
        }
    }

    /// The value of a trait that stands now, and its source.
    fn standing(&self, of: SubjectKind, name: &str, rule: Option<&TraitRule>) -> Option<(&'a str, &'a Trait)> {
        let (known, said) = self.who(of).said(name);
        standing(known, said, rule, self.now)
    }

    /// A counter's figure; [`Figure::Never`] when there is no subject to read it from.
    pub fn figure(&self, id: CounterId, reading: Reading) -> Figure {
        let Some((counter, _)) = self.plan.counter(id) else { return Figure::Never };
        match self.who(counter.of) {
            Who::Record(_, subject) => subject.ledger.read(self.plan, id, reading, self.now),
            Who::Projection(projection) => projection.ledger.read(self.plan, id, reading, self.now),
            Who::Nobody | Who::Pending => Figure::Never,
        }
    }

    /// When a counter's figure may change by time alone.
    fn drift(&self, id: CounterId, reading: Reading) -> Option<Drift> {
        let (counter, _) = self.plan.counter(id)?;
        match self.who(counter.of) {
            Who::Record(_, subject) => subject.ledger.next_change(self.plan, id, reading, self.now),
            Who::Projection(projection) => projection.ledger.next_change(self.plan, id, reading, self.now),
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

    /// Of how many members a condition is true; `None` when there is no account to tell.
    fn tally(self, condition: u32) -> Option<Tally> {
        match self {
            Self::Record(_, subject) => {
                Some(subject.outcomes.as_ref().map(|outcomes| outcomes.tally(condition)).unwrap_or_default())
            }
            Self::Projection(projection) => Some(projection.tallies.get(&condition).copied().unwrap_or_default()),
            Self::Nobody | Self::Pending => None,
        }
    }

    fn noted(self, signal: &str) -> Option<Noted> {
        match self {
            Self::Record(_, subject) => subject.noted.get(signal),
            Self::Projection(projection) => projection.noted.get(signal),
            Self::Nobody | Self::Pending => None,
        }
    }

    fn trait_named(self, name: &str) -> Option<&'a serde_json::Value> {
        match self {
            Self::Record(_, subject) => subject.traits.get(name),
            Self::Projection(projection) => projection.traits.get(name),
            Self::Nobody | Self::Pending => None,
        }
    }

    /// What was said of a trait, and by whom.
    fn said(self, name: &str) -> (Option<&'a Trait>, &'a [Said]) {
        match self {
            Self::Record(_, subject) => subject.traits.said(name),
            Self::Projection(projection) => (None, projection.said.get(name).map_or(&[], Vec::as_slice)),
            Self::Nobody | Self::Pending => (None, &[]),
        }
    }
}

fn flag<'a>(flag: Option<bool>) -> Value<'a> {
    flag.map_or(Value::Unknown, Value::Bool)
}

/// What is asked of the members of an account. Those of whom it isn't known make the outcome unknown where they may decide.
fn asked<'a>(how: MembersHow, tally: Option<Tally>) -> Value<'a> {
    let Some(Tally { met, unmet, unknown }) = tally else { return Value::Unknown };
    let decided = |by: u32, settles: bool| if by > 0 { Some(settles) } else { (unknown == 0).then_some(!settles) };
    match how {
        MembersHow::Exists => flag(decided(met, true)),
        MembersHow::All => flag(decided(unmet, false)),
        MembersHow::Count => Value::Number(f64::from(met)),
    }
}

fn time<'a>(at: Option<Millis>) -> Value<'a> {
    at.map_or(Value::Unknown, Value::Time)
}

impl Facts for View<'_> {
    fn read<'v>(&'v self, slot: &Slot) -> Value<'v> {
        match slot {
            Slot::Counter(id, reading) => match self.figure(*id, *reading) {
                Figure::Number(number) => Value::Number(number),
                Figure::Moment(at) => Value::Time(at),
                Figure::Value(serde_json::Value::Number(number)) => {
                    number.as_f64().map_or(Value::Unknown, Value::Number)
                }
                Figure::Value(serde_json::Value::String(text)) => Value::Text(text.into()),
                Figure::Value(serde_json::Value::Bool(flag)) => Value::Bool(flag),
                Figure::Value(_) => Value::Unknown,
                Figure::List(numbers) => Value::List(numbers.into_iter().map(Value::Number).collect()),
                Figure::Never => Value::Unknown,
            },
            Slot::Trait { of, path, rule: None, .. } => read_trait(path, |name| self.who(*of).trait_named(name)),
            Slot::Trait { of, path, rule: Some(rule), .. } => {
                read_trait(path, |name| self.standing(*of, name, Some(rule)).map(|(_, said)| &said.value))
            }
            Slot::About { of, name, rule, what } => {
                let standing = self.standing(*of, name, rule.as_deref());
                standing.map_or(Value::Unknown, |(source, said)| {
                    match (what, rule.as_deref().map(|rule| &*rule.sources)) {
                        (AboutTrait::At, _) => Value::Time(said.at),
                        // Nobody else is heard.
                        (AboutTrait::Source, Some([only])) => Value::Text(only.to_string().into()),
                        (AboutTrait::Source, _) if source.is_empty() => Value::Unknown,
                        (AboutTrait::Source, _) => Value::text(source),
                    }
                })
            }
            Slot::Id(of) => self.who(*of).id().map_or(Value::Unknown, Value::text),
            Slot::FirstSeen(of) => time(self.who(*of).seen().0),
            Slot::LastSeen(of) => time(self.who(*of).seen().1),
            Slot::Event(path) => self.event.map_or(Value::Unknown, |event| read_event(event, path)),
            Slot::Lead(_) => Value::Unknown,
            Slot::Intent => flag(self.intent),
            Slot::Fit => flag(self.fit),
            Slot::Now => Value::Time(self.now),
            Slot::Signal(signal, Aspect::Value) => signal.value(self),
            #[expect(clippy::cast_precision_loss, reason = "nobody does anything 2^53 times")]
            Slot::MemberEvents => self.member_events.map_or(Value::Unknown, |events| Value::Number(events as f64)),
            Slot::Members(members) => asked(members.how, self.account.tally(members.fingerprint)),
            Slot::Signal(signal, Aspect::Since) => time(self.who(signal.of).noted(&signal.name).and_then(|n| n.since)),
            Slot::Signal(signal, Aspect::Times) => match self.who(signal.of) {
                Who::Nobody | Who::Pending => Value::Unknown,
                who => Value::Number(who.noted(&signal.name).map_or(0.0, |noted| f64::from(noted.times))),
            },
        }
    }

    fn is_pending(&self) -> bool {
        matches!(self.user, Who::Pending) || matches!(self.account, Who::Pending)
    }

    fn next_change(&self, slot: &Slot) -> Option<Drift> {
        match slot {
            Slot::Counter(id, reading) => self.drift(*id, *reading),
            Slot::Trait { of, rule: Some(rule), .. } | Slot::About { of, rule: Some(rule), .. } => {
                let (known, said) = self.who(*of).said(slot.trait_name()?);
                goes_stale(known, said, rule, self.now).map(|at| Drift { at, way: Way::Any })
            }
            Slot::Signal(signal, _) => signal.next_change(self),
            _ => None,
        }
    }
}

fn read_trait<'a>(path: &[Box<str>], named: impl FnOnce(&str) -> Option<&'a serde_json::Value>) -> Value<'a> {
    let Some((first, rest)) = path.split_first() else { return Value::Unknown };
    let found = rest.iter().try_fold(named(first), |value, step| value.map(|v| v.get(&**step)));
    found.flatten().map_or(Value::Unknown, Value::from_json)
}
