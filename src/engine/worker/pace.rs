//! When the next commit is made.

use std::time::Duration;

use tokio::time::Instant;

/// How long counting waits for its commit.
const CHECKPOINT: Duration = Duration::from_millis(30);
/// How long it waits while there is more to apply at once than fits into a batch: the more is applied before a record is written,
/// the sooner the worker catches up.
const CHECKPOINT_BEHIND: Duration = Duration::from_millis(400);
/// What somebody waits for is not put off for longer than this.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Says when to commit.
#[derive(Default)]
pub(super) struct Pace {
    /// When the last commit ended, and how long it took.
    last: Option<(Instant, Duration)>,
    /// Whether the logs hold more than the last batch took.
    pub is_behind: bool,
}

impl Pace {
    pub fn committed(&mut self, began: Instant) {
        self.last = Some((Instant::now(), began.elapsed()));
    }

    /// When to commit what was applied from `since` on. What somebody waits for is committed at once, but not before as much time
    /// has passed as the last commit took, up to a bound: what arrives meanwhile shares the next one.
    pub fn next(&self, since: Instant, urgent: bool) -> Instant {
        if urgent {
            self.last.map_or(since, |(ended, took)| ended + took.min(LONGEST_PAUSE))
        } else {
            since + if self.is_behind { CHECKPOINT_BEHIND } else { CHECKPOINT }
        }
    }
}
