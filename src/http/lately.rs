//! Which clients did something of late: a small table that forgets.

use std::collections::HashMap;

use super::client_address::ClientAddress;
use crate::time::Millis;

/// How many clients are remembered.
pub(super) const REMEMBERED: usize = 1_024;

/// Clients, each with the moment until which it is remembered.
#[derive(Debug, Default)]
pub(super) struct Lately(HashMap<ClientAddress, Millis, ahash::RandomState>);

impl Lately {
    /// Until when a client is remembered.
    pub fn until(&self, client: ClientAddress) -> Option<Millis> {
        self.0.get(&client).copied()
    }

    /// Remembers a client until a moment that the last one gives, or `now` where there is none.
    pub fn remember(&mut self, client: ClientAddress, now: Millis, until: impl FnOnce(Millis) -> Millis) {
        if self.0.len() >= REMEMBERED && !self.0.contains_key(&client) {
            self.forget_one(now);
        }
        let place = self.0.entry(client).or_insert(now);
        *place = until(*place);
    }

    /// Forgets a client.
    pub fn forget(&mut self, client: ClientAddress) {
        self.0.remove(&client);
    }

    /// Makes room: of those that are past, or else of the one that is past first.
    fn forget_one(&mut self, now: Millis) {
        self.0.retain(|_, until| *until > now);
        if self.0.len() >= REMEMBERED {
            let soonest = self.0.iter().min_by_key(|(_, until)| **until).map(|(client, _)| *client);
            soonest.and_then(|client| self.0.remove(&client));
        }
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}
