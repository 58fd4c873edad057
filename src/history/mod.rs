//! The archive: every event as it was counted, in files, so that what is asked for later can see the past.
//!
//! A commit leaves a *block* in the store: the events that it counts, as lines of JSON ([`mod@line`]), compressed ([`block`]). It becomes
//! durable with what it counts, in one step, so nothing is in the archive that was not counted, or twice, or missing, whatever is
//! killed. The shard's owner moves blocks from there into *segments* ([`segment`]): files, or objects in a bucket ([`place`]), that are written whole, named by the
//! blocks that they hold, and never changed. Only when a segment is durable, a commit lets its blocks go. A segment that is written twice,
//! since somebody was killed in between or since two servers believed that they owned the shard, says the same twice; whoever
//! reads takes each block once ([`archive`]).
//!
//! Whoever is forgotten leaves marks: readers leave out what is about them at once, and segments that hold it are written anew.

pub mod archive;
pub mod block;
mod bucket;
mod days;
mod directory;
mod error;
mod found;
pub mod line;
mod marks;
mod place;
pub mod segment;

pub use archive::Archive;
pub use block::PastBlock;
pub use bucket::{BucketAt, SCHEME};
pub use days::Day;
pub use error::ArchiveError;
pub use line::Row;

#[cfg(test)]
mod tests;
