//! Whether a destination refuses our credentials for good, so that nothing more is sent to it. Pure.
//!
//! A refusal (401, 403) concerns every delivery: it uses up none of their attempts, unless the destination has taken others since this one
//! was handed over, which speaks against the lead. Where nothing but refusals comes for a while, they are meant.

use crate::time::Millis;

/// So many refusals in a row are meant.
const FOR_GOOD: u32 = 5;
/// When they have come for so long. A token that is made anew at the other end is refused for some seconds.
const LASTING: i64 = Millis::MINUTE;

/// What was refused in a row by one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Denials {
    times: u32,
    since: Option<Millis>,
    /// When it answered last as one that knows us.
    knew_us: Option<Millis>,
    told: bool,
}

/// What one refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Denial {
    /// How many came in a row.
    pub times: u32,
    /// Whether it may be the lead's fault.
    pub counts: bool,
    /// Whether nothing more is to be sent.
    pub for_good: bool,
    /// Whether an operator is to be told of that.
    pub tell: bool,
}

impl Denials {
    /// It took something, or refused it for its own sake.
    pub fn knew_us(&mut self, now: Millis) {
        *self = Self { knew_us: Some(now), ..Self::default() };
    }

    /// It refused the credentials that news came with which was handed over at `created`.
    pub fn denied(&mut self, created: Millis, now: Millis) -> Denial {
        self.times = self.times.saturating_add(1);
        let since = *self.since.get_or_insert(now);
        let for_good = self.times >= FOR_GOOD && now.since(since) >= LASTING;
        let tell = for_good && !self.told;
        self.told |= tell;
        Denial { times: self.times, counts: self.knew_us.is_some_and(|at| at > created), for_good, tell }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = Millis::SECOND;

    #[test]
    fn refusals_in_a_row_for_a_minute_are_meant_and_told_once() {
        let mut denials = Denials::default();
        let at = |seconds: i64| Millis(seconds * SECOND);
        let early: Vec<_> = (0..10).map(|n| denials.denied(at(0), at(n))).collect();
        assert!(early.iter().all(|denial| !denial.for_good && !denial.counts), "{early:?}");
        let later: Vec<_> = (60..64).map(|n| denials.denied(at(0), at(n))).collect();
        assert!(later.iter().all(|denial| denial.for_good));
        assert_eq!(later.iter().filter(|denial| denial.tell).count(), 1);
        denials.knew_us(at(70));
        assert!((71..75).all(|n| !denials.denied(at(71), at(n)).for_good), "it begins anew");
        let rarely: Vec<_> = (1..6).map(|n| denials.denied(at(71), at(n * 600)).for_good).collect();
        assert_eq!(rarely, [true; 5], "four came before");
    }

    #[test]
    fn few_are_not_meant_however_long_it_takes() {
        let mut denials = Denials::default();
        let hours: Vec<_> = (0..5).map(|n| denials.denied(Millis(0), Millis(n * Millis::HOUR)).for_good).collect();
        assert_eq!(hours, [false, false, false, false, true]);
    }

    #[test]
    fn what_is_refused_while_others_are_taken_is_the_leads_own_matter() {
        let mut denials = Denials::default();
        denials.knew_us(Millis(10));
        assert!(denials.denied(Millis(9), Millis(11)).counts);
        assert!(!denials.denied(Millis(10), Millis(11)).counts, "handed over since");
    }
}
