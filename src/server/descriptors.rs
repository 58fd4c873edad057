//! How many files and sockets the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is open besides connections: the store, the log, deliveries.
const OTHERS: u64 = 256;

/// Raises the process's limit as far as it may, and returns how many connections fit in: each takes two.
pub(super) fn raise() -> usize {
    let most = getrlimit(Resource::Nofile).maximum;
    // Fails open: where it can't be raised, what there is holds.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most });
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(allowed.saturating_sub(OTHERS) / 2).unwrap_or(usize::MAX).max(16)
}
