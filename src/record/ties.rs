//! A user's ties: to other ids, to accounts, and the events that wait until their account is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::counted::Counted;
use super::memberships::Memberships;
use crate::event::{Event, SourceName, Trust};
use crate::time::Millis;

/// A user's ties to other ids and to accounts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ties {
    /// Whether the id was ever sent as a `userId`, or untied by an operator: then only a server may tie it to another.
    pub known: bool,
    /// Since it was merged away: who holds its history. Boxed, since most are not.
    pub merged_into: Option<Box<MergedInto>>,
    /// Ids whose history was merged into this one, and who said so last; at most [`MAX_ALIASES`] of [`MAX_ALIASES_BYTES`], the
    /// newest.
    pub aliases: BTreeMap<Arc<str>, Tie>,
    /// The users that public sources tried to tie this id to after it was known, the last [`MAX_REFUSED`].
    pub refused: Vec<(Arc<str>, Tie)>,
    /// Every account that events of the user were counted for, in the order in which they became known, and how many signs of use
    /// were among them; at most [`MAX_ACCOUNTS`].
    pub accounts: Vec<(Arc<str>, u64)>,
    /// Since when the user belongs to which account.
    pub memberships: Memberships,
    /// Events whose account was not known when they came; at most [`MAX_WAITING`].
    pub waiting: Vec<Waiting>,
    /// The account that the user's work e-mail address names was found good for events that waited.
    pub settled: bool,
    /// How many answers of accounts are awaited. While there are any, every decision waits in line behind them.
    pub asks: u32,
    /// What came meanwhile that asks no account, and is decided about when all have answered: events, or a look without one; at most
    /// [`MAX_WAITING`].
    pub deferred: Vec<Option<Arc<Event>>>,
    /// Which messages were counted before it was known whose they are. Boxed, since most users have none.
    pub counted: Option<Box<Counted>>,
}

/// That an id is a user's: when it was said, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tie {
    /// When the call that said it arrived.
    pub at: Millis,
    /// How far its source was believed.
    pub trust: Trust,
    /// Its source.
    pub source: SourceName,
}

/// That an id was merged into a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedInto {
    /// The user, who holds its history.
    pub user: Arc<str>,
    /// Who said so.
    pub tie: Tie,
}

/// An event that waits until its account is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// The event.
    pub event: Arc<Event>,
    /// How long it waits.
    pub until: Millis,
}

/// How many accounts of one user are kept.
pub const MAX_ACCOUNTS: usize = 250;
/// How many merged ids of one user are kept.
pub const MAX_ALIASES: usize = 1_000;
/// How many bytes they take together: the record is written whole with each.
pub const MAX_ALIASES_BYTES: usize = 64 * 1_024;
/// How many refused ties of one id are kept.
pub const MAX_REFUSED: usize = 5;
/// How many events of one user wait for their account.
pub const MAX_WAITING: usize = 100;
/// How many bytes of memory they may take together.
pub const MAX_WAITING_BYTES: usize = 128 * 1_024;
/// How long an event waits for its account, and how long after an event a first group call still says whose it was.
pub const WAITS_FOR: i64 = Millis::DAY;

impl Ties {
    /// Notes that events of the user belong to `account`, so many signs of use among them.
    pub fn know_account(&mut self, account: &str, uses: u64) {
        if let Some((_, known)) = self.accounts.iter_mut().find(|(known, _)| &**known == account) {
            *known += uses;
        } else if self.accounts.len() < MAX_ACCOUNTS {
            self.accounts.push((Arc::from(account), uses));
        }
    }

    /// Lets an event wait for its account; returns how many others, the first, had to give up.
    pub fn wait(&mut self, waiting: Waiting) -> usize {
        self.waiting.push(waiting);
        let mut bytes: usize = self.waiting.iter().map(|waiting| waiting.event.bytes()).sum();
        let mut leaving = 0;
        for (index, waiting) in self.waiting.iter().enumerate() {
            let left = self.waiting.len() - index;
            if left == 1 || (left <= MAX_WAITING && bytes <= MAX_WAITING_BYTES) {
                break;
            }
            bytes -= waiting.event.bytes();
            leaving += 1;
        }
        self.waiting.drain(..leaving);
        leaving
    }

    /// Lets a decision wait until all accounts have answered; beyond the bounds the oldest one is given up.
    pub fn defer(&mut self, event: Option<Arc<Event>>) {
        if event.is_some() || self.deferred.last().is_none_or(Option::is_some) {
            self.deferred.push(event);
        }
        while self.deferred.len() > 1
            && (self.deferred.len() > MAX_WAITING || self.deferred_bytes() > MAX_WAITING_BYTES)
        {
            self.deferred.remove(0);
        }
    }

    fn deferred_bytes(&self) -> usize {
        self.deferred.iter().flatten().map(|event| event.bytes()).sum()
    }

    /// Notes that `id` was merged into this user.
    pub fn know_alias(&mut self, id: &Arc<str>, tie: &Tie) {
        if !self.aliases.contains_key(id) {
            self.make_room_for(id);
        }
        let last = self.aliases.entry(Arc::clone(id)).or_insert_with(|| tie.clone());
        if tie.at > last.at {
            *last = tie.clone();
        }
    }

    /// Forgets the oldest ids until one more fits.
    fn make_room_for(&mut self, id: &str) {
        let mut bytes = id.len() + self.aliases.keys().map(|id| id.len()).sum::<usize>();
        while self.aliases.len() >= MAX_ALIASES || bytes > MAX_ALIASES_BYTES {
            let oldest = self.aliases.iter().min_by_key(|(_, tie)| tie.at).map(|(id, _)| Arc::clone(id));
            let Some(oldest) = oldest else { return };
            bytes -= oldest.len();
            self.aliases.remove(&oldest);
        }
    }

    /// Notes that a tie of this id to `to` was refused. The last one of each source stays as long as there is room, so that none hides what
    /// another said.
    pub fn refuse(&mut self, to: &Arc<str>, tie: Tie) {
        self.refused.push((Arc::clone(to), tie));
        if self.refused.len() > MAX_REFUSED {
            let is_followed = |at: usize, source: &SourceName| {
                self.refused.iter().skip(at + 1).any(|(_, later)| later.source == *source)
            };
            let first = self.refused.iter().enumerate().position(|(at, (_, tie))| is_followed(at, &tie.source));
            self.refused.remove(first.unwrap_or(0));
        }
    }

    /// The sources that said something of this id, or of those that were merged into it.
    pub fn sources(&self) -> impl Iterator<Item = &SourceName> {
        let merged = self.merged_into.as_deref().map(|merged| &merged.tie);
        let refused = self.refused.iter().map(|(_, tie)| tie);
        self.aliases.values().chain(refused).chain(merged).map(|tie| &tie.source)
    }

    pub(super) fn merge(&mut self, id: &Arc<str>, tie: &Tie, other: Self) {
        self.know_alias(id, tie);
        for (alias, tie) in &other.aliases {
            self.know_alias(alias, tie);
        }
        for (to, tie) in other.refused {
            self.refuse(&to, tie);
        }
        for (account, uses) in &other.accounts {
            self.know_account(account, *uses);
        }
        self.memberships.merge(&other.memberships);
        if let Some(other) = other.counted {
            let mut counted = self.counted.take().unwrap_or_default();
            counted.bring(*other, tie.at);
            self.counted = Some(counted).filter(|counted| !counted.is_empty());
        }
        self.waiting.extend(other.waiting);
        self.waiting.truncate(MAX_WAITING);
        self.asks += other.asks;
        other.deferred.into_iter().for_each(|event| self.defer(event));
    }

    pub(super) fn bytes(&self) -> usize {
        let texts = |text: &Arc<str>| text.len() + 2 * size_of::<usize>();
        size_of::<Self>()
            + self.counted.as_ref().map_or(0, |counted| counted.bytes())
            + self.merged_into.as_ref().map_or(0, |merged| size_of::<MergedInto>() + texts(&merged.user))
            + self.aliases.keys().map(|id| texts(id) + size_of::<Tie>()).sum::<usize>()
            + self.refused.iter().map(|(id, _)| texts(id) + size_of::<Tie>()).sum::<usize>()
            + self.accounts.capacity() * size_of::<(Arc<str>, u64)>()
            + self.accounts.iter().map(|(account, _)| texts(account)).sum::<usize>()
            + self.memberships.bytes()
            + self.waiting.iter().map(|waiting| size_of::<Waiting>() + waiting.event.bytes()).sum::<usize>()
            + self.deferred.capacity() * size_of::<usize>()
            + self.deferred_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_merged_ids_is_bounded_in_number_and_in_bytes() {
        let tie = |at| Tie { at: Millis(at), trust: Trust::Public, source: SourceName::new("web") };
        for (length, expected) in [(36, MAX_ALIASES), (1_024, MAX_ALIASES_BYTES / 1_024)] {
            let mut ties = Ties::default();
            (0..2_000).for_each(|n| ties.know_alias(&Arc::from(format!("{n:0length$}")), &tie(n)));
            assert_eq!(ties.aliases.len(), expected);
            assert!(ties.aliases.contains_key(&*format!("{:0length$}", 1_999)), "the newest stay");
        }
    }

    #[test]
    fn who_is_refused_often_hides_nobody_elses() {
        let mut ties = Ties::default();
        let tie = |at, source| Tie { at: Millis(at), trust: Trust::Public, source: SourceName::new(source) };
        ties.refuse(&"eve".into(), tie(0, "app"));
        (1..100).for_each(|at| ties.refuse(&"mallory".into(), tie(at, "web")));
        let kept: Vec<i64> = ties.refused.iter().map(|(_, tie)| tie.at.0).collect();
        assert_eq!(kept, [0, 96, 97, 98, 99]);
    }
}
