//! Figures by bucket of time.

use smallvec::SmallVec;

use super::bucket::{Bucket, OLDER};

/// Figures per bucket, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buckets<T> {
    /// One of them stands in place: most have no more.
    entries: SmallVec<[(Bucket, T); 1]>,
}

impl<T: Clone> Buckets<T> {
    /// Puts something into a bucket; `join` brings it together with what is there. The newest bucket is the usual one and costs
    /// no search.
    pub fn put(&mut self, bucket: Bucket, new: T, join: impl FnOnce(&mut T, T)) {
        match self.entries.last_mut() {
            Some((last, there)) if *last == bucket => join(there, new),
            Some((last, _)) if *last > bucket => match self.entries.binary_search_by_key(&bucket, |(b, _)| *b) {
                Ok(at) => {
                    if let Some((_, there)) = self.entries.get_mut(at) {
                        join(there, new);
                    }
                }
                Err(at) => self.entries.insert(at, (bucket, new)),
            },
            _ => self.entries.push((bucket, new)),
        }
    }

    /// All buckets, the oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Bucket, &T)> {
        self.entries.iter().map(|(bucket, there)| (*bucket, there))
    }

    /// The buckets from one on and before another.
    pub fn between(&self, from: Bucket, to: Bucket) -> impl DoubleEndedIterator<Item = (Bucket, &T)> {
        let start = self.entries.partition_point(|(b, _)| *b < from);
        let end = self.entries.partition_point(|(b, _)| *b < to);
        self.entries.get(start..end.max(start)).unwrap_or_default().iter().map(|(bucket, there)| (*bucket, there))
    }

    /// Cuts off the buckets before `oldest`: they go into the one of all that is [`OLDER`] when that is kept, and leave otherwise.
    pub fn cut(&mut self, oldest: Bucket, keeps_older: bool, join: impl Fn(&mut T, T)) {
        let end = self.entries.partition_point(|(b, _)| *b < oldest);
        let settled = keeps_older && end == 1 && self.entries.first().is_some_and(|(bucket, _)| *bucket == OLDER);
        if end == 0 || settled {
            return;
        }
        let cut = self.entries.drain(..end).map(|(_, there)| there);
        let older = cut.reduce(|mut all, one| {
            join(&mut all, one);
            all
        });
        if let Some(older) = older.filter(|_| keeps_older) {
            self.entries.insert(0, (OLDER, older));
        }
    }

    /// How many bytes they take on the heap.
    pub fn bytes(&self) -> usize {
        if self.entries.spilled() { self.entries.capacity() * size_of::<(Bucket, T)>() } else { 0 }
    }

    /// Takes in another history, bucket by bucket.
    pub fn merge(&mut self, other: &Self, join: impl Fn(&mut T, T)) {
        for (bucket, theirs) in &other.entries {
            self.put(*bucket, theirs.clone(), &join);
        }
    }
}

impl<T: Copy + std::ops::AddAssign> Buckets<T> {
    /// Adds to a bucket.
    pub fn add(&mut self, bucket: Bucket, amount: T) {
        self.put(bucket, amount, add);
    }
}

/// Adds up.
pub(super) fn add<T: std::ops::AddAssign>(there: &mut T, new: T) {
    *there += new;
}
