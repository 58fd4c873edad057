//! The names of keys. Those that scripts build for themselves are in `lua/`; all are in `docs/redis-keys.md`.

use crate::identity::{PartitionId, RecordKey};
use crate::store::StoreError;

/// The field of a record that holds its version. Fields of ours begin with one underscore; see [`escape`].
pub(super) const VERSION: &str = "_v";

/// Makes the names of keys.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: Box<str>,
}

impl Keys {
    pub fn new(prefix: &str) -> Result<Self, StoreError> {
        if prefix.is_empty() || prefix.contains(['{', '}']) {
            // A brace would move the hash tag, and the keys of a partition would be spread over slots.
            return Err(StoreError::Unusable(format!("the prefix `{prefix}` of keys is empty or contains a brace")));
        }
        Ok(Self { prefix: prefix.into() })
    }

    /// What all keys of a partition begin with; the braces make Redis Cluster keep them together.
    pub fn base(&self, partition: PartitionId) -> String {
        format!("{}:{{{partition}}}:", self.prefix)
    }

    pub fn record(&self, partition: PartitionId, key: &RecordKey) -> String {
        format!("{}{key}", self.base(partition))
    }

    pub fn lead(&self, partition: PartitionId, id: &str) -> String {
        format!("{}lead:{id}", self.base(partition))
    }

    /// The index of leads by time, of all definitions or of one.
    pub fn leads(&self, partition: PartitionId, definition: Option<&str>) -> String {
        let base = self.base(partition);
        definition.map_or_else(|| format!("{base}leads"), |name| format!("{base}leads:{name}"))
    }

    /// What belongs to a subject.
    pub fn belongings(&self, partition: PartitionId, key: &RecordKey) -> String {
        format!("{}of:{key}", self.base(partition))
    }

    pub fn entry(&self, partition: PartitionId, number: &str) -> String {
        format!("{}entry:{number}", self.base(partition))
    }

    pub fn meta(&self) -> String {
        format!("{}:meta", self.prefix)
    }

    pub fn rejected(&self) -> String {
        format!("{}:rejected", self.prefix)
    }

    /// Whether `key` is that of a record; tells records from everything else in a sample of keys.
    pub fn is_record(&self, key: &str) -> bool {
        let of_partition = key.strip_prefix(&*self.prefix).and_then(|rest| rest.strip_prefix(":{p"));
        let name = of_partition.and_then(|rest| rest.split_once("}:")).map(|(_, name)| name);
        name.is_some_and(|name| name.parse::<RecordKey>().is_ok())
    }
}

/// A field of the engine as it is named in Redis: one that begins with an underscore gets another, so that none is ours.
pub(super) fn escape(field: &str) -> std::borrow::Cow<'_, str> {
    if field.starts_with('_') { format!("_{field}").into() } else { field.into() }
}

/// The reverse of [`escape`]; `None` for a field of ours.
pub(super) fn unescape(field: &str) -> Option<&str> {
    match field.strip_prefix('_') {
        None => Some(field),
        Some(rest) => rest.starts_with('_').then_some(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_partition_share_its_hash_tag() {
        let keys = Keys::new("hr").unwrap();
        let of = PartitionId(17);
        assert_eq!(keys.record(of, &RecordKey::user("{42}")), "hr:{p17}:user:{42}");
        assert_eq!(keys.leads(of, Some("ready")), "hr:{p17}:leads:ready");
        assert_eq!(keys.belongings(of, &RecordKey::account("acme")), "hr:{p17}:of:account:acme");
    }

    #[test]
    fn a_prefix_with_a_brace_is_refused() {
        assert!(Keys::new("a{b").is_err());
        assert!(Keys::new("").is_err());
    }

    #[test]
    fn records_are_told_from_other_keys() {
        let keys = Keys::new("hr").unwrap();
        assert!(keys.is_record("hr:{p1}:user:42"));
        assert!(!keys.is_record("hr:{p1}:of:user:42"));
        assert!(!keys.is_record("hr:meta"));
        assert!(!keys.is_record("other:{p1}:user:42"));
    }

    #[test]
    fn the_engine_may_name_its_fields_as_it_likes() {
        for field in ["t:plan", "_v", "__v", "_", ""] {
            assert_ne!(escape(field), VERSION);
            assert_eq!(unescape(&escape(field)), Some(field));
        }
        assert_eq!(unescape(VERSION), None);
    }
}
