//! What a store says about itself: its format and how many shards it has, and the state that each of them has.

use std::sync::atomic::Ordering;

use futures::future::try_join_all;
use redis::Value;

use super::decode;
use super::errors::store_error;
use super::keys::{OUTBOX, STATE};
use super::script::{self, Call};
use super::shared::Core;
use crate::store::{StoreError, StoreOptions};
use crate::time::Clock;

/// The layout of keys that this program reads and writes.
const FORMAT: u64 = 2;

/// What had to be made.
#[derive(Default)]
pub(super) struct Made {
    /// There was no store; now there is an empty one.
    store: bool,
    /// How many shards had no state; now they begin anew.
    shards: u64,
}

impl Made {
    /// Says what was lost, if this is not the first time that the store was looked for.
    pub fn report(&self) {
        if self.store {
            tracing::error!("redis has lost the store: it came back empty, and counting starts anew");
        } else if self.shards > 0 {
            tracing::error!(shards = self.shards, "redis has lost shards: they came back empty, and count anew");
        }
    }
}

/// Makes sure that Redis holds a store that fits; makes an empty one where there is none. Asks without regard to whether Redis
/// is known to be away, since that is how it is found again.
pub(super) async fn ensure(core: &Core) -> Result<Made, StoreError> {
    let link = core.links.general();
    let key = core.keys.meta();
    let mut get = redis::cmd("HGETALL");
    get.arg(&key);
    let mut meta = link.cmd(&get).await.map_err(|error| store_error(&error))?;
    let mut made = Made::default();
    if decode::list(meta.clone()).is_empty() {
        let mut pipe = redis::pipe();
        pipe.cmd("HSETNX").arg(&key).arg("format").arg(FORMAT);
        pipe.cmd("HSETNX").arg(&key).arg("shards").arg(core.options.shards.count());
        pipe.cmd("HSETNX").arg(&key).arg("seed").arg(rand::random::<u64>());
        pipe.cmd("HSETNX").arg(&key).arg("created").arg(Clock::System.now().rfc3339());
        pipe.add_command(get);
        let mut answers = link.pipe(&pipe).await.map_err(|error| store_error(&error))?;
        meta = answers.pop().unwrap_or_default();
        made.store = answers.first() == Some(&Value::Int(1));
    }
    core.seed.store(check(meta, &core.options)?, Ordering::Relaxed);
    made.shards = states(core).await?;
    Ok(made)
}

/// Makes sure that each shard has a state; answers how many had none.
async fn states(core: &Core) -> Result<u64, StoreError> {
    let link = core.links.general();
    let create = async |call: Call| {
        link.eval(&script::CREATE, &call).await.map(decode::count).map_err(|error| store_error(&error))
    };
    let shards = core.options.shards.all();
    if !core.settings.cluster {
        let mut call = Call::default();
        for shard in shards {
            call.key(core.keys.of(shard, STATE));
        }
        return create(call).await;
    }
    // So many that no shard that is lost and begins anew can have used them before.
    let begin = Clock::System.now().0.saturating_mul(1_000);
    let calls = shards.map(|shard| {
        let mut call = Call::new(core.keys.of(shard, STATE));
        call.key(core.keys.of(shard, OUTBOX)).show(begin);
        create(call)
    });
    Ok(try_join_all(calls).await?.iter().sum())
}

/// Makes sure that it fits; answers its seed.
fn check(meta: Value, options: &StoreOptions) -> Result<u64, StoreError> {
    let (mut format, mut shards, mut seed) = (0, 0, 0);
    for (field, value) in decode::pairs(meta) {
        match field.as_str() {
            "format" => format = value.parse().unwrap_or(0),
            "shards" => shards = value.parse().unwrap_or(0),
            "seed" => seed = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    if format != FORMAT {
        return Err(StoreError::Unusable(format!(
            "redis holds a store of format {format}, and this version reads format {FORMAT}; use the version that made it, or an \
             empty database"
        )));
    }
    if shards != options.shards.count() {
        let wanted = options.shards.count();
        return Err(StoreError::Unusable(format!(
            "redis holds a store of {shards} shards, and {wanted} are configured; set `shards: {shards}`, since the number is \
             fixed when a store is created"
        )));
    }
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(format: &str, shards: &str) -> Value {
        let bulk = |s: &str| Value::BulkString(s.as_bytes().to_vec());
        Value::Array(vec![bulk("format"), bulk(format), bulk("shards"), bulk(shards)])
    }

    #[test]
    fn a_fitting_store_is_taken() {
        check(meta("2", "16"), &StoreOptions::default()).unwrap();
    }

    #[test]
    fn another_format_or_another_number_of_shards_is_refused_with_the_mend() {
        let refusal = |m| check(m, &StoreOptions::default()).unwrap_err().to_string();
        insta::assert_snapshot!(refusal(meta("1", "64")), @"the store is unusable: redis holds a store of format 1, and this version reads format 2; use the version that made it, or an empty database");
        insta::assert_snapshot!(refusal(meta("2", "8")), @"the store is unusable: redis holds a store of 8 shards, and 16 are configured; set `shards: 8`, since the number is fixed when a store is created");
    }
}
