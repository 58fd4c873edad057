//! Where each record stands: the hash of its key leads to a row of packs, in memory.
//!
//! In the file the index is 256 *stripes*, each one blob, and the changes since they were written. Every transaction appends
//! its changes; and so that these don't become many, stripes are written anew, one after the other, at a pace that is measured
//! by the changes: a record that is written costs some 80 bytes of index, however many records there are. Opening reads the
//! stripes, and applies the changes to them.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, params};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::errors::damaged;
use super::schema::row_sum;
use crate::store::StoreError;

const STRIPES: usize = 256;
/// An entry in the file: the hash and the place.
const ENTRY_BYTES: usize = 16;
/// So many bytes of stripes are written anew for each changed entry. With 4 × the entry, the changes that are kept are no more
/// than half of the stripes.
const STRIPE_BYTES_PER_CHANGE: usize = 4 * ENTRY_BYTES;
/// Fewer bytes of changes are not worth writing stripes for.
const MIN_CHANGES_BYTES: usize = 1 << 20;

/// 96 bits of a key's hash, which begins with a secret of the file. Among a hundred million records two have the same with a
/// probability of 10^-13, and nobody can choose ids that do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct KeyHash([u32; 3]);

impl KeyHash {
    pub(super) fn new(seed: u64, key: &str) -> Self {
        let hash = xxh3_128_with_seed(key.as_bytes(), seed).to_le_bytes();
        let [a, b, c, _] = hash.as_chunks::<4>().0 else { return Self([0; 3]) };
        Self([a, b, c].map(|part| u32::from_le_bytes(*part)))
    }

    const fn stripe(self) -> usize {
        let Self([first, ..]) = self;
        first as usize % STRIPES
    }

    /// Reads what its `Display` wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let part = |at: usize| u32::from_str_radix(text.get(at..at + 8)?, 16).ok();
        if text.len() == 24 { Some(Self([part(0)?, part(8)?, part(16)?])) } else { None }
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([a, b, c]) = self;
        write!(f, "{a:08x}{b:08x}{c:08x}")
    }
}

/// It is a hash already.
#[derive(Default)]
pub(super) struct AsItIs(u64);

pub(super) type ByHash = BuildHasherDefault<AsItIs>;

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // The first four bytes say which stripe it is.
        let rest = bytes.get(4..12).and_then(|bytes| bytes.try_into().ok());
        self.0 ^= rest.map_or(0, u64::from_ne_bytes);
    }

    fn write_usize(&mut self, _length: usize) {}
}

/// A row of packs, and how much of it the record takes, in [`UNIT_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u32);

/// The unit in which the sizes of records are counted.
pub(super) const UNIT_BYTES: usize = 64;
const UNIT_BITS: u32 = 6;
/// What is as large as this has its row to itself.
pub(super) const MAX_UNITS: u32 = (1 << UNIT_BITS) - 1;
/// With packs of 4 KiB, some 270 GB of records.
pub(super) const MAX_ROWS: u32 = 1 << (u32::BITS - UNIT_BITS);

impl Place {
    /// Nowhere: the record is deleted.
    const NONE: u32 = 0;

    /// Rows are counted from 1, so that no place is [`Self::NONE`].
    pub(super) const fn new(row: u32, units: u32) -> Self {
        Self(row << UNIT_BITS | units)
    }

    /// What an entry adds to the sum over the index. Adding it is the same as taking it away.
    pub(super) const fn sum(self, KeyHash([a, b, c]): KeyHash) -> i64 {
        // The hash is as good as random; the place has to change all of the sum.
        let hash = (a as u64) << 32 | b as u64;
        let place = (c as u64) << 32 | self.0 as u64;
        hash.wrapping_add(place.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9).cast_signed()
    }

    pub(super) const fn row(self) -> u32 {
        self.0 >> UNIT_BITS
    }

    pub(super) const fn units(self) -> u32 {
        self.0 & MAX_UNITS
    }
}

type Stripe = HashMap<KeyHash, Place, ByHash>;

/// Only what is durable is ever in here: the writer publishes a change after its transaction.
pub(super) struct Index {
    /// What the hashes of keys begin with.
    seed: u64,
    stripes: Vec<Mutex<Stripe>>,
}

impl Index {
    pub(super) fn hash(&self, key: &str) -> KeyHash {
        KeyHash::new(self.seed, key)
    }

    pub(super) fn get(&self, hash: KeyHash) -> Option<Place> {
        self.stripe(hash.stripe())?.get(&hash).copied()
    }

    fn set(&self, hash: KeyHash, place: Option<Place>) {
        if let Some(mut stripe) = self.stripe(hash.stripe()) {
            match place {
                Some(place) => stripe.insert(hash, place),
                None => stripe.remove(&hash),
            };
        }
    }

    fn sum(&self) -> i64 {
        let of_stripe =
            |stripe: MutexGuard<'_, Stripe>| stripe.iter().fold(0, |sum, (hash, place)| sum ^ place.sum(*hash));
        (0..STRIPES).filter_map(|at| self.stripe(at)).fold(0, |sum, stripe| sum ^ of_stripe(stripe))
    }

    pub(super) fn publish(&self, changes: HashMap<KeyHash, Option<Place>, ByHash>) {
        changes.into_iter().for_each(|(hash, place)| self.set(hash, place));
    }

    /// About how many bytes it takes, with what the packs' rows take in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        /// An entry with the byte that the map keeps for it, of places of which half are used, and the row's share.
        const RECORD_BYTES: usize = 2 * (ENTRY_BYTES + 1) + 8;
        self.len() * RECORD_BYTES
    }

    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        (0..STRIPES).filter_map(|at| self.stripe(at)).map(|stripe| stripe.len()).sum()
    }

    /// Calls `each` with the place of every record, until it answers `None`.
    pub(super) fn each(&self, mut each: impl FnMut(Place) -> Option<()>) -> Option<()> {
        (0..STRIPES)
            .filter_map(|at| self.stripe(at))
            .try_for_each(|stripe| stripe.values().try_for_each(|place| each(*place)))
    }

    /// The first `limit` records behind `after`, in the order of their stripes and hashes.
    pub(super) fn behind(&self, after: Option<KeyHash>, limit: usize) -> Vec<(KeyHash, Place)> {
        let mut found = Vec::new();
        for at in after.map_or(0, KeyHash::stripe)..STRIPES {
            let Some(room) = limit.checked_sub(found.len()).filter(|room| *room > 0) else { break };
            let is_behind = |hash: &KeyHash| after.is_none_or(|after| hash.stripe() != after.stripe() || *hash > after);
            let mut stripe: Vec<_> = self.stripe(at).map_or_else(Vec::new, |stripe| {
                stripe.iter().filter(|(hash, _)| is_behind(hash)).map(|(hash, place)| (*hash, *place)).collect()
            });
            if stripe.len() > room {
                stripe.select_nth_unstable_by_key(room, |(hash, _)| *hash);
                stripe.truncate(room);
            }
            stripe.sort_unstable_by_key(|(hash, _)| *hash);
            found.append(&mut stripe);
        }
        found
    }

    /// Held for moments only.
    fn stripe(&self, at: usize) -> Option<MutexGuard<'_, Stripe>> {
        self.stripes.get(at).map(|stripe| stripe.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The index's side of the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct IndexLog {
    /// The last row of changes.
    last: i64,
    /// Bytes of changes that no running round over the stripes covers.
    changes: usize,
    round: Option<Round>,
}

/// Stripes are being written anew.
#[derive(Clone, Copy, Debug)]
struct Round {
    /// When it is through, changes up to this row are no longer needed.
    covers: i64,
    next: usize,
    /// How many bytes may be written.
    budget: usize,
}

impl IndexLog {
    /// Stages `changes`; answers how the file stands when the transaction is through.
    pub(super) fn write(
        mut self,
        connection: &Connection,
        index: &Index,
        changes: &HashMap<KeyHash, Option<Place>, ByHash>,
    ) -> Result<Self, StoreError> {
        if changes.is_empty() {
            return Ok(self);
        }
        let mut pack = Vec::with_capacity(changes.len() * ENTRY_BYTES);
        changes.iter().for_each(|(hash, place)| put(&mut pack, *hash, *place));
        self.last += 1;
        self.changes += pack.len();
        let sql = "INSERT INTO index_changes (row, sum, pack) VALUES (?1, ?2, ?3)";
        connection.prepare_cached(sql)?.execute(params![self.last, row_sum(self.last, &pack), pack])?;
        self.renew_stripes(connection, index, changes.len())?;
        Ok(self)
    }

    fn renew_stripes(&mut self, connection: &Connection, index: &Index, changes: usize) -> Result<(), StoreError> {
        if self.round.is_none() && self.changes >= MIN_CHANGES_BYTES.max(index.len() * ENTRY_BYTES / 4) {
            // What this transaction changes is not in the index yet.
            self.round = Some(Round { covers: self.last - 1, next: 0, budget: 0 });
            self.changes = 0;
        }
        let Some(mut round) = self.round else { return Ok(()) };
        round.budget += changes * STRIPE_BYTES_PER_CHANGE;
        while let Some(pack) = index.pack(round.next, round.budget) {
            let stripe = i64::try_from(round.next).unwrap_or(0);
            let sql = "INSERT INTO index_stripes (stripe, sum, pack) VALUES (?1, ?2, ?3)
                       ON CONFLICT (stripe) DO UPDATE SET sum = ?2, pack = ?3";
            connection.prepare_cached(sql)?.execute(params![stripe, row_sum(stripe, &pack), pack])?;
            round.budget -= pack.len();
            round.next += 1;
        }
        if round.next == STRIPES {
            connection.prepare_cached("DELETE FROM index_changes WHERE row <= ?1")?.execute([round.covers])?;
        }
        self.round = Some(round).filter(|round| round.next < STRIPES);
        Ok(())
    }
}

impl Index {
    /// A stripe as it is stored, if there is one of this number and it has no more than `budget` bytes.
    fn pack(&self, at: usize, budget: usize) -> Option<Vec<u8>> {
        let stripe = self.stripe(at).filter(|stripe| stripe.len() * ENTRY_BYTES <= budget)?;
        let mut pack = Vec::with_capacity(stripe.len() * ENTRY_BYTES);
        stripe.iter().for_each(|(hash, place)| put(&mut pack, *hash, Some(*place)));
        Some(pack)
    }

    /// Reads the index from the file; `expected` is the sum over it.
    pub(super) fn open(connection: &Connection, seed: u64, expected: i64) -> Result<(Self, IndexLog), StoreError> {
        let index = Self { seed, stripes: (0..STRIPES).map(|_| Mutex::default()).collect() };
        read(connection, "SELECT stripe, sum, pack FROM index_stripes", &index)?;
        let (last, changes) = read(connection, "SELECT row, sum, pack FROM index_changes ORDER BY row", &index)?;
        if index.sum() != expected {
            return Err(damaged("the index of records"));
        }
        Ok((index, IndexLog { last, changes, round: None }))
    }
}

fn put(pack: &mut Vec<u8>, hash: KeyHash, place: Option<Place>) {
    let KeyHash([a, b, c]) = hash;
    let place = place.map_or(Place::NONE, |place| place.0);
    [a, b, c, place].iter().for_each(|part| pack.extend_from_slice(&part.to_le_bytes()));
}

/// Applies rows to `index`; answers the last of them, and their bytes.
fn read(connection: &Connection, sql: &str, index: &Index) -> Result<(i64, usize), StoreError> {
    let (mut last, mut bytes) = (0, 0);
    let mut select = connection.prepare(sql)?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        last = row.get(0)?;
        let pack = row.get_ref(2)?.as_blob().unwrap_or_default();
        let (parts, rest) = pack.as_chunks::<4>();
        let (entries, torn) = parts.as_chunks::<4>();
        if row_sum(last, pack) != row.get::<_, i64>(1)? || !rest.is_empty() || !torn.is_empty() {
            return Err(damaged("the index of records"));
        }
        bytes += pack.len();
        for [a, b, c, place] in entries {
            let hash = KeyHash([a, b, c].map(|part| u32::from_le_bytes(*part)));
            let place = u32::from_le_bytes(*place);
            index.set(hash, (place != Place::NONE).then_some(Place(place)));
        }
    }
    Ok((last, bytes))
}
