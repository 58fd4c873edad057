//! The reference: every event is kept, and every figure is computed from all of them when it is asked for.

use std::collections::{BTreeMap, BTreeSet};

use handraiser::counters::{Aggregate, Counter, EventMatch, Window};
use handraiser::event::{Call, Event};
use handraiser::ids::SubjectKind;
use handraiser::time::Millis;
use serde_json::Value;

/// All that was accepted.
#[derive(Clone, Default)]
pub struct Reference {
    seen: BTreeSet<String>,
    /// Each with the moment of its arrival and the account that it names.
    events: Vec<(Event, Millis, Option<String>)>,
    /// Who turned out to be whom, and when.
    links: BTreeMap<String, (String, Millis)>,
    /// Who joined the account that people join, when, and when that was heard of.
    joined: Vec<(String, Millis, Millis)>,
    pub users: BTreeSet<String>,
}

/// How long an event waits for its account, and how long before a first group call it may have happened.
const DAY: i64 = 24 * 60 * 60 * 1_000;
/// The account that people join by group calls; others are named by events.
pub const JOINED: &str = "g0";

impl Reference {
    pub fn root(&self, id: &str) -> String {
        let mut root = id;
        while let Some((next, _)) = self.links.get(root) {
            root = next;
        }
        root.to_owned()
    }

    fn link(&mut self, from: &str, to: &str, now: Millis) {
        let root = self.root(to);
        if !self.links.contains_key(from) && root != from {
            self.links.insert(from.to_owned(), (root, now));
        }
    }

    /// Whom an id turned out to be, one after the other, each with the moment since when.
    fn way(&self, id: &str) -> Vec<(String, Millis)> {
        let mut way = vec![(id.to_owned(), Millis(i64::MIN))];
        while let Some((next, at)) = way.last().and_then(|(last, _)| self.links.get(last)) {
            let since = way.last().map_or(*at, |(_, since)| *since).max(*at);
            way.push((next.clone(), since));
        }
        way
    }

    /// Since when two ids are known to be one user.
    fn one_since(&self, a: &str, b: &str) -> Option<Millis> {
        let (a, b) = (self.way(a), self.way(b));
        a.iter().find_map(|(id, since)| b.iter().find(|(other, _)| other == id).map(|(_, other)| *since.max(other)))
    }

    /// Takes in one event that arrives at `now`.
    pub fn accept(&mut self, event: &Event, now: Millis) {
        if !self.seen.insert(event.message_id.to_string()) {
            return;
        }
        if let (Call::Identify | Call::Alias, Some(to)) = (event.call, &event.user_id) {
            let from = event.previous_id.as_ref().or(event.anonymous_id.as_ref());
            if let Some(from) = from.filter(|from| *from != to) {
                self.link(from, to, now);
            }
        }
        let id = event.user_id.as_ref().or(event.anonymous_id.as_ref()).expect("every event has an id");
        if event.call == Call::Group {
            self.joined.push((id.to_string(), event.timestamp, now));
        }
        let named = event.context_group_id.as_ref().or(event.group_id.as_ref()).map(ToString::to_string);
        self.users.insert(id.to_string());
        self.events.push((event.clone(), now, named));
    }

    /// The account of an event: the one that it names, or the one that its user has joined by the event's own time (or within a day
    /// after it), if that was heard of within a day after the event arrived.
    fn account_of(&self, event: &Event, arrived: Millis, named: Option<&String>) -> Option<String> {
        let mine = event.user_id.as_ref().or(event.anonymous_id.as_ref()).expect("every event has an id");
        let belongs = |(id, at, heard): &&(String, Millis, Millis)| {
            let known = self.one_since(mine, id).map(|since| since.max(*heard));
            at.since(event.timestamp) <= DAY && known.is_some_and(|known| known.since(arrived) < DAY)
        };
        named.cloned().or_else(|| self.joined.iter().find(belongs).map(|_| JOINED.to_owned()))
    }

    pub fn accounts(&self) -> BTreeSet<String> {
        self.events
            .iter()
            .filter_map(|(event, arrived, named)| self.account_of(event, *arrived, named.as_ref()))
            .collect()
    }

    /// A counter's figure: a number, or milliseconds of a moment; `None` for a moment that never was.
    pub fn figure(&self, counter: &Counter, id: &str, now: Millis) -> Option<f64> {
        let mine = self.events.iter().filter(|(event, arrived, named)| match counter.of {
            SubjectKind::User => self.user_of(event) == id,
            SubjectKind::Account => self.account_of(event, *arrived, named.as_ref()).as_deref() == Some(id),
        });
        let counted: Vec<&Event> = mine
            .map(|(event, ..)| event)
            .filter(|event| counter.events.iter().any(|want| matches(want, event)))
            .filter(|event| in_window(counter, event, now))
            .collect();
        match &counter.aggregate {
            Aggregate::Count => Some(counted.len() as f64),
            Aggregate::Sum(_) => Some(counted.iter().filter_map(|e| e.properties.get("value")?.as_f64()).sum()),
            Aggregate::DistinctProperty(_) => {
                Some(distinct(counted.iter().filter_map(|e| e.properties.get("value").map(Value::to_string))))
            }
            Aggregate::DistinctUsers => Some(distinct(counted.iter().map(|e| self.user_of(e)))),
            other @ (Aggregate::Min(_)
            | Aggregate::Max(_)
            | Aggregate::First(_)
            | Aggregate::Last(_)
            | Aggregate::Busiest(_)
            | Aggregate::Steps(..)
            | Aggregate::DistinctEvents) => unreachable!("{other:?} is held against a reference of its own"),
            Aggregate::Days => Some(distinct(counted.iter().map(|e| day(e.timestamp)))),
        }
    }

    fn user_of(&self, event: &Event) -> String {
        self.root(event.user_id.as_ref().or(event.anonymous_id.as_ref()).expect("every event has an id"))
    }
}

fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> f64 {
    values.collect::<BTreeSet<T>>().len() as f64
}

fn day(at: Millis) -> i64 {
    at.0.div_euclid(Millis::DAY)
}

fn matches(want: &EventMatch, event: &Event) -> bool {
    match want {
        EventMatch::Any => matches!(event.call, Call::Track | Call::Page | Call::Screen),
        EventMatch::Track(name) => event.call == Call::Track && event.name.as_deref() == Some(&**name),
        EventMatch::Page(name) => {
            event.call == Call::Page && name.as_deref().is_none_or(|n| event.name.as_deref() == Some(n))
        }
        EventMatch::Screen(_) => false,
    }
}

/// Whole buckets count: days of the calendar, and minutes, ten minutes or hours.
fn in_window(counter: &Counter, event: &Event, now: Millis) -> bool {
    match counter.window {
        Window::Lifetime => true,
        Window::Days(n) => day(event.timestamp) > day(now) - i64::from(n),
        Window::Minutes(minutes) => {
            let width = Millis::MINUTE
                * if minutes <= 180 {
                    1
                } else if minutes <= 1440 {
                    10
                } else {
                    60
                };
            let start = now.0 - i64::from(minutes) * Millis::MINUTE + 1;
            event.timestamp.0.div_euclid(width) >= start.div_euclid(width)
        }
    }
}
