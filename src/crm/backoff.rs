//! How long to wait after a failure. Pure: chance comes as a seed.

use std::time::Duration;

use crate::time::Millis;

/// Waits that double from `base` to `cap`, drawn so that what failed together doesn't come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure, before chance; half of it is the least that is drawn.
    pub base: Duration,
    /// The longest wait.
    pub cap: Duration,
}

impl Backoff {
    /// The wait after so many failures in a row: between half of `base` and the whole doubled wait ("full jitter").
    pub fn wait(self, failures: u32, seed: u64) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let whole = self.base.saturating_mul(1 << doublings).min(self.cap);
        spread((self.base / 2).min(whole), whole, seed)
    }
}

/// A wait between `from` and `to`, drawn by `seed`.
pub fn spread(from: Duration, to: Duration, seed: u64) -> Duration {
    let room = u64::try_from(to.saturating_sub(from).as_millis()).unwrap_or(u64::MAX);
    let drawn = (u128::from(xxhash_rust::xxh3::xxh3_64(&seed.to_le_bytes())) * (u128::from(room) + 1)) >> 64;
    from + Duration::from_millis(u64::try_from(drawn).unwrap_or(room))
}

/// The moment `wait` after `now`.
pub fn later(now: Millis, wait: Duration) -> Millis {
    now.plus(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
}
