//! What is counted: series, windows, distinct, active days, first and last seen. Pure.
//!
//! [`spec`] says what a counter is, [`bucket`] cuts time, [`series`] and [`distinct`] keep figures, [`ledger`] holds all the
//! figures of one subject and applies events to them, `next_change` says when time alone changes one, [`plan`] says which counters an event touches, [`text`] writes figures
//! so that a person can read them. Nothing here knows of stores, of identities beyond an id, or of the time that it is.

pub mod bucket;
pub mod distinct;
pub mod ledger;
mod next_change;
pub mod plan;
pub mod series;
pub mod spec;
pub mod text;

pub use bucket::{Bucket, Days, Width};
pub use ledger::Ledger;
pub use plan::Plan;
pub use spec::{Aggregate, Counter, EventMatch, Label, Window};
