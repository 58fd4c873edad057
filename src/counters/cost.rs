//! What a counter costs for each subject that it counts for: how much is told apart, and about how many bytes that may come to.

use super::bucket::{Bucket, Width};
use super::busiest::MAX_VALUES;
use super::distinct::EXACT;
use super::plan::{Holds, Plan};
use super::spec::Aggregate;
use super::steps::MAX_MOMENTS;
use crate::ids::CounterId;

/// One series of a counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// What is kept: `30 buckets of a day`.
    pub kept: String,
    /// At most so many bytes for each subject; `None` where it grows by a bucket with every further day of use.
    pub most_bytes: Option<usize>,
}

impl Plan {
    /// What is kept for a counter. Daily counts of event names are kept once, whichever counters read them.
    pub fn costs(&self, id: CounterId) -> Vec<Cost> {
        let Some((counter, planned)) = self.counter(id) else { return Vec::new() };
        let shared = planned.daily.iter().flatten().map(|key| {
            let days = self.daily_retention(key);
            Cost {
                kept: format!("{}, shared by all that count {key}", buckets(days, Width::Day)),
                most_bytes: Some(bytes(days, true, 16)),
            }
        });
        let own = planned.kept.iter().map(|kept| {
            let Holds::Buckets(width) = kept.holds else {
                return Cost { kept: "one moment".to_owned(), most_bytes: Some(8) };
            };
            let told = match (kept.buckets, kept.older) {
                (0, _) => "one figure".to_owned(),
                (count, true) => format!("{}, and one figure of what is older", buckets(count, width)),
                (count, false) => buckets(count, width),
            };
            let most_bytes = match &counter.aggregate {
                Aggregate::DistinctProperty(_) | Aggregate::DistinctEvents | Aggregate::DistinctUsers => {
                    Some(EXACT * 16)
                }
                Aggregate::Steps(..) => Some(MAX_MOMENTS * 16),
                _ if kept.buckets == Bucket::MAX => None,
                Aggregate::Busiest(_) => Some(MAX_VALUES * (8 + bytes(kept.buckets, kept.older, 16))),
                Aggregate::First(_) | Aggregate::Last(_) => Some(bytes(kept.buckets, kept.older, 64)),
                _ => Some(bytes(kept.buckets, kept.older, 16)),
            };
            Cost { kept: told, most_bytes }
        });
        shared.chain(own).collect()
    }
}

fn bytes(buckets: Bucket, older: bool, each: usize) -> usize {
    (usize::try_from(buckets).unwrap_or(0) + usize::from(older)) * each
}

fn buckets(count: Bucket, width: Width) -> String {
    let width = match width {
        Width::Day => "a day".to_owned(),
        Width::Minutes(1) => "a minute".to_owned(),
        Width::Minutes(60) => "an hour".to_owned(),
        Width::Minutes(minutes) => format!("{minutes} minutes"),
    };
    if count == Bucket::MAX {
        format!("a bucket for each {}", width.trim_start_matches("a "))
    } else {
        format!("{count} buckets of {width}")
    }
}
