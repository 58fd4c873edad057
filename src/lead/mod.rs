//! The lead record and its life. Pure.

pub mod record;

pub use record::*;
