//! What a condition asks of the members of an account.

use std::hash::Hasher as _;

use super::{Expr, Slot, reached};

/// What is asked of what is true of the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MembersHow {
    /// Whether it is true of any.
    Exists,
    /// Whether it is true of all.
    All,
    /// Of how many it is true.
    Count,
}

/// A condition on each of an account's members, and what is asked of the outcomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    /// What is asked.
    pub how: MembersHow,
    /// What is true or false of one of them: a condition about a user.
    pub condition: Expr,
    /// A hash of what the condition says, also by way of signals: outcomes of another one are not read.
    pub fingerprint: u32,
}

impl Members {
    pub(super) fn new(how: MembersHow, condition: Expr) -> Self {
        let mut hasher = xxhash_rust::xxh3::Xxh3::new();
        hasher.write(condition.source().as_bytes());
        for slot in reached(condition.slots()) {
            if let Slot::Signal(signal, _) = slot {
                hasher.write(format!("{} {:?}", signal.name, signal.meaning).as_bytes());
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "32 bits tell the conditions of a file apart well enough")]
        let fingerprint = hasher.finish() as u32;
        Self { how, condition, fingerprint }
    }
}
