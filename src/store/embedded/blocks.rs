//! What commits left for the archive, as a table.

use bytes::Bytes;
use rusqlite::{Connection, params};

use super::errors::damaged;
use super::schema::row_sum;
use crate::ids::ShardId;
use crate::store::{Block, StoreError};

/// A shard's rows begin at its own, times this.
const NUMBERS: i64 = 1 << 48;

fn row(shard: ShardId, number: u64) -> i64 {
    i64::from(shard.0) * NUMBERS + i64::try_from(number).unwrap_or(i64::MAX).min(NUMBERS - 1)
}

pub(super) fn put(connection: &Connection, shard: ShardId, number: u64, block: &[u8]) -> Result<(), StoreError> {
    let (row, sql) = (row(shard, number), "INSERT INTO blocks (row, sum, block) VALUES (?1, ?2, ?3)");
    connection.prepare_cached(sql)?.execute(params![row, row_sum(row, block), block])?;
    Ok(())
}

/// Deletes the blocks up to `number`.
pub(super) fn pass(connection: &Connection, shard: ShardId, number: u64) -> Result<(), StoreError> {
    let mut delete = connection.prepare_cached("DELETE FROM blocks WHERE row BETWEEN ?1 AND ?2")?;
    delete.execute([row(shard, 0), row(shard, number)])?;
    Ok(())
}

pub(super) fn read(
    connection: &Connection,
    shard: ShardId,
    after: u64,
    max_bytes: usize,
) -> Result<Vec<Block>, StoreError> {
    let sql = "SELECT row, sum, block FROM blocks WHERE row > ?1 AND row <= ?2 ORDER BY row";
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query([row(shard, after), row(shard, u64::MAX)])?;
    let (mut blocks, mut bytes) = (Vec::new(), 0);
    while let Some(found) = rows.next()? {
        let (place, block) = (found.get::<_, i64>(0)?, found.get_ref(2)?.as_blob().unwrap_or_default());
        if row_sum(place, block) != found.get::<_, i64>(1)? {
            return Err(damaged(&format!("row {place} of the blocks for the archive")));
        }
        bytes += block.len();
        if bytes > max_bytes && !blocks.is_empty() {
            break;
        }
        let number = (place % NUMBERS).cast_unsigned();
        blocks.push(Block { number, payload: Bytes::copy_from_slice(block) });
    }
    Ok(blocks)
}
