//! Who has signed rightly of late, and who wrongly: whether a signature is made up shows only when all of its body has come, and
//! until then whoever has proven it before is believed more than a stranger.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::client_address::ClientAddress;
use super::lately::Lately;
use crate::time::Millis;

/// For how long one right signature speaks for an address.
const TRUSTED_MS: i64 = 600_000;
/// How long a wrong one counts.
const PACE_MS: i64 = 20_000;
/// So many wrong ones at a time are an attempt.
const FREE: i64 = 3;

/// What the signatures of a client were worth of late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Right ones, and no wrong ones.
    Proven,
    /// None, or of both kinds.
    Unknown,
    /// Wrong ones alone, and many.
    Doubtful,
}

/// Who signed of late. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Signers(Arc<Mutex<Table>>);

/// Two tables, so that whoever signs wrongly from many addresses makes nobody forgotten who signed rightly.
#[derive(Debug, Default)]
struct Table {
    right: Lately,
    wrong: Lately,
}

impl Signers {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the signatures of a client were worth of late.
    pub(super) fn standing(&self, client: ClientAddress, now: Millis) -> Standing {
        let table = self.table();
        let holds = |until: Option<Millis>| until.is_some_and(|until| until > now && until.0 <= now.0 + TRUSTED_MS);
        let wrong_ms = table.wrong.until(client).map_or(0, |until| until.0 - now.0);
        match (holds(table.right.until(client)), wrong_ms > 0) {
            (true, false) => Standing::Proven,
            (false, true) if wrong_ms > (FREE - 1) * PACE_MS && wrong_ms <= (FREE + 1) * PACE_MS => Standing::Doubtful,
            _ => Standing::Unknown,
        }
    }

    /// A client signed rightly.
    pub(super) fn right(&self, client: ClientAddress, now: Millis) {
        self.table().right.remember(client, now, |_| Millis(now.0 + TRUSTED_MS));
    }

    /// A client made much work by a signature that was wrong.
    pub(super) fn wrong(&self, client: ClientAddress, now: Millis) {
        // Fails open: of more addresses than are remembered, each begins anew.
        let later = |until: Millis| Millis(until.0.clamp(now.0, now.0 + FREE * PACE_MS) + PACE_MS);
        let mut table = self.table();
        table.right.forget(client);
        table.wrong.remember(client, now, later);
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
    fn a_right_signature_speaks_for_its_address_and_wrong_ones_against_it() {
        let (signers, now) = (Signers::default(), Millis(1_795_000_000_000));
        let standing = |after_ms| signers.standing(client(1), Millis(now.0 + after_ms));
        assert_eq!(standing(0), Standing::Unknown);
        signers.right(client(1), now);
        assert_eq!(
            (standing(0), standing(599_000), standing(600_000)),
            (Standing::Proven, Standing::Proven, Standing::Unknown)
        );
        assert_eq!(standing(-600_000), Standing::Unknown, "a clock that was set back");
        signers.wrong(client(1), now);
        assert_eq!(standing(0), Standing::Unknown);
        signers.right(client(1), now);
        assert_eq!(standing(0), Standing::Unknown, "of both kinds");
        for _ in 0..20 {
            signers.wrong(client(1), now);
        }
        assert_eq!(standing(0), Standing::Doubtful);
        signers.right(client(1), now);
        assert_eq!(standing(0), Standing::Unknown, "somebody there is honest");
        for _ in 0..3 {
            signers.wrong(client(1), now);
        }
        assert_eq!(
            (standing(0), standing(50_000), standing(90_000)),
            (Standing::Doubtful, Standing::Unknown, Standing::Unknown)
        );
    }

    #[test]
    fn forgers_at_many_addresses_make_nobody_forgotten() {
        let (signers, now) = (Signers::default(), Millis(1_795_000_000_000));
        signers.right(client(1), now);
        for n in 2..5_000 {
            signers.wrong(client(n), now);
        }
        assert_eq!(signers.standing(client(1), now), Standing::Proven);
        assert_eq!(signers.table().wrong.len(), REMEMBERED);
    }
}
