//! Whether the clock can be believed: what was idle for long is deleted, and trials end, by what it says.

use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

use super::Shared;
use crate::time::{Clock, Millis};

/// A clock that has gained more than this on the process's own time, in milliseconds, is not believed.
const TRUSTED_JUMP: i64 = 10 * Millis::MINUTE;
/// Unless it has kept what it gained for so long: a machine that was asleep has woken up for good.
const BELIEVED_AFTER: Duration = Duration::from_mins(15);

/// A clock, held against the process's own time.
pub(super) struct Steadiness {
    /// What both said at a moment when the clock was believed.
    wall: Millis,
    own: Instant,
    /// Since when it has been ahead, and by how much then.
    ahead: Option<(Instant, i64)>,
}

/// What became of a clock that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looked {
    /// It goes as it should.
    Steady,
    /// It has jumped ahead by so many milliseconds, just now.
    Jumped(i64),
    /// It did so before.
    Ahead,
    /// It has kept what it gained, and is believed again.
    Believed,
}

impl Looked {
    pub const fn is_steady(self) -> bool {
        matches!(self, Self::Steady | Self::Believed)
    }
}

impl Steadiness {
    pub const fn new(wall: Millis, own: Instant) -> Self {
        Self { wall, own, ahead: None }
    }

    /// Looks at a clock that says `now` when the process's own time is `own`.
    pub fn look(&mut self, now: Millis, own: Instant) -> Looked {
        let elapsed = i64::try_from(own.saturating_duration_since(self.own).as_millis()).unwrap_or(i64::MAX);
        let gained = now.since(self.wall.plus(elapsed));
        if gained <= TRUSTED_JUMP {
            self.ahead = None;
            return Looked::Steady;
        }
        match self.ahead {
            Some((since, by)) if (gained - by).abs() <= TRUSTED_JUMP => {
                if own.saturating_duration_since(since) < BELIEVED_AFTER {
                    return Looked::Ahead;
                }
                *self = Self::new(now, own);
                Looked::Believed
            }
            _ => {
                self.ahead = Some((own, gained));
                Looked::Jumped(gained)
            }
        }
    }
}

impl Shared {
    /// Whether the clock agrees so far with this process's own time that what was idle for long may leave.
    pub(super) fn clock_is_steady(&self, now: Millis) -> bool {
        if matches!(self.clock, Clock::Manual(_)) {
            return true;
        }
        let looked = self.steadiness.lock().unwrap_or_else(PoisonError::into_inner).look(now, Instant::now());
        match looked {
            Looked::Jumped(gained) => {
                let seconds = gained / Millis::SECOND;
                tracing::warn!(
                    seconds,
                    "the clock has jumped ahead; what waits for a date waits until it has stood so for 15 minutes"
                );
            }
            Looked::Believed => tracing::info!("the clock that has jumped ahead is believed by now"),
            Looked::Steady | Looked::Ahead => {}
        }
        metrics::gauge!("handraiser_clock_is_steady").set(f64::from(u8::from(looked.is_steady())));
        looked.is_steady()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    /// What is said of a clock each minute that has gained so many minutes by then.
    fn looks(gained: impl IntoIterator<Item = i64>) -> Vec<Looked> {
        let (wall, own) = (Millis(1_795_000_000_000), Instant::now());
        let mut steadiness = Steadiness::new(wall, own);
        let look = |(minute, gained): (u32, i64)| {
            steadiness.look(wall.plus((i64::from(minute) + gained) * Millis::MINUTE), own + MINUTE * minute)
        };
        (0..).zip(gained).map(look).collect()
    }

    #[test]
    fn a_clock_that_jumps_ahead_and_back_is_not_believed_meanwhile() {
        let told = looks([0, 3, 9, 90, 90, 0, 0]);
        let jumped = Looked::Jumped(90 * Millis::MINUTE);
        let expected =
            [Looked::Steady, Looked::Steady, Looked::Steady, jumped, Looked::Ahead, Looked::Steady, Looked::Steady];
        assert_eq!(told, expected);
    }

    #[test]
    fn one_that_stays_ahead_is_believed_after_a_while() {
        // As a machine that slept for two days.
        let told = looks(std::iter::once(0).chain(std::iter::repeat_n(2 * 1_440, 18)));
        assert_eq!(told[1], Looked::Jumped(2 * Millis::DAY));
        assert!(told[2..16].iter().all(|looked| *looked == Looked::Ahead), "{told:?}");
        assert_eq!(told[16..], [Looked::Believed, Looked::Steady, Looked::Steady]);
    }

    #[test]
    fn one_that_goes_on_jumping_is_not() {
        let told = looks((0..100).map(|minute| minute * 60));
        assert!(told[1..].iter().all(|looked| matches!(looked, Looked::Jumped(_))), "{told:?}");
    }
}
