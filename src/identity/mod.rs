//! Whose event it is: users, accounts, merges. Pure.

pub mod account;
pub mod email;
pub mod key;
pub mod traits;

pub use key::{BadRecordKey, PartitionId, Partitions, RecordKey, RecordKind, SubjectKind};
