//! The lead record and its life. Pure.

pub mod accept;
pub mod build;
pub mod explain;
mod fit;
pub mod people;
pub mod record;
pub mod summary;
pub mod words;

pub use explain::*;
pub(crate) use fit::joiner;
pub use record::*;
