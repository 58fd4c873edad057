//! Which users and accounts there are.

use redis::Value;

use super::decode;
use super::keys::{Keys, STATE};
use super::script::{self, Call};
use super::shared::Core;
use crate::ids::{RecordKey, ShardId};
use crate::store::{StoreError, SubjectPage};

impl Core {
    /// On a cluster of one shard: each lives on a node of its own.
    pub async fn subjects(
        &self,
        shards: &[ShardId],
        after: Option<&str>,
        limit: usize,
    ) -> Result<SubjectPage, StoreError> {
        let Some(first) = shards.first() else { return Ok(SubjectPage::default()) };
        if self.settings.cluster && shards.len() > 1 {
            return Err(StoreError::Unusable(
                "on a cluster the subjects of one shard are asked for at a time".to_owned(),
            ));
        }
        let (run, cursor) = after.and_then(|after| after.split_once(':')).unwrap_or(("", "0"));
        let mut call = Call::new(self.keys.of(*first, STATE));
        let only = (shards.len() == 1).then_some(*first);
        call.arg(run).arg(cursor).arg(self.keys.subjects(only)).show(limit.max(1));
        let mut answer = decode::list(self.eval(&script::SUBJECTS, &call).await?).into_iter();
        let mut text = || answer.next().and_then(decode::text);
        let (Some(run), Some(cursor)) = (text(), text()) else { return Err(decode::unexpected("keys")) };
        let found = decode::list(answer.next().unwrap_or(Value::Nil)).into_iter().filter_map(decode::text);
        let keys = found.filter_map(|name| self.keys.read_record(&name));
        let is_wanted = |(shard, key): &(ShardId, RecordKey)| {
            key.kind.is_subject() && shards.contains(shard) && self.options.shards.of(key) == *shard
        };
        Ok(SubjectPage {
            keys: keys.filter(is_wanted).map(|(_, key)| key).collect(),
            next: (cursor != "0").then(|| format!("{run}:{cursor}").into()),
        })
    }
}

impl Keys {
    /// What the keys of users and accounts look like, of one shard or of all.
    fn subjects(&self, of: Option<ShardId>) -> String {
        let literal: String = self.prefix().chars().flat_map(escaped).collect();
        let shard = of.map_or_else(|| "s*".to_owned(), |shard| shard.to_string());
        // `user:` and `account:`; nothing else that a shard has begins so.
        format!("{literal}:{{{shard}}}:[ua][sc]*:*")
    }

    /// The record that a key is of, with the shard that it lives in.
    fn read_record(&self, name: &str) -> Option<(ShardId, RecordKey)> {
        let rest = name.strip_prefix(self.prefix())?.strip_prefix(":{s")?;
        let (shard, key) = rest.split_once("}:")?;
        Some((ShardId(shard.parse().ok()?), key.parse().ok()?))
    }
}

/// A character as a pattern has it that means nothing but itself.
fn escaped(letter: char) -> impl Iterator<Item = char> {
    let is_special = matches!(letter, '*' | '?' | '[' | ']' | '^' | '-' | '\\');
    is_special.then_some('\\').into_iter().chain([letter])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_takes_the_prefix_as_it_is() {
        let keys = Keys::new("h*r[1]").unwrap();
        assert_eq!(keys.subjects(None), r"h\*r\[1\]:{s*}:[ua][sc]*:*");
        assert_eq!(keys.subjects(Some(ShardId(3))), r"h\*r\[1\]:{s3}:[ua][sc]*:*");
    }

    #[test]
    fn what_was_written_is_read() {
        let keys = Keys::new("hr").unwrap();
        for key in [RecordKey::user("a}:b{s1}"), RecordKey::account(":")] {
            assert_eq!(keys.read_record(&keys.record(ShardId(17), &key)), Some((ShardId(17), key)));
        }
        assert_eq!(keys.read_record("hr:{s3}:state"), None);
        assert_eq!(keys.read_record("other:{s3}:user:1"), None);
    }
}
