//! When the next commit is made.

use std::time::Duration;

use tokio::time::Instant;

/// How long counting may wait for its commit.
const CHECKPOINT: Duration = Duration::from_millis(60);
/// How long it may wait at most where commits take long.
const LONGEST_CHECKPOINT: Duration = Duration::from_millis(400);
/// Counting waits so many times as long as the last commit took, so that commits don't take up most of the time when a server
/// has as much to do as it can.
const COUNTING_WAITS: u32 = 3;

/// Says when to commit.
#[derive(Default)]
pub(super) struct Pace {
    /// When the last commit ended, and how long it took.
    last: Option<(Instant, Duration)>,
}

impl Pace {
    pub fn committed(&mut self, began: Instant) {
        self.last = Some((Instant::now(), began.elapsed()));
    }

    /// When to commit what was applied from `since` on. What somebody waits for is committed at once, but not before as much time
    /// has passed as the last commit took: what arrives meanwhile shares the next one.
    pub fn next(&self, since: Instant, urgent: bool) -> Instant {
        let (ended, took) = self.last.unwrap_or((since, Duration::ZERO));
        if urgent { ended + took } else { since + (took * COUNTING_WAITS).clamp(CHECKPOINT, LONGEST_CHECKPOINT) }
    }
}
