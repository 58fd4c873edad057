//! How many different values: exact up to [`EXACT`] of them in a window, estimated beyond.
//!
//! Kept are 64-bit hashes of the values, each with the newest bucket it was seen in; a rolling window counts the hashes whose
//! newest bucket lies inside. Where a window holds more than [`EXACT`], only every second value is kept (those whose hash begins
//! with a zero bit), or every fourth, and so on, as far as it takes to keep [`SAMPLE`] of them or fewer; the estimate is the
//! number of those times 2, 4, … A sample has 256 values or more, so that the standard error is at most 1 / √256, 6.3 %, and the
//! estimate has no bias.
//!
//! How thin the sample is hangs on the bucket: older ones are thinner, since a window that reaches back to them holds more. So a
//! burst costs exactness only as long as it is in the window: behind it the values are whole, and once it has left, the count is
//! exact again. What is kept is a function of the values and the newest bucket of each, whatever the order in which they came,
//! and two histories merge into what one would have been. Of ten thousand values over ninety days about 1,800
//! hashes are kept; [`EXACT`] and half of [`SAMPLE`] for each halving is the most, 3,600 of a million.
//!
//! The sketches of Apache's `datasketches` (0.6) do not fit: none forgets a value or a stretch of time, and once thinned (its
//! `theta` and `tuple`) or registered (`hll`, `cpc`) none becomes exact again.

use super::bucket::Bucket;

/// Up to so many different values in a window are counted exactly.
pub const EXACT: usize = 1024;
/// Of more, so many stand for all at the most.
pub const SAMPLE: usize = 512;

/// A set of hashed values with the newest bucket of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distinct {
    /// Sorted by hash, so that the values of a level, whose hashes begin with so many zero bits, come first.
    entries: Vec<(u64, Bucket)>,
    /// Up to the first of these buckets only every second value was kept, up to the second every fourth, and so on. Never rising.
    halved_until: Vec<Bucket>,
}

/// The hash of a value's text. The seed is the store's own, which no sender knows: values that were chosen for the many zero bits
/// of their hashes would read as millions otherwise.
pub fn hash(value: &str, seed: u64) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(value.as_bytes(), seed)
}

/// How often the values must be halved until one of this hash leaves.
fn level_of(hash: u64) -> usize {
    hash.leading_zeros() as usize
}

/// The most values that are kept at a level.
const fn room(level: usize) -> usize {
    if level == 0 { EXACT } else { SAMPLE }
}

impl Distinct {
    /// A set as it was stored.
    pub fn from_parts(mut entries: Vec<(u64, Bucket)>, mut halved_until: Vec<Bucket>) -> Self {
        // Of a value that stands there twice the newer bucket counts.
        entries.sort_unstable_by(|(a, newer), (b, older)| a.cmp(b).then(older.cmp(newer)));
        entries.dedup_by_key(|(hash, _)| *hash);
        halved_until.sort_unstable_by(|a, b| b.cmp(a));
        halved_until.truncate(64);
        let mut set = Self { entries, halved_until };
        set.thin(64);
        set.drop_surplus();
        set
    }

    /// The hashes with their newest buckets, and until which buckets they were halved once, twice, …
    pub fn parts(&self) -> (&[(u64, Bucket)], &[Bucket]) {
        (&self.entries, &self.halved_until)
    }

    /// How many bytes it takes on the heap.
    pub const fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<(u64, Bucket)>() + self.halved_until.capacity() * size_of::<Bucket>()
    }

    /// How often the values of a window that begins with `oldest` were halved.
    fn level(&self, oldest: Bucket) -> usize {
        self.halved_until.partition_point(|until| *until >= oldest)
    }

    /// The values that are still there after so many halvings.
    fn at_level(&self, level: usize) -> &[(u64, Bucket)] {
        let end = self.entries.partition_point(|(hash, _)| level_of(*hash) >= level);
        self.entries.get(..end).unwrap_or_default()
    }

    /// Sees a value in a bucket; returns whether anything changed.
    pub fn add(&mut self, hash: u64, bucket: Bucket) -> bool {
        if level_of(hash) < self.level(bucket) {
            return false;
        }
        match self.entries.binary_search_by_key(&hash, |(h, _)| *h) {
            Ok(at) => match self.entries.get_mut(at) {
                Some((_, newest)) if *newest < bucket => *newest = bucket,
                _ => return false,
            },
            Err(at) => self.entries.insert(at, (hash, bucket)),
        }
        if self.thin(level_of(hash)) {
            self.drop_surplus();
        }
        true
    }

    /// Halves values, the oldest, where a level holds too many; `highest` is the last level that has more of them than before.
    /// Returns whether it did.
    fn thin(&mut self, highest: usize) -> bool {
        let mut halved = false;
        // What was halved once more has made room for the next level to be halved.
        let mut further = false;
        for level in 0..64 {
            let values = self.at_level(level);
            // Every further level holds no more than this one.
            if values.len() <= SAMPLE || (level > highest && !further) {
                break;
            }
            let until = self.halved_until.get(level).copied();
            // What is kept at one level is kept at all that follow.
            let bound = level.checked_sub(1).map_or(Some(Bucket::MAX), |before| self.halved_until.get(before).copied());
            let surplus = bound.and_then(|bound| Some(newest_surplus(values, until, room(level))?.min(bound)));
            further = surplus.is_some() && surplus != until;
            halved |= further;
            match (surplus, self.halved_until.get_mut(level)) {
                (Some(surplus), Some(until)) => *until = surplus,
                (Some(surplus), None) => self.halved_until.push(surplus),
                (None, _) => {}
            }
        }
        halved
    }

    /// Drops values that were halved away.
    fn drop_surplus(&mut self) {
        let halved_until = &self.halved_until;
        self.entries.retain(|(hash, newest)| halved_until.get(level_of(*hash)).is_none_or(|until| newest > until));
    }

    /// Forgets values not seen since `oldest`.
    pub fn cut(&mut self, oldest: Bucket) {
        if oldest > Bucket::MIN {
            self.entries.retain(|(_, newest)| *newest >= oldest);
            self.halved_until.truncate(self.level(oldest));
        }
    }

    /// How many different values were seen since `oldest`.
    pub fn count(&self, oldest: Bucket) -> u64 {
        let level = self.level(oldest);
        let kept = self.at_level(level).iter().filter(|(_, newest)| *newest >= oldest).count();
        (kept as u64).saturating_mul(1 << level.min(63))
    }

    /// [`Self::count`] for each bucket behind which it is another number, the oldest first.
    pub fn seen(&self) -> Vec<(Bucket, u64)> {
        let newest = self.entries.iter().map(|(_, newest)| *newest);
        let mut ends: Vec<Bucket> = newest.chain(self.halved_until.iter().copied()).collect();
        ends.sort_unstable();
        ends.dedup();
        ends.into_iter().map(|end| (end, self.count(end))).collect()
    }

    /// The first bucket from `from` on in which a value was seen last, of those that count in a window from there.
    pub fn first(&self, from: Bucket) -> Option<Bucket> {
        // Where a window begins behind a bucket up to which values were halved, it counts others: that, too, is a change.
        let halved = self.halved_until.iter().copied().filter(|until| *until >= from);
        self.entries.iter().map(|(_, newest)| *newest).filter(|newest| *newest >= from).chain(halved).min()
    }

    /// The newest bucket in which a value was seen.
    pub fn newest(&self) -> Option<Bucket> {
        self.entries.iter().map(|(_, newest)| *newest).max()
    }

    /// Whether [`Self::count`] is exact.
    pub fn is_exact(&self, oldest: Bucket) -> bool {
        self.level(oldest) == 0
    }

    /// Takes in what another set has seen.
    pub fn merge(&mut self, other: &Self) {
        let mut set = std::mem::take(self);
        set.entries.extend_from_slice(&other.entries);
        for (level, theirs) in other.halved_until.iter().enumerate() {
            match set.halved_until.get_mut(level) {
                Some(until) => *until = (*until).max(*theirs),
                None => set.halved_until.push(*theirs),
            }
        }
        *self = Self::from_parts(set.entries, set.halved_until);
    }

    /// Whoever was seen as `from` was `to` all along. Returns whether anything changed. Of a value that was halved away nothing
    /// is known, and nothing is done.
    pub fn rename(&mut self, from: u64, to: u64) -> bool {
        let Ok(at) = self.entries.binary_search_by_key(&from, |(h, _)| *h) else {
            return false;
        };
        let (_, bucket) = self.entries.remove(at);
        self.add(to, bucket);
        true
    }

    /// Forgets one value. Returns whether it was there.
    pub fn remove(&mut self, hash: u64) -> bool {
        let found = self.entries.binary_search_by_key(&hash, |(h, _)| *h);
        found.map(|at| self.entries.remove(at)).is_ok()
    }
}

/// The newest bucket behind which there are no more than `room` of the values that are newer than `until`; `None` when there are
/// no more at all.
fn newest_surplus(values: &[(u64, Bucket)], until: Option<Bucket>, room: usize) -> Option<Bucket> {
    let whole = || values.iter().map(|(_, newest)| *newest).filter(|newest| until.is_none_or(|until| *newest > until));
    if whole().count() <= room {
        return None;
    }
    let mut whole: Vec<Bucket> = whole().collect();
    let (_, surplus, _) = whole.select_nth_unstable_by(room, |a, b| b.cmp(a));
    Some(*surplus)
}

#[cfg(test)]
mod tests;
