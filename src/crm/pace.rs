//! How often a destination may be asked, in its own units. Pure: time comes as an argument.
//!
//! What went out is remembered for as long as it counts, so that no stretch of time of that length ever holds more than the limit says,
//! however it is laid. A destination has one owner, so that this holds for the whole installation.

use std::collections::VecDeque;
use std::time::Duration;

use super::backoff::later;
use crate::time::Millis;

/// So many requests in any stretch of time so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many.
    pub requests: u32,
    /// In how long.
    pub per: Duration,
}

/// What went out to one destination lately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    sent: VecDeque<Millis>,
}

impl Pace {
    /// A request wants to go out: `Err` says when it may.
    ///
    /// # Errors
    /// When it may not now; nothing was counted.
    pub fn take(&mut self, limits: &[Limit], now: Millis) -> Result<(), Millis> {
        let longest = limits.iter().map(|limit| limit.per).max().unwrap_or_default();
        // A clock that was set back makes nothing of the past last longer than it would have.
        while self.sent.front().is_some_and(|&first| later(first, longest) <= now || first > later(now, longest)) {
            self.sent.pop_front();
        }
        let until = limits.iter().filter_map(|limit| {
            let most = usize::try_from(limit.requests.max(1)).unwrap_or(usize::MAX);
            let oldest = self.sent.len().checked_sub(most)?;
            Some(later(*self.sent.get(oldest)?, limit.per)).filter(|&until| until > now)
        });
        match until.max() {
            Some(until) => Err(until),
            None => {
                if !limits.is_empty() {
                    self.sent.push_back(now);
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEN_IN_A_SECOND: Limit = Limit { requests: 10, per: Duration::from_secs(1) };
    const TWENTY_IN_FOUR: Limit = Limit { requests: 20, per: Duration::from_secs(4) };

    #[test]
    fn without_a_limit_everything_goes_and_nothing_is_remembered() {
        let mut pace = Pace::default();
        assert!((0..1_000).all(|_| pace.take(&[], Millis(0)).is_ok()));
        assert!(pace.sent.is_empty());
    }

    #[test]
    fn whoever_has_to_wait_is_told_until_when() {
        let mut pace = Pace::default();
        for at in 0..10 {
            assert_eq!(pace.take(&[TEN_IN_A_SECOND], Millis(at)), Ok(()));
        }
        assert_eq!(pace.take(&[TEN_IN_A_SECOND], Millis(10)), Err(Millis(1_000)));
        assert_eq!(pace.take(&[TEN_IN_A_SECOND], Millis(1_000)), Ok(()));
        assert_eq!(pace.take(&[TEN_IN_A_SECOND], Millis(1_000)), Err(Millis(1_001)));
    }

    proptest! {
        #[test]
        fn no_stretch_of_time_holds_more_than_its_limit(waits in prop::collection::vec(0_i64..300, 1..200)) {
            let limits = [TEN_IN_A_SECOND, TWENTY_IN_FOUR];
            let (mut pace, mut now, mut sent) = (Pace::default(), Millis(0), Vec::new());
            for wait in waits {
                now = now.plus(wait);
                if let Err(until) = pace.take(&limits, now) {
                    prop_assert!(until > now);
                    now = until;
                    prop_assert_eq!(pace.take(&limits, now), Ok(()));
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
