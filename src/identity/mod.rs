//! Whose event it is: users, accounts, merges. Pure.

pub mod key;
pub mod traits;

pub use key::{PartitionId, Partitions, RecordKey, RecordKind, SubjectKind};
