//! Records and remembered messages.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::Value;

use super::commit::note;
use super::keys::{VERSION, unescape};
use super::script::{self, Call};
use super::{Core, decode};
use crate::cdp::MessageHash;
use crate::config::Durability;
use crate::identity::{PartitionId, RecordKey};
use crate::store::{Forgotten, Note, Record, StoreError, duration_ms};
use crate::time::Millis;

/// How many messages are looked up at once: Lua's stack bounds it.
const LOOKUP: usize = 2_000;

impl Core {
    pub async fn load(
        &self,
        keys: &[RecordKey],
        of: impl Fn(&RecordKey) -> PartitionId,
    ) -> Result<Vec<Option<Record>>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipe = redis::Pipeline::with_capacity(keys.len());
        for key in keys {
            pipe.cmd("HGETALL").arg(self.keys.record(of(key), key));
        }
        let records: Vec<_> = self.pipe(&pipe).await?.into_iter().map(record).collect();
        if records.len() == keys.len() { Ok(records) } else { Err(decode::unexpected("HGETALL")) }
    }

    pub async fn seen(
        &self,
        partition: PartitionId,
        messages: &[MessageHash],
    ) -> Result<Vec<Option<Note>>, StoreError> {
        let generations = Generations::new(self.options.remember, self.latest());
        let mut notes = vec![None; messages.len()];
        let chunks = notes.chunks_mut(LOOKUP).zip(messages.chunks(LOOKUP));
        for (notes, messages) in chunks {
            self.seen_chunk(partition, messages, generations, notes).await?;
        }
        Ok(notes)
    }

    async fn seen_chunk(
        &self,
        partition: PartitionId,
        messages: &[MessageHash],
        generations: Generations,
        notes: &mut [Option<Note>],
    ) -> Result<(), StoreError> {
        let mut call = Call::new(self.keys.base(partition));
        // What was found counts as durable, so it has to be.
        call.arg(if matches!(self.settings.durability, Durability::Replicas(_)) { "1" } else { "0" });
        call.show(generations.oldest()).show(generations.newest());
        for message in messages {
            call.arg(&message_id(*message));
        }
        let found = self.eval_durably(partition, &script::SEEN, &call).await?;
        let mut found = decode::list(found).into_iter().filter_map(decode::int).filter_map(|n| usize::try_from(n).ok());
        while let (Some(at), Some(number)) = (found.next(), found.next()) {
            if let Some(slot) = notes.get_mut(at) {
                *slot = Some(note(number));
            }
        }
        Ok(())
    }

    pub async fn forget(&self, key: &RecordKey) -> Result<Forgotten, StoreError> {
        let partition = self.options.partitions.of(key);
        let mut call = Call::new(self.keys.base(partition));
        call.show(key);
        let answer = self.eval_durably(partition, &script::FORGET, &call).await?;
        let mut counts = decode::list(answer).into_iter().map(decode::count);
        let mut next = || counts.next().ok_or_else(|| decode::unexpected("a deletion"));
        Ok(Forgotten { records: next()?, leads: next()?, entries: next()? })
    }
}

fn record(fields: Value) -> Option<Record> {
    let mut record = Record::default();
    for (field, value) in decode::pairs(fields) {
        if field == VERSION {
            record.version = value.parse().unwrap_or(0);
        } else if let Some(field) = unescape(&field) {
            record.fields.insert(field.into(), value.into());
        }
    }
    (record.version > 0).then_some(record)
}

/// A message as it is remembered: 22 letters. They take no more memory than the 16 raw bytes would.
pub(super) fn message_id(message: MessageHash) -> String {
    URL_SAFE_NO_PAD.encode(message.0.to_be_bytes())
}

/// Where messages are remembered: a generation is a quarter of the time to remember, and one hash in each partition, which
/// Redis drops as a whole when it is old enough. So a message is remembered for at least the time, and at most a quarter more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Generations {
    remember: i64,
    now: Millis,
}

impl Generations {
    pub fn new(remember: Duration, now: Millis) -> Self {
        Self { remember: duration_ms(remember).max(4), now }
    }

    fn width(self) -> i64 {
        // Rounded up, so that four of them are never less than the whole.
        self.remember / 4 + i64::from(self.remember % 4 != 0)
    }

    pub fn current(self) -> i64 {
        self.now.0.div_euclid(self.width())
    }

    pub fn oldest(self) -> i64 {
        self.now.plus(-self.remember).0.div_euclid(self.width())
    }

    /// One ahead: the clock of another process may be a little further.
    pub fn newest(self) -> i64 {
        self.current() + 1
    }

    /// When Redis may drop a generation, counted from its beginning.
    pub fn keep_seconds(self) -> i64 {
        (self.remember + 2 * self.width()) / 1_000 + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_found_for_the_whole_time_and_not_much_longer() {
        for remember_ms in [1, 3, 1_000, 172_800_000] {
            let remember = Duration::from_millis(remember_ms);
            for at in [0, 1, 999, 1_763_766_000_123] {
                let written = Generations::new(remember, Millis(at)).current();
                let ms = i64::try_from(remember_ms).unwrap();
                let later = |ms: i64| Generations::new(remember, Millis(at + ms));
                assert!((later(0).oldest()..=later(0).newest()).contains(&written));
                assert!((later(ms - 1).oldest()..=later(ms - 1).newest()).contains(&written));
                assert!(later(2 * ms + 8).oldest() > written);
            }
        }
    }

    #[test]
    fn redis_keeps_a_generation_until_nobody_asks_for_it() {
        let generations = Generations::new(Duration::from_secs(100), Millis(0));
        // Begun at 0, written until 25 s, asked for until 125 s.
        assert!(generations.keep_seconds() > 125);
        assert_eq!(Generations::new(Duration::from_secs(100), Millis(124_999)).oldest(), 0);
        assert_eq!(Generations::new(Duration::from_secs(100), Millis(125_000)).oldest(), 1);
    }

    #[test]
    fn messages_are_named_by_22_letters() {
        assert_eq!(message_id(MessageHash(0)), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(message_id(MessageHash(u128::MAX)).len(), 22);
    }

    #[test]
    fn a_hash_without_a_version_is_no_record() {
        assert_eq!(record(Value::Map(vec![])), None);
    }
}
