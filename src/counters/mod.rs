//! What is counted: series, windows, distinct, active days, first and last seen. Pure.

pub mod spec;

pub use spec::{Aggregate, Counter, CounterId, CounterName, EventMatch, Window};
