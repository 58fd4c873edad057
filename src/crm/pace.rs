//! How often a destination may be asked, in its own units. Pure: time comes as an argument.
//!
//! What went out is remembered for as long as it counts, so that no stretch of time of that length ever holds more than the limit says,
//! however it is laid. A destination has one owner, so that this holds for the whole installation.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::Method;

use super::backoff::later;
use super::exchange::Request;
use crate::time::Millis;

/// So many requests in any stretch of time so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many.
    pub requests: u32,
    /// In how long.
    pub per: Duration,
    /// Of which kind.
    pub of: Of,
}

/// Which requests a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// All of them.
    All,
    /// Those that change something.
    Writes,
    /// Those that don't.
    Reads,
    /// Searches.
    Searches,
}

impl Limit {
    /// A limit of all requests.
    pub const fn of_all(requests: u32, per: Duration) -> Self {
        Self { requests, per, of: Of::All }
    }

    /// Whether it counts a request.
    fn counts(&self, request: &Request) -> bool {
        let path = request.url.path();
        let is_search = path.ends_with("/search");
        let is_read = request.method == Method::GET || is_search || path.ends_with("/query");
        match self.of {
            Of::All => true,
            Of::Writes => !is_read,
            Of::Reads => is_read,
            Of::Searches => is_search,
        }
    }
}

/// What went out to one destination lately, by its limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    sent: Vec<VecDeque<Millis>>,
}

impl Pace {
    /// A request wants to go out: `Err` says when it may.
    ///
    /// # Errors
    /// When it may not now; nothing was counted.
    pub fn take(&mut self, limits: &[Limit], request: &Request, now: Millis) -> Result<(), Millis> {
        self.sent.resize(limits.len(), VecDeque::new());
        let mut free = now;
        for (limit, sent) in counting(limits, request, &mut self.sent) {
            // A clock that was set back makes nothing of the past last longer than it would have.
            while sent.front().is_some_and(|&first| later(first, limit.per) <= now || first > later(now, limit.per)) {
                sent.pop_front();
            }
            let most = usize::try_from(limit.requests.max(1)).unwrap_or(usize::MAX);
            let oldest = sent.len().checked_sub(most).and_then(|at| sent.get(at));
            free = oldest.map_or(free, |&oldest| free.max(later(oldest, limit.per)));
        }
        if free > now {
            return Err(free);
        }
        counting(limits, request, &mut self.sent).for_each(|(_, sent)| sent.push_back(now));
        Ok(())
    }
}

/// The limits that count a request, each with what it counted.
fn counting<'p>(
    limits: &'p [Limit],
    request: &'p Request,
    sent: &'p mut [VecDeque<Millis>],
) -> impl Iterator<Item = (&'p Limit, &'p mut VecDeque<Millis>)> {
    limits.iter().zip(sent).filter(|(limit, _)| limit.counts(request))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEN_IN_A_SECOND: Limit = Limit::of_all(10, Duration::from_secs(1));
    const TWENTY_IN_FOUR: Limit = Limit::of_all(20, Duration::from_secs(4));

    fn request(method: Method, path: &str) -> Request {
        Request::new(method, format!("https://crm.example.com/{path}").parse().expect("a URL"))
    }

    #[test]
    fn without_a_limit_everything_goes_and_nothing_is_remembered() {
        let (mut pace, any) = (Pace::default(), request(Method::GET, ""));
        assert!((0..1_000).all(|_| pace.take(&[], &any, Millis(0)).is_ok()));
        assert!(pace.sent.is_empty());
    }

    #[test]
    fn whoever_has_to_wait_is_told_until_when() {
        let (mut pace, any) = (Pace::default(), request(Method::GET, ""));
        for at in 0..10 {
            assert_eq!(pace.take(&[TEN_IN_A_SECOND], &any, Millis(at)), Ok(()));
        }
        assert_eq!(pace.take(&[TEN_IN_A_SECOND], &any, Millis(10)), Err(Millis(1_000)));
        assert_eq!(pace.take(&[TEN_IN_A_SECOND], &any, Millis(1_000)), Ok(()));
        assert_eq!(pace.take(&[TEN_IN_A_SECOND], &any, Millis(1_000)), Err(Millis(1_001)));
    }

    #[test]
    fn what_one_limit_holds_back_uses_up_nothing_of_another() {
        let limits = [TEN_IN_A_SECOND, Limit { requests: 1, of: Of::Searches, ..TEN_IN_A_SECOND }];
        let (mut pace, search) = (Pace::default(), request(Method::GET, "persons/search"));
        assert_eq!(pace.take(&limits, &search, Millis(0)), Ok(()));
        for _ in 0..20 {
            assert_eq!(pace.take(&limits, &search, Millis(1)), Err(Millis(1_000)));
        }
        let writes = (0..20).filter(|_| pace.take(&limits, &request(Method::POST, "persons"), Millis(1)).is_ok());
        assert_eq!(writes.count(), 9);
        let kinds = |request: &Request| {
            [Of::Writes, Of::Reads, Of::Searches].map(|of| Limit { of, ..TEN_IN_A_SECOND }.counts(request))
        };
        assert_eq!(kinds(&request(Method::PATCH, "persons/1")), [true, false, false]);
        assert_eq!(kinds(&request(Method::POST, "people/records/query")), [false, true, false]);
        assert_eq!(kinds(&search), [false, true, true]);
    }

    proptest! {
        #[test]
        fn no_stretch_of_time_holds_more_than_its_limit(waits in prop::collection::vec(0_i64..300, 1..200)) {
            let (limits, any) = ([TEN_IN_A_SECOND, TWENTY_IN_FOUR], request(Method::GET, ""));
            let (mut pace, mut now, mut sent) = (Pace::default(), Millis(0), Vec::new());
            for wait in waits {
                now = now.plus(wait);
                if let Err(until) = pace.take(&limits, &any, now) {
                    prop_assert!(until > now);
                    now = until;
                    prop_assert_eq!(pace.take(&limits, &any, now), Ok(()));
                }
                sent.push(now);
            }
            for limit in limits {
                for first in &sent {
                    let within = sent.iter().filter(|at| *at >= first && **at < later(*first, limit.per)).count();
                    prop_assert!(within <= limit.requests as usize);
                }
            }
        }
    }
}
