//! Teams take their turns, lead by lead in the order of time.

use std::collections::HashMap;

use crate::lead::Routing;
use crate::record::TeamTurns;
use crate::routing::{Decision, Routes, TeamName, assign};
use crate::time::Millis;

/// A lead that was given to somebody, or to nobody.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Given {
    /// To whom, and why.
    pub routing: Routing,
    /// When.
    pub at: Millis,
    /// For how many milliseconds it waited by then.
    pub waited: i64,
}

/// Gives out leads, which are in the order of time; answers in the same order.
pub(super) fn play(by: Routes<'_>, leads: impl Iterator<Item = (Millis, Decision)>) -> Vec<Given> {
    let mut teams: HashMap<TeamName, TeamTurns> = HashMap::new();
    leads.map(|(at, decision)| Given { routing: give(by, &mut teams, decision, at), at, waited: 0 }).collect()
}

fn give(by: Routes<'_>, teams: &mut HashMap<TeamName, TeamTurns>, mut decision: Decision, now: Millis) -> Routing {
    loop {
        let pending = match decision {
            Decision::Settled(routing) => return routing,
            Decision::Turn(pending) => pending,
        };
        let Some(team) = by.teams.iter().find(|team| team.name == pending.team) else { return pending.gone() };
        let turns = teams.entry(team.name.clone()).or_default();
        match assign(team, turns, now) {
            Some(turn) => return pending.settle(&turn, None),
            // No team leads back to itself by this, so that it ends.
            None => decision = pending.otherwise(team, turns, None, by, now),
        }
    }
}
