//! Who gets a lead: ordered routes, territories, teams, who of them is there, turns. Pure.
//!
//! [`decide()`] answers from the lead alone, or that a team's turn is needed; [`assign`] takes a turn over the team's record.

mod anew;
pub mod coverage;
mod decide;
mod domain;
pub mod explain;
mod facts;
pub mod paper;
pub mod reps;
mod sla;
pub mod spec;
pub mod territory;
mod turns;
mod waiting;

#[cfg(test)]
mod tests;

pub use anew::elsewhere;
pub use decide::{Decision, NotClear, Routes, decide, decide_if_clear, is_known, keep, owns};
pub use domain::domain_of;
pub use facts::LeadFacts;
pub use reps::{Availability, Hours, Presence, Present, Reps};
pub use sla::SlaRule;
pub use spec::{Assign, Rep, Route, RouteNeeds, RouteTarget, RouteTo, Team, TeamName};
pub use turns::{Asks, Turn, assign, close, credit, next_opening};
pub use waiting::{Patience, Waited, class_of, is_open, opens, waits};
