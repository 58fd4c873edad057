//! Where each shard stands, as a table.

use rusqlite::{Connection, params};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::errors::damaged;
use crate::ids::{Position, ShardId, Shards};
use crate::store::{Progress, StoreError};

/// What the table says of a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ShardState {
    pub(super) progress: Progress,
    /// A sum over the rows of its remembered ids, see ids.rs.
    pub(super) ids: i64,
}

fn sum(shard: ShardId, ShardState { progress, ids }: ShardState) -> i64 {
    let Progress { position, end, step, .. } = progress;
    let values = [u64::from(shard.0), position.0, end.0, step, ids.cast_unsigned()];
    values.iter().fold(0, |sum, value| xxh3_64_with_seed(&value.to_le_bytes(), sum)).cast_signed()
}

pub(super) fn write(connection: &Connection, shard: ShardId, state: ShardState) -> Result<(), StoreError> {
    let sql =
        "INSERT OR REPLACE INTO shards (shard, position, \"end\", step, ids, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let Progress { position, end, step, .. } = state.progress;
    let [position, end, step] = [position.0, end.0, step].map(u64::cast_signed);
    connection.prepare_cached(sql)?.execute(params![shard.0, position, end, step, state.ids, sum(shard, state)])?;
    Ok(())
}

pub(super) fn read(connection: &Connection, shard: ShardId) -> Result<ShardState, StoreError> {
    let mut select =
        connection.prepare_cached("SELECT position, \"end\", step, ids, sum FROM shards WHERE shard = ?1")?;
    let mut rows = select.query([shard.0])?;
    if let Some(row) = rows.next()? {
        let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        let (position, end) = (Position(number(0)?), Position(number(1)?));
        let progress = Progress { position, end, step: number(2)?, ..Progress::default() };
        let state = ShardState { progress, ids: row.get(3)? };
        if sum(shard, state) == row.get::<_, i64>(4)? && progress.position <= progress.end {
            return Ok(state);
        }
    }
    Err(damaged(&format!("the position of {shard}")))
}

/// The states of all shards, in order.
pub(super) fn read_all(connection: &Connection, shards: Shards) -> Result<Vec<ShardState>, StoreError> {
    shards.all().map(|shard| read(connection, shard)).collect()
}
