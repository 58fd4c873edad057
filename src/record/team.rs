//! Whose turn it is in a team, as the team's record keeps it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::time::Millis;

/// The turns of a team.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TeamTurns {
    /// How many leads the team was given in all.
    pub turns: u64,
    /// The number of each rep's last turn, and when it was.
    pub reps: BTreeMap<Arc<str>, (u64, Millis)>,
}
