//! Whose the events are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

#[derive(Clone)]
pub enum People {
    /// Anybody's among so many.
    Any(u32),
    /// Each one's in turn, up to so many; whose turn it is, all connections share.
    Each(u32, Arc<AtomicU32>),
}

impl People {
    pub fn each(users: u32) -> Self {
        Self::Each(users, Arc::default())
    }

    /// Takes so many turns; answers the first. `None` when everybody had one.
    pub fn turns(&self, count: usize) -> Option<u32> {
        match self {
            Self::Any(_) => Some(0),
            Self::Each(users, next) => {
                let first = next.fetch_add(count as u32, Ordering::Relaxed);
                (first < *users).then_some(first)
            }
        }
    }

    /// Whose that turn is.
    pub fn at(&self, turn: u32, random: &mut Random) -> u32 {
        match self {
            Self::Any(users) => random.below(*users),
            Self::Each(users, _) => turn % users,
        }
    }
}

/// xorshift64: fast, and the same stream for the same seed.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(((self.0 >> 32) * u64::from(bound)) >> 32).unwrap_or(0)
    }
}
