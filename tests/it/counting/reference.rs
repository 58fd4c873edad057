//! The reference: every event is kept, and every figure is computed from all of them when it is asked for.

use std::collections::{BTreeMap, BTreeSet};

use handraiser::cdp::{Call, Event};
use handraiser::counters::{Aggregate, Counter, EventMatch, Window};
use handraiser::identity::SubjectKind;
use handraiser::time::Millis;
use serde_json::Value;

/// All that was accepted.
#[derive(Default)]
pub struct Reference {
    seen: BTreeSet<String>,
    /// Each with the account it was found to belong to when it came.
    events: Vec<(Event, Option<String>)>,
    links: BTreeMap<String, String>,
    /// User → (account, time of the call).
    groups: BTreeMap<String, (String, Millis)>,
    pub users: BTreeSet<String>,
    pub accounts: BTreeSet<String>,
}

impl Reference {
    pub fn root(&self, id: &str) -> String {
        let mut root = id;
        while let Some(next) = self.links.get(root) {
            root = next;
        }
        root.to_owned()
    }

    fn link(&mut self, from: &str, to: &str) {
        let root = self.root(to);
        if self.links.contains_key(from) || root == from {
            return;
        }
        self.links.insert(from.to_owned(), root.clone());
        if let Some((account, at)) = self.groups.remove(from)
            && self.groups.get(&root).is_none_or(|(_, known)| *known < at)
        {
            self.groups.insert(root, (account, at));
        }
    }

    /// Takes in one event, as the n-th thing that ever happened.
    pub fn accept(&mut self, event: &Event) {
        if let (Call::Identify | Call::Alias, Some(to)) = (event.call, &event.user_id) {
            let from = event.previous_id.as_ref().or(event.anonymous_id.as_ref());
            if let Some(from) = from.filter(|from| *from != to) {
                self.link(from, to);
            }
        }
        if !self.seen.insert(event.message_id.to_string()) {
            return;
        }
        let id = event.user_id.as_ref().or(event.anonymous_id.as_ref()).expect("every event has an id");
        let user = self.root(id);
        if let (Call::Group, Some(group)) = (event.call, &event.group_id)
            && self.groups.get(&user).is_none_or(|(_, at)| *at <= event.timestamp)
        {
            self.groups.insert(user.clone(), (group.to_string(), event.timestamp));
        }
        let named = event.context_group_id.as_ref().or(event.group_id.as_ref()).map(ToString::to_string);
        let account = named.or_else(|| self.groups.get(&user).map(|(account, _)| account.clone()));
        self.users.insert(id.to_string());
        self.accounts.extend(account.clone());
        self.events.push((event.clone(), account));
    }

    /// A counter's figure: a number, or milliseconds of a moment; `None` for a moment that never was.
    pub fn figure(&self, counter: &Counter, id: &str, now: Millis) -> Option<f64> {
        let mine = self.events.iter().filter(|(event, account)| match counter.of {
            SubjectKind::User => self.user_of(event) == id,
            SubjectKind::Account => account.as_deref() == Some(id),
        });
        let counted: Vec<&Event> = mine
            .map(|(event, _)| event)
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
            Aggregate::ActiveDays => Some(distinct(counted.iter().map(|e| day(e.timestamp)))),
            Aggregate::FirstSeen => counted.iter().map(|e| e.timestamp.0 as f64).min_by(f64::total_cmp),
            Aggregate::LastSeen => counted.iter().map(|e| e.timestamp.0 as f64).max_by(f64::total_cmp),
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
