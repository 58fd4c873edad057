//! How often the busiest value of a property was seen: a count for each value, of a bounded number of them.

use super::bucket::{Bucket, OLDER};
use super::buckets::{Buckets, add};

/// So many different values are told apart. Of more, whichever was seen least often makes room.
pub const MAX_VALUES: usize = 64;

/// Counts by the hash of a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Busiest {
    /// Sorted by hash.
    values: Vec<(u64, Buckets<u64>)>,
}

impl Busiest {
    /// Counts a value in a bucket.
    pub fn add(&mut self, hash: u64, bucket: Bucket) {
        match self.values.binary_search_by_key(&hash, |(known, _)| *known) {
            Ok(at) => {
                if let Some((_, counts)) = self.values.get_mut(at) {
                    counts.add(bucket, 1);
                }
            }
            Err(at) => {
                let mut counts = Buckets::default();
                counts.add(bucket, 1);
                self.values.insert(at, (hash, counts));
                self.make_room(Some(hash));
            }
        }
    }

    /// Puts in what was stored of a value.
    pub fn put(&mut self, hash: u64, counts: &Buckets<u64>) {
        match self.values.binary_search_by_key(&hash, |(known, _)| *known) {
            Ok(at) => {
                if let Some((_, mine)) = self.values.get_mut(at) {
                    mine.merge(counts, add);
                }
            }
            Err(at) => self.values.insert(at, (hash, counts.clone())),
        }
    }

    /// Whatever was seen least often leaves while there are too many, but not what has just come.
    fn make_room(&mut self, fresh: Option<u64>) {
        while self.values.len() > MAX_VALUES {
            let others = self.values.iter().enumerate().filter(|(_, (hash, _))| Some(*hash) != fresh);
            let least = others.min_by_key(|(_, (hash, counts))| (total(counts, OLDER, Bucket::MAX), *hash));
            let Some((at, _)) = least else { return };
            self.values.remove(at);
        }
    }

    /// How often the busiest value was seen from one bucket on and before another.
    pub fn count(&self, from: Bucket, to: Bucket) -> u64 {
        self.values.iter().map(|(_, counts)| total(counts, from, to)).max().unwrap_or(0)
    }

    /// The values' hashes with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Buckets<u64>)> {
        self.values.iter().map(|(hash, counts)| (*hash, counts))
    }

    /// Cuts off what is older than `oldest` (see [`Buckets::cut`]).
    pub fn cut(&mut self, oldest: Bucket, keeps_older: bool) {
        self.values.iter_mut().for_each(|(_, counts)| counts.cut(oldest, keeps_older, add));
        self.values.retain(|(_, counts)| counts.iter().next().is_some());
    }

    /// Takes in what another history has counted.
    pub fn merge(&mut self, other: &Self) {
        other.iter().for_each(|(hash, counts)| self.put(hash, counts));
        self.make_room(None);
    }

    /// How many bytes it takes on the heap.
    pub fn bytes(&self) -> usize {
        let counts = self.values.iter().map(|(_, counts)| counts.bytes()).sum::<usize>();
        self.values.capacity() * size_of::<(u64, Buckets<u64>)>() + counts
    }
}

fn total(counts: &Buckets<u64>, from: Bucket, to: Bucket) -> u64 {
    counts.between(from, to).map(|(_, n)| n).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_often_stays_however_many_there_are() {
        let mut busiest = Busiest::default();
        for round in 0..1_000_u64 {
            busiest.add(7, 1);
            busiest.add(1_000 + round, 1);
        }
        assert_eq!((busiest.count(OLDER, Bucket::MAX), busiest.values.len()), (1_000, MAX_VALUES));
        busiest.add(8, 3);
        assert_eq!((busiest.count(2, Bucket::MAX), busiest.count(OLDER, 2)), (1, 1_000));
        busiest.cut(3, false);
        assert_eq!((busiest.count(OLDER, Bucket::MAX), busiest.values.len()), (1, 1));
    }

    #[test]
    fn two_histories_become_what_one_would_have_been() {
        let (mut one, mut other, mut both) = (Busiest::default(), Busiest::default(), Busiest::default());
        for n in 0..200_u64 {
            let (value, bucket) = (n * n % 31, Bucket::try_from(n % 5).unwrap());
            if n % 2 == 0 {
                one.add(value, bucket);
            } else {
                other.add(value, bucket);
            }
            both.add(value, bucket);
        }
        one.merge(&other);
        assert_eq!(one, both);
    }
}
