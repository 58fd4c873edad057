//! The people of an account: who is most active, and whom to talk to.

use std::collections::BTreeMap;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::Subject;
use crate::lead::Person;
use crate::time::Millis;

/// One user of an account, as the account remembers them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Events of theirs that were counted for the account.
    pub events: u64,
    /// Unix milliseconds.
    pub last_seen: Millis,
    /// Their `email` trait, as known last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Box<str>>,
    /// Their name (`name`, or first and last name), as known last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Box<str>>,
    /// Their `title` trait, as known last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Box<str>>,
    /// Whether anything above differs from what is stored.
    #[serde(skip)]
    pub dirty: bool,
}

/// Who a user is, as an account needs to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The `email` trait.
    pub email: Option<Box<str>>,
    /// The `name` trait, or first and last name.
    pub name: Option<Box<str>>,
    /// The `title` trait.
    pub title: Option<Box<str>>,
}

impl Profile {
    /// What a user's traits say.
    #[must_use]
    pub fn of(user: &Subject) -> Self {
        let text = |name| user.traits.text(name).map(Box::from);
        Self { email: text("email"), name: user.traits.name().map(Box::from), title: text("title") }
    }
}

/// How many people of one account are remembered. When a new one comes, the least active one makes place and the new one
/// takes over its count (Space-Saving, Metwally et al. 2005), so that the truly active are always among them.
pub const MAX_MEMBERS: usize = 50;

impl Subject {
    /// Notes that a user did something within this account.
    pub fn meet(&mut self, user: &str, profile: &Profile, at: Millis, is_use: bool) {
        if !self.members.contains_key(user) && self.members.len() >= MAX_MEMBERS {
            self.replace_least_active(user);
        }
        let member = self.members.entry(user.into()).or_default();
        member.events += u64::from(is_use);
        member.last_seen = member.last_seen.max(at);
        for (mine, said) in [
            (&mut member.email, &profile.email),
            (&mut member.name, &profile.name),
            (&mut member.title, &profile.title),
        ] {
            if said.is_some() && mine != said {
                mine.clone_from(said);
            }
        }
        member.dirty = true;
    }

    fn replace_least_active(&mut self, user: &str) {
        let least = self.members.iter().min_by_key(|(_, m)| (m.events, m.last_seen)).map(|(id, _)| id.clone());
        if let Some(least) = least {
            let inherited = self.members.remove(&least).map_or(0, |member| member.events);
            self.gone.push(format!("p:{least}").into());
            self.members.insert(user.into(), Member { events: inherited, ..Member::default() });
        }
    }

    /// Whoever was `from` was `to` all along; with `None`, `from` is forgotten.
    pub fn rename_member(&mut self, from: &str, to: Option<&str>) {
        let Some(old) = self.members.remove(from) else {
            return;
        };
        self.gone.push(format!("p:{from}").into());
        if let Some(to) = to {
            let member = self.members.entry(to.into()).or_default();
            member.events += old.events;
            member.last_seen = member.last_seen.max(old.last_seen);
            member.email = member.email.take().or(old.email);
            member.name = member.name.take().or(old.name);
            member.title = member.title.take().or(old.title);
            member.dirty = true;
        }
    }
}

/// The most active people first, up to `limit`.
#[must_use]
pub fn most_active(members: &BTreeMap<CompactString, Member>, limit: usize) -> Vec<Person> {
    let mut people: Vec<(&CompactString, &Member)> = members.iter().collect();
    people.sort_by_key(|(id, m)| (std::cmp::Reverse((m.events, m.last_seen)), (*id).clone()));
    people.into_iter().take(limit).map(|(id, m)| m.person(id)).collect()
}

impl Member {
    fn person(&self, id: &str) -> Person {
        let text = |t: &Option<Box<str>>| t.as_deref().map(str::to_owned);
        Person {
            user_id: id.to_owned(),
            email: text(&self.email),
            name: text(&self.name),
            title: text(&self.title),
            events: self.events,
            last_seen: Some(self.last_seen.rfc3339()),
        }
    }
}
