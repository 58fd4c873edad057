//! Whose turn it is in a team, as the team's record keeps it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::time::Millis;

/// The turns of a team.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TeamTurns {
    /// How many leads the team was given in all.
    pub turns: u64,
    /// Where each rep stands in the line.
    pub reps: BTreeMap<Arc<str>, Place>,
}

/// Where a rep stands in the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// How far behind the one who had the last turn, in billionths of a turn of somebody with weight 1. Whoever has the least is next.
    pub behind: u64,
    /// The number of the team's turn that was theirs last, or after which they joined.
    pub turn: u64,
    /// When that was.
    pub at: Millis,
    /// Whether they could not be given anything when the last turn was taken.
    pub away: bool,
}
