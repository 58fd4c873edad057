//! Whether a lead waits for a team of which nobody is there, and until when.

use std::fmt;
use std::sync::Arc;

use super::turns::{Asks, next_opening, refusal};
use super::{Present, Team};
use crate::expr::duration_text;
use crate::record::{TeamTurns, Why};
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

/// Whether somebody of a team may be given a lead.
pub fn is_open(team: &Team, turns: &TeamTurns, present: Present<'_>) -> bool {
    team.reps.iter().any(|rep| refusal(rep, turns, Asks::default(), present).is_none())
}

/// When to look at the leads that wait for a team: when somebody may be given one.
pub fn opens(team: &Team, turns: &TeamTurns, present: Present<'_>) -> Millis {
    let latest = present.now.plus(MAX_CLOSED);
    next_opening(team, turns, Asks::default(), present).map_or(latest, |next| next.min(latest))
}

/// Whether a lead that waits since `since` goes on waiting for a team of which nobody is there. It doesn't when it has waited as
/// long as it may, when nobody will be there before it has, or when nobody knows that anybody ever will; nor while somebody is there who may just not
/// be given this one.
pub fn waits(team: &Team, turns: &TeamTurns, asks: Asks<'_>, since: Millis, present: Present<'_>) -> Option<Patience> {
    let until = team.max_wait.map(|most| since.plus(most));
    if until.is_some_and(|until| until <= present.now) || !asks.not.is_empty() && is_open(team, turns, present) {
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
