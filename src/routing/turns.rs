//! Whose turn it is: round robin over a team's record.
//!
//! Whoever waited longest is next. A rep who joins (or comes back) goes to the end of the line, so that nobody is flooded; a
//! rep who left the team is forgotten and gets nothing more. Each lead asks once, since a message arrives exactly once, so that
//! reps' shares differ by one lead at most.

use std::sync::Arc;

use super::{Assign, Team};
use crate::record::TeamTurns;
use crate::time::Millis;

/// The outcome of a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The rep's e-mail address.
    pub rep: Arc<str>,
    /// `round robin in team enterprise: ana@example.com's turn (waited longest)`.
    pub reason: String,
}

/// Takes the next turn of `team` at `now`. `None` when the team has no reps.
pub fn assign(team: &Team, turns: &mut TeamTurns, now: Millis) -> Option<Turn> {
    let Assign::RoundRobin = team.assign;
    turns.reps.retain(|rep, _| team.reps.contains(rep));
    for rep in &team.reps {
        // Someone without a turn has just joined: they stand where the line ends now.
        turns.reps.entry(Arc::clone(rep)).or_insert((turns.turns, now));
    }
    // Ties are settled by the order of the roster.
    let last_turn = |rep: &&Arc<str>| turns.reps.get(*rep).map_or(0, |(turn, _)| *turn);
    let rep = team.reps.iter().min_by_key(last_turn)?;
    turns.turns += 1;
    turns.reps.insert(Arc::clone(rep), (turns.turns, now));
    let reason = format!("round robin in team {}: {rep}'s turn (waited longest)", team.name);
    Some(Turn { rep: Arc::clone(rep), reason })
}
