//! Since when a user belongs to which account, by the times of the group calls.

use std::sync::Arc;

use crate::counters::series::room;
use crate::event::Trust;
use crate::time::Millis;

/// A user's changes of account. Those that servers said stand apart, and stand: what public sources said counts only where no
/// server said anything. In whatever order calls arrive, the result is the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memberships {
    server: Changes,
    public: Changes,
}

/// Changes, the earliest first, two neighbours never the same, at most [`MAX_CHANGES`].
type Changes = Vec<(Millis, Arc<str>)>;

/// How many changes of account of one user are kept, of each trust.
pub const MAX_CHANGES: usize = 50;
/// How long after an event a first group call still says whose it was: senders say who somebody is and what they do at the same
/// time.
pub const SAYS_WHAT_WAS_FOR: i64 = Millis::DAY;

impl Memberships {
    /// Notes a group call of `account` at `at`. Of two at the same time the greater name stands, whichever came first.
    pub fn join(&mut self, account: &str, at: Millis, trust: Trust) {
        let changes = self.of_mut(trust);
        match changes.binary_search_by_key(&at, |(since, _)| *since) {
            Ok(index) => {
                if let Some((_, known)) = changes.get_mut(index)
                    && **known < *account
                {
                    *known = Arc::from(account);
                }
            }
            Err(index) => changes.insert(index, (at, Arc::from(account))),
        }
        changes.dedup_by(|later, earlier| later.1 == earlier.1);
        if changes.len() > MAX_CHANGES {
            changes.remove(0);
        }
    }

    /// The account that the user belonged to at `at`: that of the last group call until then, or of the first one within a day
    /// after it.
    pub fn at(&self, at: Millis) -> Option<&Arc<str>> {
        stood(&self.server, at).or_else(|| stood(&self.public, at))
    }

    /// The account of the last group call.
    pub fn last(&self) -> Option<&Arc<str>> {
        self.server.last().or_else(|| self.public.last()).map(|(_, account)| account)
    }

    /// Whether no call ever said anything.
    pub fn is_empty(&self) -> bool {
        self.server.is_empty() && self.public.is_empty()
    }

    /// Every change with who said it: those of servers first, of each the earliest first.
    pub fn iter(&self) -> impl Iterator<Item = (Trust, Millis, &Arc<str>)> {
        let of = |trust| self.of(trust).iter().map(move |(at, account)| (trust, *at, account));
        of(Trust::Server).chain(of(Trust::Public))
    }

    /// Takes in those of an id that turned out to be the same user.
    pub fn merge(&mut self, other: &Self) {
        other.iter().for_each(|(trust, at, account)| self.join(account, at, trust));
    }

    /// About how many bytes they take in memory, beyond their own size.
    pub(super) fn bytes(&self) -> usize {
        let texts = self.iter().map(|(_, _, account)| account.len() + 2 * size_of::<usize>()).sum::<usize>();
        (room(self.server.len()) + room(self.public.len())) * size_of::<(Millis, Arc<str>)>() + texts
    }

    const fn of(&self, trust: Trust) -> &Changes {
        match trust {
            Trust::Server => &self.server,
            Trust::Public => &self.public,
        }
    }

    const fn of_mut(&mut self, trust: Trust) -> &mut Changes {
        match trust {
            Trust::Server => &mut self.server,
            Trust::Public => &mut self.public,
        }
    }
}

fn stood(changes: &Changes, at: Millis) -> Option<&Arc<str>> {
    let later = changes.partition_point(|(since, _)| *since <= at);
    let found = match later.checked_sub(1) {
        Some(index) => changes.get(index),
        None => changes.first().filter(|(since, _)| since.since(at) <= SAYS_WHAT_WAS_FOR),
    };
    found.map(|(_, account)| account)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(calls: &[(&str, i64)]) -> Memberships {
        let mut memberships = Memberships::default();
        calls.iter().for_each(|(account, at)| memberships.join(account, Millis(*at), Trust::Public));
        memberships
    }

    #[test]
    fn membership_is_that_of_the_time_in_any_order_of_arrival() {
        let calls = [("acme", 10), ("beta", 20), ("acme", 30)];
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
            let memberships = joined(&order.map(|at| calls[at]));
            let at = |at| memberships.at(Millis(at)).map(|account| &**account);
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
        let memberships = joined(&[("acme", SAYS_WHAT_WAS_FOR + 2)]);
        assert_eq!(memberships.at(Millis(1)), None);
        assert!(memberships.at(Millis(2)).is_some());
    }

    #[test]
    fn what_a_server_said_is_not_changed_by_a_public_source() {
        for public_first in [true, false] {
            let mut memberships = Memberships::default();
            let calls = [("acme", 10, Trust::Server), ("evil", 20, Trust::Public)];
            let order = if public_first { [1, 0] } else { [0, 1] };
            for (account, at, trust) in order.map(|at| calls[at]) {
                memberships.join(account, Millis(at), trust);
            }
            assert_eq!(memberships.at(Millis(30)).map(|account| &**account), Some("acme"));
            assert_eq!(memberships.last().map(|account| &**account), Some("acme"));
            memberships.join("beta", Millis(40), Trust::Server);
            assert_eq!(memberships.at(Millis(45)).map(|account| &**account), Some("beta"));
        }
    }
}
