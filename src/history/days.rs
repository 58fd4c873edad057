//! What happened on a day, of all shards together.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::{Archive, ArchiveError, Row};

/// What happened on a day.
#[derive(Debug, Default)]
pub struct Day {
    /// In the order in which it came; of one shard in the order in which it was applied.
    pub rows: Vec<Row>,
    /// In how many places something is missing.
    pub gaps: usize,
}

impl Archive {
    /// The days (UTC, from 1970-01-01) of which there is something, in order.
    ///
    /// # Errors
    /// When a directory can't be read.
    pub fn days(&self) -> Result<BTreeSet<i64>, ArchiveError> {
        let mut days = BTreeSet::new();
        for shard in self.shards()? {
            days.extend(self.segments(shard)?.iter().map(|segment| segment.day));
        }
        Ok(days)
    }

    /// What happened on a day.
    ///
    /// # Errors
    /// When a segment can't be read or is damaged.
    pub fn day(&self, day: i64) -> Result<Day, ArchiveError> {
        let mut all = Day::default();
        for shard in self.shards()? {
            let segments = self.segments(shard)?;
            let of_day = || segments.iter().filter(|segment| segment.day == day);
            let (Some(after), Some(last)) =
                (of_day().map(|segment| segment.after).min(), of_day().map(|segment| segment.last).max())
            else {
                continue;
            };
            let reach = self.read(
                shard,
                (after, last),
                |_| true,
                |block| {
                    // Where clocks differ, or go back, those of another day may stand between.
                    if of_day().any(|segment| (segment.after + 1..=segment.last).contains(&block.head.block)) {
                        all.rows.extend(block.rows);
                    }
                    ControlFlow::Continue(())
                },
            )?;
            all.gaps += reach.gaps.len();
        }
        all.rows.sort_by_key(|row| row.at);
        Ok(all)
    }
}
