//! What a store says about itself: its format and how many partitions it has.

use redis::Value;

use super::decode;
use super::keys::Keys;
use super::link::{Links, store_error};
use crate::store::{StoreError, StoreOptions};
use crate::time::Clock;

/// The layout of keys that this program reads and writes.
const FORMAT: u64 = 1;

/// What was found.
pub(super) struct Meta {
    /// There was no store; now there is an empty one.
    pub created: bool,
    /// Subjects expire, or did at some time.
    pub idle_once: bool,
}

/// Makes sure that Redis holds a store that fits; makes an empty one where there is none.
pub(super) async fn ensure(links: &Links, keys: &Keys, options: &StoreOptions) -> Result<Meta, StoreError> {
    let key = keys.meta();
    let mut pipe = redis::pipe();
    pipe.cmd("HSETNX").arg(&key).arg("format").arg(FORMAT);
    pipe.cmd("HSETNX").arg(&key).arg("partitions").arg(options.partitions.count());
    pipe.cmd("HSETNX").arg(&key).arg("created").arg(Clock::System.now().rfc3339());
    if options.idle_subjects.is_some() {
        pipe.cmd("HSETNX").arg(&key).arg("idle_subjects").arg(1);
    }
    pipe.cmd("HGETALL").arg(&key);
    let mut answers = links.general().pipe(&pipe).await.map_err(|error| store_error(&error))?;
    let meta = answers.pop().unwrap_or_default();
    let created = answers.first() == Some(&Value::Int(1));
    check(meta, options).map(|idle_once| Meta { created, idle_once })
}

fn check(meta: Value, options: &StoreOptions) -> Result<bool, StoreError> {
    let (mut format, mut partitions, mut idle_once) = (0, 0, false);
    for (field, value) in decode::pairs(meta) {
        match field.as_str() {
            "format" => format = value.parse().unwrap_or(0),
            "partitions" => partitions = value.parse().unwrap_or(0),
            "idle_subjects" => idle_once = true,
            _ => {}
        }
    }
    if format != FORMAT {
        return Err(StoreError::Unusable(format!(
            "redis holds a store of format {format}, and this version reads format {FORMAT}; upgrade, or use an empty database"
        )));
    }
    if partitions != options.partitions.count() {
        let wanted = options.partitions.count();
        return Err(StoreError::Unusable(format!(
            "redis holds a store of {partitions} partitions, and {wanted} are configured; set `partitions: {partitions}`, since \
             the number is fixed when a store is created"
        )));
    }
    Ok(idle_once)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(format: &str, partitions: &str) -> Value {
        let bulk = |s: &str| Value::BulkString(s.as_bytes().to_vec());
        Value::Array(vec![bulk("format"), bulk(format), bulk("partitions"), bulk(partitions)])
    }

    #[test]
    fn a_fitting_store_is_taken() {
        assert!(!check(meta("1", "64"), &StoreOptions::default()).unwrap());
    }

    #[test]
    fn another_format_or_another_number_of_partitions_is_refused_with_the_mend() {
        let refusal = |m| check(m, &StoreOptions::default()).unwrap_err().to_string();
        insta::assert_snapshot!(refusal(meta("2", "64")), @"the store is unusable: redis holds a store of format 2, and this version reads format 1; upgrade, or use an empty database");
        insta::assert_snapshot!(refusal(meta("1", "8")), @"the store is unusable: redis holds a store of 8 partitions, and 64 are configured; set `partitions: 8`, since the number is fixed when a store is created");
    }
}
