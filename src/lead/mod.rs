//! The lead record and its life. Pure.

pub mod explain;
pub mod record;

pub use explain::*;
pub use record::*;
