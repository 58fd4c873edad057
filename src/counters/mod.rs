//! What is counted: series, windows, distinct values, days, first and last times. Pure.
//!
//! [`spec`] says what a counter is, [`bucket`] cuts time, [`series`] and [`distinct`] keep figures, [`ledger`] holds all the
//! figures of one subject and applies events to them, [`plan`] says which counters an event touches and how much is kept for whoever
//! reads them, `next_change` when time alone changes a figure, [`cost`] what that costs, [`range`] which buckets a reading looks at, [`read`] reads, [`text`] writes figures so that a person can read them. Nothing here knows of stores, of identities beyond an id, or of the time that it is.

pub mod bucket;
pub mod buckets;
pub mod busiest;
pub mod calendar;
pub mod cost;
pub mod distinct;
pub mod identity;
pub mod ledger;
mod next_change;
pub mod plan;
pub mod range;
pub mod read;
pub mod series;
pub mod spec;
pub mod steps;
pub mod text;
pub mod told;

pub use bucket::{Bucket, Days, Width};
pub use cost::Cost;
pub use ledger::Ledger;
pub use plan::{Plan, Reads};
pub use read::Figure;
pub use spec::{Aggregate, Counter, EventMatch, Label, Window};

#[cfg(test)]
mod tests;
