//! What an operator is told of a destination in the log: one line when it goes away, one when it is back, with counts. What
//! happened to each delivery is told by metrics, and by the delivery's last error. Pure.

use crate::time::Millis;

/// How long a destination must not have asked for a pause to count as back; one that is merely busy would come and go all day.
const CALM: i64 = Millis::MINUTE;
/// The least time between two lines about deliveries that were given up.
const BETWEEN_LINES: i64 = Millis::MINUTE;

/// What changed, for a line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transition {
    /// It keeps failing, or asks for a pause: deliveries wait.
    Away,
    /// It takes deliveries again.
    Back {
        /// For how long it did not.
        away_ms: i64,
        /// Attempts that failed meanwhile.
        failures: u64,
    },
    /// Deliveries were given up since the last line about it.
    GivenUp {
        /// How many.
        deliveries: u64,
    },
}

/// Whether a destination is away, and what was told of it.
#[derive(Debug, Default)]
pub(super) struct Outage {
    away: Option<Away>,
    given_up: u64,
    told_given_up: Option<Millis>,
}

#[derive(Debug)]
struct Away {
    since: Millis,
    failures: u64,
    last_pause: Option<Millis>,
}

impl Outage {
    /// An attempt failed, and whether this opened the circuit.
    pub(super) fn failed(&mut self, now: Millis, opened: bool) -> Option<Transition> {
        match &mut self.away {
            Some(away) => {
                away.failures += 1;
                None
            }
            None if opened => {
                self.away = Some(Away { since: now, failures: 1, last_pause: None });
                Some(Transition::Away)
            }
            None => None,
        }
    }

    /// The destination asked for a pause.
    pub(super) fn paused(&mut self, now: Millis) -> Option<Transition> {
        let change = self.failed(now, true);
        if let Some(away) = &mut self.away {
            away.last_pause = Some(now);
        }
        change
    }

    /// The destination took something, or refused it as a living one does.
    pub(super) fn answered(&mut self, now: Millis) -> Option<Transition> {
        let calm = |away: &mut Away| away.last_pause.is_none_or(|pause| now.since(pause) >= CALM);
        let away = self.away.take_if(calm)?;
        Some(Transition::Back { away_ms: now.since(away.since), failures: away.failures })
    }

    /// A delivery was given up.
    pub(super) fn gave_up(&mut self, now: Millis) -> Option<Transition> {
        self.given_up += 1;
        if self.told_given_up.is_some_and(|told| now.since(told) < BETWEEN_LINES) {
            return None;
        }
        self.told_given_up = Some(now);
        Some(Transition::GivenUp { deliveries: std::mem::take(&mut self.given_up) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_two_lines_whatever_fails_in_it() {
        let mut outage = Outage::default();
        assert_eq!(outage.answered(Millis(0)), None);
        assert_eq!(outage.failed(Millis(1), false), None);
        assert_eq!(outage.failed(Millis(2), true), Some(Transition::Away));
        assert!((3..100).all(|n| outage.failed(Millis(n), n % 10 == 0).is_none()));
        assert_eq!(outage.answered(Millis(102)), Some(Transition::Back { away_ms: 100, failures: 98 }));
        assert_eq!(outage.answered(Millis(103)), None);
    }

    #[test]
    fn a_busy_receiver_does_not_come_and_go() {
        let mut outage = Outage::default();
        assert_eq!(outage.paused(Millis(0)), Some(Transition::Away));
        for second in 1..100 {
            let now = Millis(second * Millis::SECOND);
            assert_eq!(outage.answered(now), None);
            assert_eq!(outage.paused(now), None);
        }
        let calm = Millis(99 * Millis::SECOND + CALM);
        assert_eq!(outage.answered(calm), Some(Transition::Back { away_ms: calm.0, failures: 100 }));
    }

    #[test]
    fn what_is_given_up_is_told_once_a_minute_with_a_count() {
        let mut outage = Outage::default();
        assert_eq!(outage.gave_up(Millis(0)), Some(Transition::GivenUp { deliveries: 1 }));
        assert!((1..1_000).all(|n| outage.gave_up(Millis(n)).is_none()));
        assert_eq!(outage.gave_up(Millis(BETWEEN_LINES)), Some(Transition::GivenUp { deliveries: 1_000 }));
    }
}
