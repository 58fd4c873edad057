//! Leads of the past on paper: who would have got them by another configuration, each at its own time. Pure.
//!
//! A lead's route and territory hang on the lead alone, so that of each only the decision is kept, not the lead. Teams then take their
//! turns in the order of time, by the very functions that the server calls. Their turns begin anew on paper: a lead may go to another rep of
//! the same team than it did, which is told apart from leads that go elsewhere.

mod accounts;
mod counts;
mod ledger;
mod line;
mod play;
mod promise;
mod report;
mod unknown;
mod whose;

#[cfg(test)]
mod tests;

pub use counts::{Count, Counts, Group, LateCount, LeftOut, Load, PassedOverCount, RepCounts, WaitedCount};
pub use ledger::Paper;
pub use line::{Change, Line};
pub use report::Report;
pub use whose::{Owner, Whose};
