//! Series: what is kept of the events that one counter, or one event name, has seen. Every operation is commutative, so that
//! late and out-of-order events give the same result as in-order ones, and two series can be merged.

use smallvec::SmallVec;

use super::bucket::{Bucket, OLDER};
use super::distinct::Distinct;
use crate::time::Millis;

/// A number in millionths: sums are exact and do not depend on the order of the events, as floating point would.
pub type Micros = i128;

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

/// Whether the smallest or the largest moment is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extreme {
    /// The first time, which is the smallest moment.
    First,
    /// The last time, which is the largest moment.
    Last,
}

impl Extreme {
    /// Brings two moments together.
    fn join(self, there: &mut Millis, new: Millis) {
        *there = match self {
            Self::First => new.min(*there),
            Self::Last => new.max(*there),
        };
    }
}

/// What is kept for one declared counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Series {
    /// How many events, by bucket.
    Counts(Buckets<u64>),
    /// The sum of a property, by bucket.
    Sums(Buckets<Micros>),
    /// Which different values: of a property, or users.
    Distinct(Distinct),
    /// How many different ones were seen from a bucket on, for each bucket where that number changes: what others are told of a
    /// [`Self::Distinct`].
    Seen(Buckets<u64>),
    /// The first or the last time; it is never cut.
    Moment(Extreme, Millis),
}

impl Series {
    /// Cuts off what is older than `oldest`. Together it is kept as one figure where that is asked for.
    pub fn cut(&mut self, oldest: Bucket, keeps_older: bool) {
        match self {
            Self::Counts(buckets) => buckets.cut(oldest, keeps_older, add),
            Self::Sums(buckets) => buckets.cut(oldest, keeps_older, add),
            Self::Distinct(distinct) if !keeps_older => distinct.cut(oldest),
            Self::Distinct(_) | Self::Seen(_) | Self::Moment(..) => {}
        }
    }

    /// About how many bytes it takes in memory.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Counts(buckets) | Self::Seen(buckets) => buckets.bytes(),
            Self::Sums(buckets) => buckets.bytes(),
            Self::Distinct(distinct) => distinct.bytes(),
            Self::Moment(..) => 0,
        }
    }

    /// Takes in another history of the same counter.
    pub fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Counts(mine), Self::Counts(theirs)) => mine.merge(theirs, add),
            (Self::Sums(mine), Self::Sums(theirs)) => mine.merge(theirs, add),
            (Self::Distinct(mine), Self::Distinct(theirs)) => mine.merge(theirs),
            (Self::Moment(extreme, mine), Self::Moment(_, theirs)) => extreme.join(mine, *theirs),
            // Two shapes under one name: the counter's meaning changed; the newer history stands.
            _ => {}
        }
    }
}

/// What is kept of every event name without being asked: counts per calendar day for [`DAILY_RETENTION`] days or as long as a
/// condition looks back, and one figure for everything older. A counter that is declared tomorrow reads its past from here.
pub type Daily = Buckets<u64>;

/// How many days of daily counts are kept where nothing looks back further.
pub const DAILY_RETENTION: Bucket = 90;

/// How many entries a vector has room for that has grown to so many.
pub(crate) fn room(entries: usize) -> usize {
    if entries == 0 { 0 } else { entries.next_power_of_two().max(4) }
}

/// A number as millionths, rounded; `None` for what is not a finite number in range.
pub fn micros(number: f64) -> Option<Micros> {
    const LIMIT: f64 = 1e30;
    let scaled = number * 1e6;
    #[expect(clippy::cast_possible_truncation, reason = "bounded by the guard: 1e30 fits an i128")]
    (scaled.abs() < LIMIT).then(|| scaled.round() as i128)
}

/// Millionths as a number.
pub fn from_micros(micros: Micros) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "figures beyond 2^53 are shown to 15 digits")]
    let number = micros as f64;
    number / 1e6
}
