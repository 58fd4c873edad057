//! The names of keys. All are in `docs/redis-keys.md`.

use crate::ids::{RecordKey, ShardId};
use crate::store::StoreError;

/// How far the log was applied, and by which commit.
pub(super) const STATE: &str = "state";
/// What is to be applied: a stream with an entry `0-<position>` for each position.
pub(super) const LOG: &str = "log";
/// What commits left for the archive: a stream with an entry `0-<number>` for each.
pub(super) const BLOCKS: &str = "blocks";
/// Messages for other shards that are on their way; on a cluster only.
pub(super) const OUTBOX: &str = "outbox";
/// Up to which number messages of other shards have arrived; on a cluster only.
pub(super) const RECEIVED: &str = "received";
/// For which hours there are packs of message ids.
pub(super) const HOURS: &str = "hours";
/// The names of lists.
pub(super) const LISTS: &str = "lists";
/// The ids of leads by time.
pub(super) const LEADS: &str = "leads";
/// Events that could not be used.
pub(super) const REJECTED: &str = "rejected";
/// Who should work on the shard.
pub(super) const OWNER: &str = "owner";

/// Makes the names of keys.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: Box<str>,
}

impl Keys {
    pub fn new(prefix: &str) -> Result<Self, StoreError> {
        if prefix.is_empty() || prefix.contains(['{', '}']) {
            // A brace would move the hash tag, and the keys of a shard would be spread over slots.
            return Err(StoreError::Unusable(format!("the prefix `{prefix}` of keys is empty or contains a brace")));
        }
        Ok(Self { prefix: prefix.into() })
    }

    /// What all keys begin with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What all keys of a shard begin with; the braces make Redis Cluster keep them together.
    pub fn base(&self, shard: ShardId) -> String {
        format!("{}:{{{shard}}}:", self.prefix)
    }

    /// One of the keys that each shard has once.
    pub fn of(&self, shard: ShardId, name: &str) -> String {
        format!("{}:{{{shard}}}:{name}", self.prefix)
    }

    pub fn record(&self, shard: ShardId, key: &RecordKey) -> String {
        format!("{}{key}", self.base(shard))
    }

    /// The pack of message ids of one hour.
    pub fn ids(&self, shard: ShardId, hour: i64) -> String {
        format!("{}ids:{hour}", self.base(shard))
    }

    /// The records of a list by time.
    pub fn list(&self, shard: ShardId, name: &str) -> String {
        format!("{}list:{name}", self.base(shard))
    }

    pub fn lead(&self, shard: ShardId, id: &str) -> String {
        format!("{}lead:{id}", self.base(shard))
    }

    /// The ids of one definition's leads, by time.
    pub fn leads_for(&self, shard: ShardId, definition: &str) -> String {
        format!("{}leads-for:{definition}", self.base(shard))
    }

    /// The ids of one subject's leads, by time.
    pub fn leads_of(&self, shard: ShardId, subject: &RecordKey) -> String {
        format!("{}leads-of:{subject}", self.base(shard))
    }

    pub fn meta(&self) -> String {
        format!("{}:meta", self.prefix)
    }

    pub fn servers(&self) -> String {
        format!("{}:servers", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_shard_share_its_hash_tag() {
        let keys = Keys::new("hr").unwrap();
        let of = ShardId(17);
        assert_eq!(keys.record(of, &RecordKey::user("{42}")), "hr:{s17}:user:{42}");
        assert_eq!(keys.of(of, STATE), "hr:{s17}:state");
        assert_eq!(keys.leads_of(of, &RecordKey::account("acme")), "hr:{s17}:leads-of:account:acme");
    }

    #[test]
    fn a_prefix_with_a_brace_is_refused() {
        assert!(Keys::new("a{b").is_err());
        assert!(Keys::new("").is_err());
    }
}
