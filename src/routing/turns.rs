//! Whose turn it is: start-time fair queueing over a team's record.
//!
//! Everybody has a place in line. Whoever stands first is next, and goes back by one turn, divided by their weight: who has twice the
//! weight goes back half as far. Nothing is counted over a period and nothing is ever set back, so that weights and rosters may change at
//! any time. A rep who joins, or comes back, is level with whoever is first then: neither flooded with what they missed, nor sent to the
//! end for what they had before.
//!
//! Of two reps who could be given leads all the while, however long: what each was given, divided by their weight, differs by no more
//! than one turn of each, `1/w + 1/v`. Each lead asks once, since a message arrives exactly once, so that this holds whatever is killed.

use std::sync::Arc;

use super::{Assign, Rep, Team};
use crate::record::{Place, TeamTurns};
use crate::time::Millis;

/// A turn of somebody with weight 1, in the unit of [`Place::behind`].
const TURN: u64 = 1_000_000_000;

/// The outcome of a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The rep's e-mail address.
    pub rep: Arc<str>,
    /// `round robin in team enterprise: ana@example.com's turn (waited longest)`.
    pub reason: String,
}

/// Takes the next turn of `team` at `now`, among the reps who may be given something. `None` when there are none.
pub fn assign(team: &Team, turns: &mut TeamTurns, now: Millis, may: impl Fn(&Rep) -> bool) -> Option<Turn> {
    turns.reps.retain(|name, _| team.reps.iter().any(|rep| rep.name == *name));
    let (here, away): (Vec<&Rep>, Vec<&Rep>) = team.reps.iter().partition(|rep| may(rep));
    for rep in away {
        if let Some(place) = turns.reps.get_mut(&rep.name) {
            place.away = true;
        }
    }
    // Where the line begins: whoever comes anew begins there.
    let stood = here.iter().filter_map(|rep| turns.reps.get(&rep.name)).filter(|place| !place.away);
    let first = stood.map(|place| place.behind).min().unwrap_or(0);
    let joined = Place { behind: first, turn: turns.turns, at: now, away: false };
    for rep in &here {
        let place = turns.reps.entry(Arc::clone(&rep.name)).or_insert_with(|| joined.clone());
        if std::mem::take(&mut place.away) {
            place.behind = place.behind.max(first);
        }
    }
    let Assign::RoundRobin = team.assign;
    // Whoever is equally far in line goes by how long they have waited, and then by the order of the roster.
    let place_of = |rep: &&&Rep| turns.reps.get(&rep.name).map_or((0, 0), |place| (place.behind, place.turn));
    let next = *here.iter().min_by_key(place_of)?;
    turns.turns += 1;
    let turn = turns.turns;
    let place = turns.reps.get_mut(&next.name)?;
    let passed = place.behind;
    *place = Place {
        behind: passed + TURN * u64::from(Rep::WEIGHT_ONE) / u64::from(next.weight),
        turn,
        at: now,
        away: false,
    };
    for place in turns.reps.values_mut() {
        place.behind = place.behind.saturating_sub(passed);
    }
    let weighs = match next.weight {
        Rep::WEIGHT_ONE => String::new(),
        weight => format!(", weight {}", f64::from(weight) / f64::from(Rep::WEIGHT_ONE)),
    };
    let reason = format!("round robin in team {}: {}'s turn (waited longest{weighs})", team.name, next.name);
    Some(Turn { rep: Arc::clone(&next.name), reason })
}
