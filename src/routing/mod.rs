//! Who gets a lead: ordered routes, teams, turns. Pure.
//!
//! [`decide()`] answers from the lead alone, or that a team's turn is needed; [`assign`] takes a turn over the fields of the
//! team's record and says which of them change. The route worker (`engine::route_worker`) does the reading and writing, and
//! makes the two atomic across processes.

mod decide;
mod facts;
pub mod spec;
mod turns;

#[cfg(test)]
mod tests;

pub use decide::{Decision, Pending, decide};
pub use facts::LeadFacts;
pub use spec::{Assign, Route, RouteTarget, Team, TeamName};
pub use turns::{ON_THEIR_WAY, REMEMBERED, Turn, assign};
