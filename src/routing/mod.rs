//! Who gets a lead: ordered routes, teams, turns. Pure.

pub mod spec;

pub use spec::{Assign, Route, RouteTarget, Team, TeamName};
