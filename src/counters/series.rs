//! Series: what is kept of the events that one counter, or one event name, has seen. Every operation is commutative, so that
//! late and out-of-order events give the same result as in-order ones, and two series can be merged.

use smallvec::SmallVec;

use super::bucket::Bucket;
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

impl<T: Copy + std::ops::AddAssign> Buckets<T> {
    /// Adds to a bucket. The newest bucket is the usual one and costs no search.
    pub fn add(&mut self, bucket: Bucket, amount: T) {
        match self.entries.last_mut() {
            Some((last, total)) if *last == bucket => *total += amount,
            Some((last, _)) if *last > bucket => self.add_late(bucket, amount),
            _ => self.entries.push((bucket, amount)),
        }
    }

    fn add_late(&mut self, bucket: Bucket, amount: T) {
        match self.entries.binary_search_by_key(&bucket, |(b, _)| *b) {
            Ok(at) => {
                if let Some((_, total)) = self.entries.get_mut(at) {
                    *total += amount;
                }
            }
            Err(at) => self.entries.insert(at, (bucket, amount)),
        }
    }

    /// The buckets from `oldest` on.
    pub fn since(&self, oldest: Bucket) -> impl DoubleEndedIterator<Item = (Bucket, T)> {
        let start = self.entries.partition_point(|(b, _)| *b < oldest);
        self.entries.iter().skip(start).copied()
    }

    /// Removes the buckets before `oldest` and returns them.
    pub fn cut(&mut self, oldest: Bucket) -> impl Iterator<Item = T> {
        let start = self.entries.partition_point(|(b, _)| *b < oldest);
        self.entries.drain(..start).map(|(_, total)| total)
    }

    /// How many bytes they take on the heap.
    pub fn bytes(&self) -> usize {
        if self.entries.spilled() { self.entries.capacity() * size_of::<(Bucket, T)>() } else { 0 }
    }

    /// Adds the figures of another history, bucket by bucket.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, amount) in &other.entries {
            self.add(*bucket, *amount);
        }
    }
}

/// Whether the smallest or the largest moment is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extreme {
    /// The first time, which is the smallest moment.
    First,
    /// The last time, which is the largest moment.
    Last,
}

/// What is kept for one declared counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Series {
    /// How many events, by bucket.
    Counts(Buckets<u64>),
    /// The sum of a property, by bucket.
    Sums(Buckets<Micros>),
    /// Which different values: of a property, users or days.
    Distinct(Distinct),
    /// The first or the last time; it is never cut.
    Moment(Extreme, Millis),
}

impl Series {
    /// Drops what no window of this series can see any more.
    pub fn cut(&mut self, oldest: Bucket) {
        match self {
            Self::Counts(buckets) => drop(buckets.cut(oldest)),
            Self::Sums(buckets) => drop(buckets.cut(oldest)),
            Self::Distinct(distinct) => distinct.cut(oldest),
            Self::Moment(..) => {}
        }
    }

    /// About how many bytes it takes in memory.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Counts(buckets) => buckets.bytes(),
            Self::Sums(buckets) => buckets.bytes(),
            Self::Distinct(distinct) => distinct.bytes(),
            Self::Moment(..) => 0,
        }
    }

    /// Takes in another history of the same counter.
    pub fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Counts(mine), Self::Counts(theirs)) => mine.merge(theirs),
            (Self::Sums(mine), Self::Sums(theirs)) => mine.merge(theirs),
            (Self::Distinct(mine), Self::Distinct(theirs)) => mine.merge(theirs),
            (Self::Moment(Extreme::First, mine), Self::Moment(_, theirs)) => *mine = (*mine).min(*theirs),
            (Self::Moment(Extreme::Last, mine), Self::Moment(_, theirs)) => *mine = (*mine).max(*theirs),
            // Two shapes under one name: the counter's meaning changed; the newer history stands.
            _ => {}
        }
    }
}

/// What is kept of every event name without being asked: counts per calendar day for [`DAILY_RETENTION`] days, and one
/// figure for everything older. A counter that is declared tomorrow reads its past from here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Daily {
    /// Events per calendar day, for the last [`DAILY_RETENTION`] days.
    pub days: Buckets<u64>,
    /// Events older than the retention.
    pub older: u64,
}

/// How many days of daily counts are kept; the longest window a counter may have.
pub const DAILY_RETENTION: Bucket = 90;

impl Daily {
    /// Counts one event of `day`, when `today` is today.
    pub fn add(&mut self, day: Bucket, today: Bucket) {
        self.days.add(day, 1);
        self.fold(today);
    }

    fn fold(&mut self, today: Bucket) {
        let oldest = today.saturating_sub(DAILY_RETENTION - 1);
        if self.days.since(Bucket::MIN).next().is_some_and(|(day, _)| day < oldest) {
            self.older += self.days.cut(oldest).sum::<u64>();
        }
    }

    /// Events from `oldest` on; with [`Bucket::MIN`], all there ever were.
    pub fn count(&self, oldest: Bucket) -> u64 {
        let kept: u64 = self.days.since(oldest).map(|(_, n)| n).sum();
        if oldest == Bucket::MIN { kept + self.older } else { kept }
    }

    /// Adds the figures of another history of the same events.
    pub fn merge(&mut self, other: &Self) {
        self.days.merge(&other.days);
        self.older += other.older;
    }
}

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
