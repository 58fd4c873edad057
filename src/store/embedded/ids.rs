//! Remembered message ids: packs of 8 bytes each, by shard and hour.
//!
//! A commit of a few ids goes into the last pack of its shard's hour until that is full, so that many small commits leave no
//! more behind than one large one.

use rusqlite::{Connection, params};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::errors::damaged;
use super::position;
use crate::ids::ShardId;
use crate::store::{IdPack, StoreError};
use crate::time::Millis;

/// Two packs of this length fill a page; up to it a pack is written again for any id more.
const SMALL_PACK_BYTES: usize = 2_000;
/// A longer one only for so many that it grows by a fourth, until it has this length.
const PACK_BYTES: usize = 32_000;

/// The hour under which ids are remembered at `now`.
pub(super) const fn hour(now: Millis) -> i64 {
    now.0.div_euclid(Millis::HOUR)
}

/// The last pack of a shard, which further ids may go into.
#[derive(Debug)]
pub(super) struct OpenPack {
    row: i64,
    hour: i64,
    sum: i64,
    bytes: Vec<u8>,
}

fn sum(shard: ShardId, hour: i64, pack: &[u8]) -> i64 {
    xxh3_64_with_seed(pack, hour.cast_unsigned().rotate_left(16) ^ u64::from(shard.0)).cast_signed()
}

/// Remembers `ids`. `open` is the shard's last pack, `all` the sum over its packs.
pub(super) fn remember(
    connection: &Connection,
    shard: ShardId,
    hour: i64,
    ids: &[u64],
    open: &mut Option<OpenPack>,
    all: &mut i64,
) -> Result<(), StoreError> {
    let more = size_of_val(ids);
    let fits = |pack: &OpenPack| {
        let len = pack.bytes.len();
        pack.hour == hour && (len + more <= SMALL_PACK_BYTES || len <= 4 * more && len + more <= PACK_BYTES)
    };
    let new = || OpenPack { row: 0, hour, sum: 0, bytes: Vec::with_capacity(more) };
    let mut pack = open.take().filter(fits).unwrap_or_else(new);
    pack.bytes.extend(ids.iter().flat_map(|id| id.to_le_bytes()));
    let before = std::mem::replace(&mut pack.sum, sum(shard, hour, &pack.bytes));
    if pack.row == 0 {
        let sql = "INSERT INTO ids (shard, hour, sum, pack) VALUES (?1, ?2, ?3, ?4)";
        pack.row = connection.prepare_cached(sql)?.insert(params![shard.0, hour, pack.sum, pack.bytes])?;
    } else {
        let sql = "UPDATE ids SET sum = ?2, pack = ?3 WHERE row = ?1";
        connection.prepare_cached(sql)?.execute(params![pack.row, pack.sum, pack.bytes])?;
    }
    *all ^= before ^ pack.sum;
    *open = Some(pack);
    Ok(())
}

/// Forgets the ids of an hour.
pub(super) fn forget(
    connection: &Connection,
    shard: ShardId,
    hour: i64,
    open: &mut Option<OpenPack>,
    all: &mut i64,
) -> Result<(), StoreError> {
    if open.as_ref().is_some_and(|pack| pack.hour == hour) {
        *open = None;
    }
    let mut delete = connection.prepare_cached("DELETE FROM ids WHERE shard = ?1 AND hour = ?2 RETURNING sum")?;
    let mut deleted = delete.query(params![shard.0, hour])?;
    while let Some(row) = deleted.next()? {
        *all ^= row.get::<_, i64>(0)?;
    }
    Ok(())
}

/// All ids that a shard remembers.
pub(super) fn remembered(connection: &Connection, shard: ShardId) -> Result<Vec<IdPack>, StoreError> {
    let snapshot = connection.unchecked_transaction()?;
    let (mut packs, mut all) = (Vec::<IdPack>::new(), 0);
    let mut select = snapshot.prepare_cached("SELECT hour, sum, pack FROM ids WHERE shard = ?1 ORDER BY hour, row")?;
    let mut rows = select.query([shard.0])?;
    while let Some(row) = rows.next()? {
        let hour: i64 = row.get(0)?;
        let bytes = row.get_ref(2)?.as_blob().unwrap_or_default();
        let (ids, rest) = bytes.as_chunks::<8>();
        let sum = sum(shard, hour, bytes);
        if sum != row.get::<_, i64>(1)? || !rest.is_empty() {
            let when = Millis(hour.saturating_mul(Millis::HOUR)).rfc3339();
            return Err(damaged(&format!("what {shard} remembers of the hour of {when}")));
        }
        all ^= sum;
        let ids = ids.iter().map(|id| u64::from_le_bytes(*id));
        match packs.last_mut().filter(|pack| pack.hour == hour) {
            Some(pack) => pack.ids.extend(ids),
            None => packs.push(IdPack { hour, ids: ids.collect() }),
        }
    }
    // Packs that are not there have no sum of their own to be wrong.
    if all == position::read(&snapshot, shard)?.ids {
        Ok(packs)
    } else {
        Err(damaged(&format!("what {shard} remembers of message ids")))
    }
}
