//! A destination's circuit breaker: after failures in a row, deliveries wait where they are, without using up their attempts;
//! then one at a time goes out as a probe until one succeeds. A receiver that asks for a pause gets it, and nothing more: that
//! is no failure. Pure: time comes as an argument.

use crate::time::Millis;

/// Failures in a row that open the circuit.
const THRESHOLD: u32 = 8;
/// How long the circuit stays open the first time; doubled each time that the probe fails.
const FIRST_PAUSE: i64 = 5 * Millis::SECOND;
/// The longest pause.
const LONGEST_PAUSE: i64 = 2 * Millis::MINUTE;
/// How soon to ask again while a probe is under way.
const PROBING: i64 = Millis::SECOND;

/// Whether deliveries may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circuit {
    /// As many as there is room for.
    Closed,
    /// One, to see whether the destination is back.
    HalfOpen,
    /// None before this moment.
    Open(Millis),
}

/// The state of one destination. A new owner of the destination's shard finds out for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    failures: u32,
    /// How often the circuit opened since the last success.
    openings: u32,
    /// Nothing goes out until then, because the circuit is open or because the receiver asked for it.
    parked_until: Option<Millis>,
    probing: bool,
}

impl Breaker {
    /// Whether a delivery may go out now. Changes nothing: see [`Breaker::begin`].
    pub fn admits(&self, now: Millis) -> Circuit {
        match self.parked_until {
            Some(until) if until > now => Circuit::Open(until),
            _ if self.openings == 0 => Circuit::Closed,
            _ if self.probing => Circuit::Open(now.plus(PROBING)),
            _ => Circuit::HalfOpen,
        }
    }

    /// A delivery wants to go out: `Err` says until when it has to wait.
    ///
    /// # Errors
    /// When it may not; nothing was counted.
    pub fn begin(&mut self, now: Millis) -> Result<(), Millis> {
        match self.admits(now) {
            Circuit::Closed => Ok(()),
            Circuit::HalfOpen => {
                self.probing = true;
                Ok(())
            }
            Circuit::Open(until) => Err(until),
        }
    }

    /// The destination answered as a living one does. Returns whether this closed an open circuit.
    pub fn succeeded(&mut self) -> bool {
        let was_open = self.openings > 0;
        *self = Self { parked_until: self.parked_until.filter(|_| !was_open), ..Self::default() };
        was_open
    }

    /// The destination failed. Returns until when the circuit is open, if this opened it.
    pub fn failed(&mut self, now: Millis) -> Option<Millis> {
        self.failures = self.failures.saturating_add(1);
        let probe_failed = std::mem::take(&mut self.probing);
        let already_open = self.openings > 0 && !probe_failed;
        if already_open || (!probe_failed && self.failures < THRESHOLD) {
            return None;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.openings.min(16)).min(LONGEST_PAUSE);
        self.openings = self.openings.saturating_add(1);
        let until = now.plus(pause);
        self.parked_until = self.parked_until.max(Some(until));
        Some(until)
    }

    /// The receiver asked to be left alone until then. It is alive, so this is no failure; whether it takes deliveries is still
    /// to be seen, so it is no success.
    pub fn pause(&mut self, until: Millis) {
        self.probing = false;
        self.parked_until = self.parked_until.max(Some(until));
    }

    /// A delivery that had begun was given up without an outcome (the server stops).
    pub fn abandoned(&mut self) {
        self.probing = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Millis = Millis(0);

    fn fail(breaker: &mut Breaker, times: u32, now: Millis) {
        for _ in 0..times {
            breaker.failed(now);
        }
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        fail(&mut breaker, THRESHOLD, T0);
        breaker
    }

    #[test]
    fn opens_after_failures_in_a_row_only() {
        let mut breaker = Breaker::default();
        fail(&mut breaker, THRESHOLD - 1, T0);
        breaker.succeeded();
        fail(&mut breaker, THRESHOLD - 1, T0);
        assert_eq!(breaker.admits(T0), Circuit::Closed);
        assert_eq!(breaker.failed(T0), Some(Millis(FIRST_PAUSE)));
        assert_eq!(breaker.admits(T0), Circuit::Open(Millis(FIRST_PAUSE)));
        assert_eq!(breaker.begin(T0), Err(Millis(FIRST_PAUSE)));
    }

    #[test]
    fn failures_of_what_was_already_out_do_not_prolong_the_pause() {
        let mut breaker = opened();
        assert_eq!(breaker.failed(Millis(1_000)), None);
        assert_eq!(breaker.admits(Millis(1_000)), Circuit::Open(Millis(FIRST_PAUSE)));
    }

    #[test]
    fn one_probe_at_a_time_until_one_succeeds() {
        let (mut breaker, now) = (opened(), Millis(FIRST_PAUSE));
        assert_eq!(breaker.admits(now), Circuit::HalfOpen);
        assert_eq!(breaker.begin(now), Ok(()));
        assert_eq!(breaker.begin(now), Err(now.plus(PROBING)));
        assert!(breaker.succeeded());
        assert_eq!(breaker.admits(now), Circuit::Closed);
        assert!(!breaker.succeeded());
    }

    #[test]
    fn each_failed_probe_doubles_the_pause_up_to_a_limit() {
        let (mut breaker, mut now) = (opened(), Millis(FIRST_PAUSE));
        let mut pauses = Vec::new();
        for _ in 0..7 {
            breaker.begin(now).expect("the pause is over");
            let until = breaker.failed(now).expect("a failed probe opens the circuit again");
            pauses.push(until.since(now) / Millis::SECOND);
            now = until;
        }
        assert_eq!(pauses, [10, 20, 40, 80, 120, 120, 120]);
    }

    #[test]
    fn an_abandoned_probe_makes_room_for_another() {
        let (mut breaker, now) = (opened(), Millis(FIRST_PAUSE));
        breaker.begin(now).expect("the pause is over");
        breaker.abandoned();
        assert_eq!(breaker.admits(now), Circuit::HalfOpen);
    }

    #[test]
    fn the_receiver_may_ask_for_a_pause() {
        let mut breaker = Breaker::default();
        breaker.pause(Millis(500));
        breaker.pause(Millis(300));
        assert_eq!(breaker.admits(T0), Circuit::Open(Millis(500)));
        breaker.succeeded();
        assert_eq!(
            breaker.admits(T0),
            Circuit::Open(Millis(500)),
            "one that was already out succeeded; the wish stands"
        );
        assert_eq!(breaker.admits(Millis(500)), Circuit::Closed);
    }

    #[test]
    fn a_pause_is_no_failure() {
        let mut breaker = Breaker::default();
        (0..100).for_each(|n| breaker.pause(Millis(n)));
        assert_eq!(breaker.admits(Millis(99)), Circuit::Closed);
    }

    #[test]
    fn a_probe_that_is_asked_for_patience_leaves_room_for_another() {
        let (mut breaker, now) = (opened(), Millis(FIRST_PAUSE));
        breaker.begin(now).expect("the pause is over");
        breaker.pause(now.plus(700));
        assert_eq!(breaker.admits(now), Circuit::Open(now.plus(700)));
        assert_eq!(breaker.admits(now.plus(700)), Circuit::HalfOpen);
    }
}
