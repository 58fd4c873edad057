//! How many deliveries go to a destination at once: more while it answers quickly, fewer when that takes it long, when it is busy with
//! ours, or when it says so. Pure: time comes as an argument. In memory of the destination's owner; the next one finds out for itself.
//!
//! * **It begins with few** and takes one more with each answer, which doubles them in the time of one answer, up to the setting.
//! * **A wish to be left alone, an error, no answer** halve them, once in the time of an answer; from then on they grow by one in that time.
//! * **Answers that take several times as long as the quickest lately** say that more at once gets no more done: they become fewer.
//! * **Answers that take seconds** make the setting itself count for less, in inverse proportion: whoever takes ten times as long is sent a
//!   tenth at once. Somebody is on the other end's database meanwhile, as a rule.

use std::time::Duration;

use crate::time::Millis;

/// How many there are at once before anything is known.
const FIRST: f64 = 4.0;
/// Answers that take longer than this, in milliseconds, make the setting count for less.
const SLOW_MS: f64 = 2_000.0;
/// Answers that take so many times as long as the quickest, and a grace in milliseconds beside that, say that it is busy with ours.
const STRETCHED: f64 = 4.0;
const GRACE_MS: f64 = 100.0;
/// Of what the mean of answers becomes by one more of them, so much is that one's.
const SMOOTHING: f64 = 0.125;
/// The quickest answers are those of the last one or two stretches of so many milliseconds.
const STRETCH: i64 = 5 * Millis::MINUTE;
/// What is left of them where it is busy, and where it is in trouble.
const BUSY: f64 = 0.8;
const TROUBLED: f64 = 0.5;
/// They are cut at most once in so many milliseconds.
const BETWEEN_CUTS_MS: f64 = 100.0;

/// How much a destination bears at once, as far as its answers tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    most: f64,
    /// Whether nothing has spoken against more yet.
    is_climbing: bool,
    /// How long answers take, smoothed, in milliseconds.
    usual_ms: Option<f64>,
    /// The least of that in this stretch of time and in the one before, and when this one began.
    quickest_ms: [f64; 2],
    stretch: Millis,
    cut: Option<Millis>,
}

impl Default for Flow {
    fn default() -> Self {
        Self {
            most: FIRST,
            is_climbing: true,
            usual_ms: None,
            quickest_ms: [f64::INFINITY; 2],
            stretch: Millis(0),
            cut: None,
        }
    }
}

impl Flow {
    /// How many may be under way at once, of `setting` at most; never none.
    #[must_use]
    pub fn most(&self, setting: usize) -> usize {
        let share = self.usual_ms.map_or(1.0, |usual| (SLOW_MS / usual.max(1.0)).min(1.0));
        let most = self.most.min(of_setting(setting) * share);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and a setting")]
        let most = most.max(1.0) as usize;
        most.min(setting.max(1))
    }

    /// It answered, after so long, while as many were under way as may be, or fewer for want of more.
    pub fn answered(&mut self, took: Duration, is_full: bool, setting: usize, now: Millis) {
        let usual = self.learn(took, now);
        let [this, before] = self.quickest_ms;
        if usual > STRETCHED * this.min(before) + GRACE_MS {
            return self.cut(BUSY, now);
        }
        // What isn't used says nothing of how much more it would bear.
        if is_full {
            let more = if self.is_climbing { 1.0 } else { 1.0 / self.most.max(1.0) };
            self.most = (self.most + more).min(of_setting(setting)).max(1.0);
        }
    }

    /// It wants to be left alone, failed, or did not answer; after so long, where that is known.
    pub fn troubled(&mut self, took: Option<Duration>, now: Millis) {
        if let Some(took) = took {
            self.learn(took, now);
        }
        self.cut(TROUBLED, now);
    }

    /// It was away: what was known before says nothing of how it is when it comes back.
    pub fn begin_anew(&mut self) {
        *self = Self::default();
    }

    fn learn(&mut self, took: Duration, now: Millis) -> f64 {
        let took = took.as_secs_f64() * 1_000.0;
        let usual = self.usual_ms.map_or(took, |usual| usual + (took - usual) * SMOOTHING);
        self.usual_ms = Some(usual);
        if !(0..STRETCH).contains(&now.since(self.stretch)) {
            self.quickest_ms.rotate_right(1);
            self.quickest_ms[0] = f64::INFINITY;
            self.stretch = now;
        }
        self.quickest_ms[0] = self.quickest_ms[0].min(usual);
        usual
    }

    /// What was under way when they were cut still tells of before: that counts once.
    fn cut(&mut self, left: f64, now: Millis) {
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds of an exchange, which has a deadline")]
        let pause = self.usual_ms.unwrap_or(SLOW_MS).max(BETWEEN_CUTS_MS) as i64;
        if self.cut.is_some_and(|cut| (0..pause).contains(&now.since(cut))) {
            return;
        }
        self.cut = Some(now);
        self.is_climbing = false;
        self.most = (self.most * left).max(1.0);
    }
}

/// A setting is a few hundred at most.
#[expect(clippy::cast_precision_loss, reason = "a few hundred at most")]
const fn of_setting(setting: usize) -> f64 {
    setting as f64
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    use proptest::prelude::*;

    use super::*;

    /// A destination under a full queue.
    struct Played {
        flow: Flow,
        now: i64,
        setting: usize,
        /// When each one that is under way is answered, and when it began.
        under_way: BinaryHeap<Reverse<(i64, i64)>>,
        done: usize,
        /// The most that were under way at once, lately.
        most: usize,
    }

    impl Played {
        fn new(setting: usize) -> Self {
            Self { flow: Flow::default(), now: 0, setting, under_way: BinaryHeap::new(), done: 0, most: 0 }
        }

        /// Plays for so many milliseconds with a destination that takes so long when so many are under way, and may fail.
        fn play(&mut self, ms: i64, takes: impl Fn(usize) -> i64, fails: impl Fn(usize) -> bool) -> &mut Self {
            let end = self.now + ms;
            (self.done, self.most) = (0, 0);
            while self.now < end {
                while self.under_way.len() < self.flow.most(self.setting) {
                    let took = takes(self.under_way.len() + 1).max(1);
                    self.under_way.push(Reverse((self.now + took, self.now)));
                }
                self.most = self.most.max(self.under_way.len());
                let many = self.under_way.len();
                let Some(Reverse((at, began))) = self.under_way.pop() else { unreachable!("some are under way") };
                self.now = at.max(self.now);
                let took = Duration::from_millis((at - began).unsigned_abs());
                if fails(many) {
                    self.flow.troubled(Some(took), Millis(self.now));
                } else {
                    self.done += 1;
                    self.flow.answered(took, true, self.setting, Millis(self.now));
                }
            }
            self
        }
    }

    fn never(_: usize) -> bool {
        false
    }

    #[test]
    fn a_quick_one_gets_all_that_the_setting_allows_within_a_second_or_so() {
        for ms in [1, 5, 20, 100, 250] {
            let mut played = Played::new(32);
            played.play(1_300, |_| ms, never);
            assert_eq!(played.flow.most(32), 32, "with answers after {ms} ms");
        }
    }

    #[test]
    fn a_slow_one_is_never_sent_many_at_once() {
        let mut played = Played::new(32);
        assert!(played.play(10 * 60_000, |_| 20_000, never).most <= 4, "{}", played.most);
        assert!(played.play(10 * 60_000, |_| 20_000, never).most <= 3);
        // It was quick, and becomes slow: what is under way by then is.
        let mut played = Played::new(32);
        played.play(10_000, |_| 50, never);
        played.play(60_000, |_| 20_000, never);
        assert!(played.play(60_000, |_| 20_000, never).most <= 3);
        // And quick again.
        assert!(played.play(30_000, |_| 50, never).most > 16, "{}", played.most);
    }

    #[test]
    fn one_that_gets_no_more_done_by_more_at_once_gets_all_that_it_does() {
        // Four at once, 200 ms each; what else there is waits in its line.
        let mut played = Played::new(64);
        let takes = |many: usize| 200 * i64::try_from(many.div_ceil(4)).expect("few");
        played.play(30_000, takes, never);
        played.play(60_000, takes, never);
        assert!(played.most <= 24, "{} at once", played.most);
        assert!(played.done >= 1_080, "{} of 1200", played.done);
    }

    #[test]
    fn one_that_fails_under_load_is_given_what_it_bears() {
        let mut played = Played::new(64);
        played.play(60_000, |_| 100, |many| many > 10).play(60_000, |_| 100, |many| many > 10);
        assert!(played.most <= 13, "{} at once", played.most);
        assert!(played.done > 3_500, "{} in a minute; ten at once are 6000", played.done);
    }

    #[test]
    fn one_that_comes_back_is_tried_as_if_it_were_new() {
        let mut flow = Flow::default();
        (0..100).for_each(|n| flow.troubled(None, Millis(n * 10_000)));
        assert_eq!(flow.most(32), 1);
        flow.begin_anew();
        assert_eq!(flow.most(32), 4);
    }

    #[test]
    fn a_setting_below_what_is_known_counts_at_once() {
        let mut played = Played::new(32);
        played.play(2_000, |_| 10, never);
        assert_eq!((played.flow.most(2), played.flow.most(1), played.flow.most(0)), (2, 1, 1));
    }

    proptest! {
        #[test]
        fn it_is_never_none_and_never_more_than_the_setting(
            setting in 1_usize..300,
            story in prop::collection::vec((0_u64..100_000, any::<bool>(), 0_u8..4, -10_000_i64..10_000), 1..300),
        ) {
            let (mut flow, mut now) = (Flow::default(), 0);
            for (took, is_full, what, passes) in story {
                // Clocks are set back, too.
                now += passes;
                let took = Duration::from_millis(took);
                match what {
                    0 => flow.troubled(None, Millis(now)),
                    1 => flow.troubled(Some(took), Millis(now)),
                    _ => flow.answered(took, is_full, setting, Millis(now)),
                }
                prop_assert!((1..=setting).contains(&flow.most(setting)), "{flow:?}");
            }
        }
    }
}
