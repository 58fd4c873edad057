//! The people of an account: who is most active, and whom to talk to.

use serde::{Deserialize, Serialize};

use super::Subject;
use crate::event::size::cut;
use crate::time::Millis;

/// One user of an account, as the account remembers them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Events of theirs that were counted for the account.
    pub events: u64,
    /// Unix milliseconds.
    pub last_seen: Millis,
    /// Who they are, as known last.
    pub profile: Profile,
}

/// Who a user is, as an account needs to know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The `email` trait.
    pub email: Option<Box<str>>,
    /// The `name` trait, or first and last name.
    pub name: Option<Box<str>>,
    /// The `title` trait.
    pub title: Option<Box<str>>,
}

/// Of each text so many bytes are remembered: an account has many people.
const MAX_TEXT_BYTES: usize = 256;

impl Profile {
    /// What a user's traits say.
    pub fn of(user: &Subject) -> Self {
        let short = |text: &str| Box::from(cut(text, MAX_TEXT_BYTES));
        let text = |name| user.traits.text(name).map(short);
        Self { email: text("email"), name: user.traits.name().as_deref().map(short), title: text("title") }
    }

    /// What is known, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [("email", &self.email), ("name", &self.name), ("title", &self.title)];
        all.into_iter().filter_map(|(name, text)| Some((name, text.as_deref()?)))
    }

    /// Takes in what was said later.
    fn learn(&mut self, said: &Self) {
        let Self { email, name, title } = said;
        for (mine, said) in [(&mut self.email, email), (&mut self.name, name), (&mut self.title, title)] {
            if said.is_some() && mine != said {
                mine.clone_from(said);
            }
        }
    }
}

/// How many people of one account are remembered. When a new one comes, the least active one makes place and the new one
/// takes over its count (Space-Saving, Metwally et al. 2005), so that the truly active are always among them.
pub const MAX_MEMBERS: usize = 50;

impl Subject {
    /// Notes that a user did something within this account.
    pub fn note_member(&mut self, user: &str, profile: &Profile, at: Millis, is_use: bool) {
        if !self.members.contains_key(user) && self.members.len() >= MAX_MEMBERS {
            self.replace_least_active(user);
        }
        let member = self.members.entry(user.into()).or_default();
        member.events += u64::from(is_use);
        member.last_seen = member.last_seen.max(at);
        member.profile.learn(profile);
    }

    fn replace_least_active(&mut self, user: &str) {
        let least = self.members.iter().min_by_key(|(_, m)| (m.events, m.last_seen)).map(|(id, _)| id.clone());
        if let Some(least) = least {
            let inherited = self.members.remove(&least).map_or(0, |member| member.events);
            self.members.insert(user.into(), Member { events: inherited, ..Member::default() });
        }
    }

    /// Whoever was `from` was `to` all along; with `None`, `from` is forgotten.
    pub fn rename_member(&mut self, from: &str, to: Option<&str>) {
        let Some(old) = self.members.remove(from) else {
            return;
        };
        if let Some(to) = to {
            let member = self.members.entry(to.into()).or_default();
            member.events += old.events;
            member.last_seen = member.last_seen.max(old.last_seen);
            let known = std::mem::replace(&mut member.profile, old.profile);
            member.profile.learn(&known);
        }
    }
}
