//! The people of an account: who is most active, and whom to talk to.

use std::cmp::Ordering;
use std::sync::Arc;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::Subject;
use crate::event::size::cut;
use crate::expr::{SortKey, greatest_first, sortable};
use crate::time::Millis;

/// One user of an account, as the account remembers them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Member {
    /// Events of theirs that were counted for the account.
    pub events: u64,
    /// Unix milliseconds.
    pub last_seen: Millis,
    /// Who they are, as known last.
    pub profile: Profile,
    /// What they told last for the keys that members are sorted by, by the keys' fingerprints.
    pub keys: Box<[(u32, f64)]>,
}

impl Member {
    /// Takes in what they say of themself.
    fn tell(&mut self, profile: &Profile, keys: &[(u32, f64)]) {
        self.profile.learn(profile);
        if *self.keys != *keys {
            self.keys = keys.into();
        }
    }

    /// What a key says of them; `None` when it is not known.
    fn key(&self, key: &SortKey) -> Option<f64> {
        match key {
            #[expect(clippy::cast_precision_loss, reason = "nobody does anything 2^53 times")]
            SortKey::Events => Some(self.events as f64),
            SortKey::LastSeen => Some(sortable(self.last_seen)),
            SortKey::Told { fingerprint, .. } => {
                self.keys.iter().find(|(known, _)| known == fingerprint).map(|(_, value)| *value)
            }
        }
    }

    /// Whether something speaks for them beside how active they are.
    fn stands_out(&self, keys: &[SortKey]) -> bool {
        keys.iter().filter(|key| key.fingerprint().is_some()).any(|key| self.key(key).is_some_and(|value| value > 0.0))
    }

    /// Who of two comes first by these keys, the first of them first.
    fn compare(&self, other: &Self, keys: &[SortKey]) -> Ordering {
        let by_keys = keys.iter().map(|key| greatest_first(self.key(key), other.key(key)));
        by_keys.fold(Ordering::Equal, Ordering::then)
    }
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

/// Of each order in which somebody wants members, so many of the first stay whoever else comes.
const STANDING_OUT: usize = 3;

impl Subject {
    /// Notes that a user did something within this account; `orders` are the keys by which members are sought.
    pub fn note_member(
        &mut self,
        user: &str,
        (profile, keys): (&Profile, &[(u32, f64)]),
        (at, is_use): (Millis, bool),
        orders: &[Arc<[SortKey]>],
    ) {
        if !self.members.contains_key(user) && self.members.len() >= MAX_MEMBERS {
            self.replace_least_active(user, orders);
        }
        let member = self.members.entry(user.into()).or_default();
        member.events += u64::from(is_use);
        member.last_seen = member.last_seen.max(at);
        member.tell(profile, keys);
    }

    /// A member says who they are, who did nothing.
    pub fn tell_of_member(&mut self, user: &str, profile: &Profile, keys: &[(u32, f64)]) {
        if let Some(member) = self.members.get_mut(user) {
            member.tell(profile, keys);
        }
    }

    /// The first of the account's people by these keys, and by activity where those say the same; of two who are alike in both, the one
    /// who can be written to.
    pub fn first_member(&self, keys: &[SortKey]) -> Option<(&CompactString, &Member)> {
        let active =
            |(_, member): &(&CompactString, &Member)| (member.profile.email.is_some(), member.events, member.last_seen);
        self.members.iter().min_by(|one, other| {
            let by_keys = one.1.compare(other.1, keys);
            by_keys.then_with(|| active(other).cmp(&active(one))).then_with(|| one.0.cmp(other.0))
        })
    }

    fn replace_least_active(&mut self, user: &str, orders: &[Arc<[SortKey]>]) {
        let stays = self.standing_out(orders);
        let may_leave = |id: &CompactString| !stays.iter().any(|other| *other == id);
        let least = |may_leave: &dyn Fn(&CompactString) -> bool| {
            let those = self.members.iter().filter(|(id, _)| may_leave(id));
            those.min_by_key(|(_, member)| (member.events, member.last_seen)).map(|(id, _)| id.clone())
        };
        if let Some(least) = least(&may_leave).or_else(|| least(&|_| true)) {
            let inherited = self.members.remove(&least).map_or(0, |member| member.events);
            self.members.insert(user.into(), Member { events: inherited, ..Member::default() });
        }
    }

    /// The first of those whom something speaks for, in each of `orders`.
    fn standing_out(&self, orders: &[Arc<[SortKey]>]) -> Vec<CompactString> {
        let first = orders.iter().flat_map(|keys| {
            let mut those: Vec<_> = self.members.iter().filter(|(_, member)| member.stands_out(keys)).collect();
            those.sort_by(|one, other| one.1.compare(other.1, keys));
            those.into_iter().take(STANDING_OUT).map(|(id, _)| id.clone())
        });
        first.collect()
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
            let keys = std::mem::replace(&mut member.keys, old.keys);
            member.profile.learn(&known);
            if !keys.is_empty() {
                member.keys = keys;
            }
        }
    }
}
