//! Whose event it is: users, accounts, merges. Pure.

pub mod key;

pub use key::{PartitionId, Partitions, RecordKey, RecordKind, SubjectKind};
