//! A user's ties: to other ids, to accounts, and the events that wait until their account is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::counters::series::room;
use crate::event::Event;
use crate::time::Millis;

/// A user's ties to other ids and to accounts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ties {
    /// Whether the id was ever sent as a `userId`.
    pub known: bool,
    /// The user who holds this one's history since it was merged away, and when that was.
    pub merged_into: Option<(Arc<str>, Millis)>,
    /// Ids whose history was merged into this one, and when each was linked to it; at most [`MAX_ALIASES`], the newest.
    pub aliases: BTreeMap<Arc<str>, Millis>,
    /// Every account that events of the user were counted for, in the order in which they became known; at most [`MAX_ACCOUNTS`].
    pub accounts: Vec<Arc<str>>,
    /// Since when the user belongs to which account, by the times of the group calls; the earliest first, two neighbours never the
    /// same, at most [`MAX_MEMBERSHIPS`].
    pub memberships: Vec<(Millis, Arc<str>)>,
    /// Events whose account was not known when they came; at most [`MAX_WAITING`].
    pub waiting: Vec<Waiting>,
    /// The account that the user's work e-mail address names was found good for events that waited.
    pub settled: bool,
    /// How many answers of accounts are awaited. While there are any, every decision waits in line behind them.
    pub asks: u32,
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
/// How many changes of account of one user are kept.
pub const MAX_MEMBERSHIPS: usize = 50;
/// How many events of one user wait for their account.
pub const MAX_WAITING: usize = 100;
/// How long an event waits for its account, and how long after an event a first group call still says whose it was.
pub const WAITS_FOR: i64 = Millis::DAY;

impl Ties {
    /// Notes that events of the user belong to `account`.
    pub fn know_account(&mut self, account: &str) {
        if self.accounts.len() < MAX_ACCOUNTS && !self.accounts.iter().any(|known| &**known == account) {
            self.accounts.push(Arc::from(account));
        }
    }

    /// Notes a group call of `account` at `at`. Of two at the same time the greater name stands, whichever came first.
    pub fn join(&mut self, account: &str, at: Millis) {
        match self.memberships.binary_search_by_key(&at, |(since, _)| *since) {
            Ok(index) => {
                if let Some((_, known)) = self.memberships.get_mut(index)
                    && **known < *account
                {
                    *known = Arc::from(account);
                }
            }
            Err(index) => self.memberships.insert(index, (at, Arc::from(account))),
        }
        self.memberships.dedup_by(|later, earlier| later.1 == earlier.1);
        if self.memberships.len() > MAX_MEMBERSHIPS {
            self.memberships.remove(0);
        }
    }

    /// The account that the user belonged to at `at`: that of the last group call until then, or of the first one within a day
    /// after it, since senders say who somebody is and what they do at the same time.
    pub fn group_at(&self, at: Millis) -> Option<&Arc<str>> {
        let later = self.memberships.partition_point(|(since, _)| *since <= at);
        let found = match later.checked_sub(1) {
            Some(index) => self.memberships.get(index),
            None => self.memberships.first().filter(|(since, _)| since.since(at) <= WAITS_FOR),
        };
        found.map(|(_, account)| account)
    }

    /// The account of the last group call.
    pub fn group(&self) -> Option<&Arc<str>> {
        self.memberships.last().map(|(_, account)| account)
    }

    /// Notes that `id` was merged into this user.
    pub fn know_alias(&mut self, id: &Arc<str>, at: Millis) {
        if self.aliases.len() >= MAX_ALIASES && !self.aliases.contains_key(id) {
            let oldest = self.aliases.iter().min_by_key(|(_, at)| **at).map(|(id, _)| Arc::clone(id));
            if let Some(oldest) = oldest {
                self.aliases.remove(&oldest);
            }
        }
        let last = self.aliases.entry(Arc::clone(id)).or_insert(at);
        *last = at.max(*last);
    }

    pub(super) fn merge(&mut self, id: &Arc<str>, at: Millis, other: Self) {
        self.know_alias(id, at);
        for (alias, at) in &other.aliases {
            self.know_alias(alias, *at);
        }
        for account in &other.accounts {
            self.know_account(account);
        }
        for (at, account) in &other.memberships {
            self.join(account, *at);
        }
        self.waiting.extend(other.waiting);
        self.waiting.truncate(MAX_WAITING);
        self.asks += other.asks;
    }

    pub(super) fn bytes(&self) -> usize {
        let texts = |text: &Arc<str>| text.len() + 2 * size_of::<usize>();
        size_of::<Self>()
            + self.aliases.keys().map(texts).sum::<usize>()
            + room(self.accounts.len()) * size_of::<Arc<str>>()
            + self.accounts.iter().map(texts).sum::<usize>()
            + room(self.memberships.len()) * size_of::<(Millis, Arc<str>)>()
            + self.memberships.iter().map(|(_, account)| texts(account)).sum::<usize>()
            + self.waiting.len() * 1_024
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(calls: &[(&str, i64)]) -> Ties {
        let mut ties = Ties::default();
        calls.iter().for_each(|(account, at)| ties.join(account, Millis(*at)));
        ties
    }

    #[test]
    fn membership_is_that_of_the_time_in_any_order_of_arrival() {
        let calls = [("acme", 10), ("beta", 20), ("acme", 30)];
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
            let ties = joined(&order.map(|at| calls[at]));
            let at = |at| ties.group_at(Millis(at)).map(|account| &**account);
            assert_eq!(
                [at(5), at(10), at(19), at(20), at(35)],
                [Some("acme"), Some("acme"), Some("acme"), Some("beta"), Some("acme")]
            );
        }
    }

    #[test]
    fn of_two_calls_at_the_same_time_content_decides() {
        assert_eq!(joined(&[("acme", 10), ("beta", 10)]), joined(&[("beta", 10), ("acme", 10)]));
    }

    #[test]
    fn a_call_more_than_a_day_later_says_nothing_of_before() {
        let ties = joined(&[("acme", WAITS_FOR + 2)]);
        assert_eq!(ties.group_at(Millis(1)), None);
        assert!(ties.group_at(Millis(2)).is_some());
    }
}
