//! Whether a lead waits for a team of which nobody is there, and until when.

use std::fmt;
use std::sync::Arc;

use super::turns::{Asks, lacks, next_opening, refusal, unfit};
use super::{Present, Team};
use crate::expr::duration_text;
use crate::record::{LeadClass, NO_NEEDS, TeamTurns, Why};
use crate::time::Millis;

/// The leads of a team are looked at at least so often, in case a clock was ahead when it was computed when somebody is there.
const MAX_CLOSED: i64 = Millis::HOUR;

/// Until when a lead waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// At most until then; `None`: as long as it takes.
    pub until: Option<Millis>,
}

/// How long a lead has waited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waited {
    /// For which team.
    pub team: Arc<str>,
    /// In milliseconds.
    pub ms: i64,
}

impl fmt::Display for Waited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(clippy::cast_precision_loss, reason = "it is shown in two units")]
        let length = duration_text(self.ms as f64);
        write!(f, "it waited {length} for team {}", self.team)
    }
}

/// Whether somebody of a team may be given a lead that asks for this.
pub fn is_open(team: &Team, turns: &TeamTurns, asks: Asks<'_>, present: Present<'_>) -> bool {
    team.reps.iter().any(|rep| refusal(rep, turns, asks, present).is_none())
}

/// When to look at the leads that wait for a team and ask for this: when somebody may be given one.
pub fn opens(team: &Team, turns: &TeamTurns, asks: Asks<'_>, present: Present<'_>) -> Millis {
    let latest = present.now.plus(MAX_CLOSED);
    next_opening(team, turns, asks, present).map_or(latest, |next| next.min(latest))
}

/// The class of leads that a lead waits with: those whom the same reps may be given at the same times. What all of the team know is not asked.
pub fn class_of(team: &Team, asks: Asks<'_>) -> LeadClass {
    let Asks { needs, tier, not } = asks;
    let needs = if team.reps.iter().all(|rep| lacks(rep, needs).is_none()) { NO_NEEDS.clone() } else { needs.clone() };
    let is_capped = |tier: u8| {
        let mut caps = team.reps.iter().filter_map(|rep| rep.availability.as_ref()).map(|known| &known.caps);
        caps.any(|caps| caps.bound_tier(tier))
    };
    let tier = if is_capped(tier) { tier } else { 0 };
    let is_member = |name: &str| team.reps.iter().any(|rep| rep.name.eq_ignore_ascii_case(name));
    let mut not: Vec<Arc<str>> =
        not.iter().filter(|name| is_member(name)).map(|name| name.to_ascii_lowercase().into()).collect();
    not.sort_unstable();
    not.dedup();
    LeadClass { needs, tier, not }
}

/// Whether a lead that waits since `since` goes on waiting for a team of which nobody is there who may be given it. It doesn't when it has waited as
/// long as it may, when nobody will be there before it has, or when nobody knows that anybody ever will; nor when nobody of the team may ever be
/// given it.
pub fn waits(team: &Team, turns: &TeamTurns, asks: Asks<'_>, since: Millis, present: Present<'_>) -> Option<Patience> {
    let until = team.max_wait.map(|most| since.plus(most));
    if until.is_some_and(|until| until <= present.now) || team.reps.iter().all(|rep| unfit(rep, asks).is_some()) {
        return None;
    }
    // Whose open leads are as many as may be is there as soon as one of them ends, and nobody knows when.
    let may_come = team
        .reps
        .iter()
        .any(|rep| refusal(rep, turns, asks, present).is_some_and(|refusal| refusal.why == Why::CapOpen));
    match (next_opening(team, turns, asks, present), until) {
        _ if may_come => Some(Patience { until }),
        (Some(next), Some(until)) if next > until => None,
        (None, None) => None,
        _ => Some(Patience { until }),
    }
}
