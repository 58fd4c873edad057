//! Wrong tokens, by who presents them: a few are a slip, many are guesses, which are slowed down.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::client_address::ClientAddress;
use super::lately::Lately;
use super::seldom::Seldom;
use crate::time::Millis;

/// So many wrong tokens in a row cost nothing.
const FREE: i64 = 10;
/// After that, one may be tried in so many milliseconds.
const PACE_MS: i64 = 3_000;
/// Who presented wrong tokens of late. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Guesses(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    /// Until when what a client did is remembered: each wrong token adds [`PACE_MS`].
    until: Lately,
    log: Seldom,
}

impl Guesses {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For how many seconds a client must wait before it may try again; `None`: it may try now.
    pub fn wait_s(&self, client: ClientAddress, now: Millis) -> Option<u32> {
        let until = self.table().until.until(client)?;
        let wait_ms = until.0.saturating_sub(now.0).min(FREE * PACE_MS + PACE_MS) - FREE * PACE_MS;
        (wait_ms > 0).then(|| u32::try_from(wait_ms.unsigned_abs().div_ceil(1_000)).unwrap_or(1))
    }

    /// A client presented a wrong token. Returns, when the log should say so, how many were not told since it last did.
    pub fn wrong(&self, client: ClientAddress, now: Millis) -> Option<u64> {
        let mut table = self.table();
        // A clock that was set back would make the wait a long one. Fails open: whoever guesses from more addresses than are
        // remembered is slowed down less.
        let later = |until: Millis| Millis(until.0.clamp(now.0, now.0 + FREE * PACE_MS) + PACE_MS);
        table.until.remember(client, now, later);
        table.log.due(now)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::super::lately::REMEMBERED;
    use super::*;

    fn client(n: u32) -> ClientAddress {
        IpAddr::from(Ipv4Addr::from(n)).into()
    }

    #[test]
    fn slips_are_free_and_guesses_wait() {
        let (guesses, mut now) = (Guesses::default(), Millis(1_795_000_000_000));
        for _ in 0..10 {
            assert_eq!(guesses.wait_s(client(1), now), None);
            let _ = guesses.wrong(client(1), now);
        }
        assert_eq!(guesses.wait_s(client(1), now), None, "ten are free");
        let _ = guesses.wrong(client(1), now);
        assert_eq!(guesses.wait_s(client(1), now), Some(3));
        assert_eq!(guesses.wait_s(client(2), now), None, "another client");
        now = Millis(now.0 + 3_000);
        assert_eq!(guesses.wait_s(client(1), now), None, "one in three seconds");
        let _ = guesses.wrong(client(1), now);
        assert_eq!(guesses.wait_s(client(1), Millis(0)), Some(3), "a clock that was set back");
    }

    #[test]
    fn the_table_stays_small() {
        let (guesses, now) = (Guesses::default(), Millis(1_795_000_000_000));
        for n in 0..5_000 {
            let _ = guesses.wrong(client(n), now);
        }
        assert_eq!(guesses.table().until.len(), REMEMBERED);
    }
}
