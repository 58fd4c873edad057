//! How many different values: exact up to [`EXACT`] of them, estimated beyond.
//!
//! Kept are 64-bit hashes of the values, each with the newest bucket it was seen in; a rolling window counts the hashes whose
//! newest bucket lies inside. When more than [`EXACT`] would be kept, only hashes with one more leading zero bit stay (and so
//! on): each level halves the sample, and the estimate is the sample times 2^level. The sample never has fewer than about
//! [`EXACT`] / 2 hashes after a halving, so the standard error is at most 1 / √(EXACT / 2), 4.4 %, and the estimate has no
//! bias. Adding is commutative and idempotent, and two histories merge into what one would have been.

use super::bucket::Bucket;

/// Up to so many different values are counted exactly.
pub const EXACT: usize = 1024;

/// A set of hashed values with the newest bucket of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distinct {
    /// Sorted by hash.
    entries: Vec<(u64, Bucket)>,
    level: u8,
}

/// The hash of a value's text.
#[must_use]
pub fn hash(value: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(value.as_bytes())
}

impl Distinct {
    /// A set as it was stored.
    #[must_use]
    pub fn from_parts(mut entries: Vec<(u64, Bucket)>, level: u8) -> Self {
        entries.sort_unstable();
        let mut set = Self { entries: Vec::new(), level };
        for (hash, bucket) in entries {
            set.add(hash, bucket);
        }
        set
    }

    /// The sampled hashes with their newest buckets, and the level of sampling.
    #[must_use]
    pub fn parts(&self) -> (&[(u64, Bucket)], u8) {
        (&self.entries, self.level)
    }

    fn samples(&self, hash: u64) -> bool {
        u32::from(self.level) <= hash.leading_zeros()
    }

    /// Sees a value in a bucket; answers whether anything changed.
    pub fn add(&mut self, hash: u64, bucket: Bucket) -> bool {
        if !self.samples(hash) {
            return false;
        }
        match self.entries.binary_search_by_key(&hash, |(h, _)| *h) {
            Ok(at) => match self.entries.get_mut(at) {
                Some((_, newest)) if *newest < bucket => {
                    *newest = bucket;
                    true
                }
                _ => false,
            },
            Err(at) => {
                self.entries.insert(at, (hash, bucket));
                self.thin();
                true
            }
        }
    }

    fn thin(&mut self) {
        while self.entries.len() > EXACT && self.level < 63 {
            self.level += 1;
            let level = u32::from(self.level);
            self.entries.retain(|(hash, _)| level <= hash.leading_zeros());
        }
    }

    /// Forgets values not seen since `oldest`.
    pub fn cut(&mut self, oldest: Bucket) {
        if oldest > Bucket::MIN {
            self.entries.retain(|(_, newest)| *newest >= oldest);
            if self.entries.is_empty() {
                self.level = 0;
            }
        }
    }

    /// How many different values were seen since `oldest`.
    #[must_use]
    pub fn count(&self, oldest: Bucket) -> u64 {
        let kept = self.entries.iter().filter(|(_, newest)| *newest >= oldest).count();
        (kept as u64) << self.level
    }

    /// Whether [`Self::count`] is exact.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        self.level == 0
    }

    /// Takes in what another set has seen; the sample is then as coarse as the coarser of the two, or coarser.
    pub fn merge(&mut self, other: &Self) {
        if other.level > self.level {
            self.level = other.level;
            let level = u32::from(self.level);
            self.entries.retain(|(hash, _)| level <= hash.leading_zeros());
        }
        for (hash, bucket) in &other.entries {
            self.add(*hash, *bucket);
        }
    }

    /// Whoever was seen as `from` was `to` all along. Answers whether anything changed.
    pub fn rename(&mut self, from: u64, to: u64) -> bool {
        let Ok(at) = self.entries.binary_search_by_key(&from, |(h, _)| *h) else {
            return false;
        };
        let (_, bucket) = self.entries.remove(at);
        self.add(to, bucket);
        true
    }

    /// Forgets one value. Answers whether it was there.
    pub fn remove(&mut self, hash: u64) -> bool {
        let found = self.entries.binary_search_by_key(&hash, |(h, _)| *h);
        found.map(|at| self.entries.remove(at)).is_ok()
    }
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    reason = "small numbers"
)]
mod tests {
    use super::*;

    #[test]
    fn exact_up_to_its_bound() {
        let mut set = Distinct::default();
        for i in 0..EXACT {
            set.add(hash(&format!("user {i}")), 0);
            set.add(hash(&format!("user {}", i / 2)), 0);
        }
        assert!(set.is_exact());
        assert_eq!(set.count(Bucket::MIN), EXACT as u64);
    }

    #[test]
    fn the_error_is_what_is_said() {
        let (mut squares, mut bias, trials) = (0.0, 0.0, 60);
        for trial in 0..trials {
            let mut set = Distinct::default();
            let truth = 20_000 + trial * 317;
            for i in 0..truth {
                set.add(hash(&format!("{trial}/{i}")), 0);
            }
            let error = (set.count(0) as f64 - f64::from(truth)) / f64::from(truth);
            squares += error * error;
            bias += error;
        }
        let rms = (squares / f64::from(trials)).sqrt();
        assert!(rms < 0.050, "rms error {rms}");
        assert!((bias / f64::from(trials)).abs() < 0.02, "bias {bias}");
    }

    #[test]
    fn order_and_merging_do_not_matter() {
        let values: Vec<u64> = (0..5_000).map(|i| hash(&i.to_string())).collect();
        let mut forward = Distinct::default();
        let mut backward = Distinct::default();
        let (mut left, mut right) = (Distinct::default(), Distinct::default());
        for (i, value) in values.iter().enumerate() {
            forward.add(*value, (i % 7) as Bucket);
            if i % 2 == 0 { &mut left } else { &mut right }.add(*value, (i % 7) as Bucket);
        }
        for (i, value) in values.iter().enumerate().rev() {
            backward.add(*value, (i % 7) as Bucket);
        }
        left.merge(&right);
        assert_eq!(forward, backward);
        assert_eq!(forward, left);
    }

    #[test]
    fn windows_see_the_newest_bucket_of_each_value() {
        let mut set = Distinct::default();
        set.add(1, 10);
        set.add(1, 5);
        set.add(2, 5);
        assert_eq!((set.count(6), set.count(5)), (1, 2));
        assert!(set.rename(2, 1));
        assert_eq!(set.count(5), 1);
    }
}
