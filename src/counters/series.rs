//! Series: what is kept of the events that one counter, or one event name, has seen. Every operation is commutative, so that
//! late and out-of-order events give the same result as in-order ones, and two series can be merged.

use super::bucket::Bucket;
use super::buckets::{Buckets, add};
use super::busiest::Busiest;
use super::distinct::Distinct;
use super::steps::Steps;
use crate::time::Millis;

/// A number in millionths: sums are exact and do not depend on the order of the events, as floating point would.
pub type Micros = i128;

/// Keeps the lesser one.
pub(super) fn least(there: &mut Micros, new: Micros) {
    *there = new.min(*there);
}

/// Keeps the greater one.
pub(super) fn greatest(there: &mut Micros, new: Micros) {
    *there = new.max(*there);
}

/// A value with its moment. Of two at the same moment the lesser text is the first one, whichever came before.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    /// When it was sent.
    pub at: Millis,
    /// The value as JSON: a text, a number, true or false.
    pub value: Box<str>,
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
    /// Brings two values together.
    pub(super) fn join_told(self, there: &mut Told, new: Told) {
        let replaces = match self {
            Self::First => new < *there,
            Self::Last => new > *there,
        };
        if replaces {
            *there = new;
        }
    }

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
    /// The least number, by bucket.
    Least(Buckets<Micros>),
    /// The greatest number, by bucket.
    Greatest(Buckets<Micros>),
    /// The first or the last value, by bucket.
    Values(Extreme, Buckets<Told>),
    /// How often which value was seen.
    Busiest(Box<Busiest>),
    /// Moments of steps.
    Steps(Box<Steps>),
    /// Which different values: of a property, users or events.
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
            Self::Least(buckets) => buckets.cut(oldest, keeps_older, least),
            Self::Greatest(buckets) => buckets.cut(oldest, keeps_older, greatest),
            Self::Values(extreme, buckets) => {
                buckets.cut(oldest, keeps_older, |there, new| extreme.join_told(there, new));
            }
            Self::Busiest(busiest) => busiest.cut(oldest, keeps_older),
            Self::Steps(steps) => steps.cut(oldest, keeps_older),
            Self::Distinct(distinct) if !keeps_older => distinct.cut(oldest),
            Self::Distinct(_) | Self::Seen(_) | Self::Moment(..) => {}
        }
    }

    /// About how many bytes it takes in memory.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Counts(buckets) | Self::Seen(buckets) => buckets.bytes(),
            Self::Sums(buckets) | Self::Least(buckets) | Self::Greatest(buckets) => buckets.bytes(),
            Self::Values(_, buckets) => {
                buckets.bytes() + buckets.iter().map(|(_, told)| told.value.len()).sum::<usize>()
            }
            Self::Busiest(busiest) => size_of::<Busiest>() + busiest.bytes(),
            Self::Steps(steps) => size_of::<Steps>() + steps.bytes(),
            Self::Distinct(distinct) => distinct.bytes(),
            Self::Moment(..) => 0,
        }
    }

    /// Takes in another history of the same counter.
    pub fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Counts(mine), Self::Counts(theirs)) => mine.merge(theirs, add),
            (Self::Sums(mine), Self::Sums(theirs)) => mine.merge(theirs, add),
            (Self::Least(mine), Self::Least(theirs)) => mine.merge(theirs, least),
            (Self::Greatest(mine), Self::Greatest(theirs)) => mine.merge(theirs, greatest),
            (Self::Values(extreme, mine), Self::Values(_, theirs)) => {
                mine.merge(theirs, |there, new| extreme.join_told(there, new));
            }
            (Self::Busiest(mine), Self::Busiest(theirs)) => mine.merge(theirs),
            (Self::Steps(mine), Self::Steps(theirs)) => mine.merge(theirs),
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
