//! How many bytes of bodies are under way: arriving, or being worked on. The bound that keeps memory in hand however many send,
//! in total and for each client.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::client_address::ClientAddress;
use super::errors::{ApiError, ErrorCode};
use crate::config::EdgeLimits;

/// Senders whose headers prove nothing share this part of the whole, so that they take no room from the others.
const UNPROVEN_SHARE: usize = 4;

/// Counts bytes under way. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct UnderWay(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    bodies: AtomicUsize,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    proven: usize,
    unproven: usize,
    /// Of each client that has any.
    clients: HashMap<ClientAddress, usize, ahash::RandomState>,
}

/// One body under way; it counts until it is dropped.
pub(super) struct Held {
    all: UnderWay,
    address: ClientAddress,
    is_proven: bool,
    bytes: usize,
    bounds: EdgeLimits,
}

impl UnderWay {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bodies are under way.
    pub fn bodies(&self) -> usize {
        self.0.bodies.load(Ordering::Acquire)
    }

    /// How many bytes have arrived of those that did not come in one piece.
    pub fn bytes(&self) -> usize {
        let table = self.table();
        table.proven + table.unproven
    }

    /// A body begins to arrive.
    pub(super) fn begin(&self, address: ClientAddress, is_proven: bool, bounds: EdgeLimits) -> Held {
        self.0.bodies.fetch_add(1, Ordering::AcqRel);
        Held { all: self.clone(), address, is_proven, bytes: 0, bounds }
    }
}

impl Held {
    /// So many more bytes are kept.
    pub(super) fn grow(&mut self, by: usize) -> Result<(), ApiError> {
        if by == 0 {
            return Ok(());
        }
        let mut table = self.all.table();
        let Table { proven, unproven, clients, .. } = &mut *table;
        let (lane, room) = if self.is_proven {
            (proven, self.bounds.bodies_bytes)
        } else {
            (unproven, self.bounds.bodies_bytes / UNPROVEN_SHARE)
        };
        let own = clients.entry(self.address).or_default();
        // Counted in any case: they are there until the body is dropped.
        (self.bytes, *lane, *own) = (self.bytes + by, *lane + by, *own + by);
        if *lane <= room && *own <= self.bounds.bodies_per_address_bytes { Ok(()) } else { Err(no_room()) }
    }
}

fn no_room() -> ApiError {
    let message = "too many bytes of requests are under way already; try again in a second";
    ApiError::new(ErrorCode::Overloaded, message).retry_after(1)
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.0.bodies.fetch_sub(1, Ordering::AcqRel);
        if self.bytes == 0 {
            return;
        }
        let mut table = self.all.table();
        let lane = if self.is_proven { &mut table.proven } else { &mut table.unproven };
        *lane -= self.bytes;
        if let Some(own) = table.clients.get_mut(&self.address) {
            *own -= self.bytes;
            if *own == 0 {
                table.clients.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn client(last: u8) -> ClientAddress {
        std::net::IpAddr::from(Ipv4Addr::new(192, 0, 2, last)).into()
    }

    #[test]
    fn each_client_and_all_together_have_their_bounds_and_strangers_take_no_room_from_the_known() {
        let bounds = EdgeLimits { bodies_bytes: 1_000, bodies_per_address_bytes: 600, ..EdgeLimits::DEFAULT };
        let all = UnderWay::default();
        let begin = |last, is_proven| all.begin(client(last), is_proven, bounds);
        let (mut first, mut second, mut third) = (begin(1, true), begin(1, true), begin(2, true));
        assert!(first.grow(500).is_ok() && second.grow(100).is_ok());
        assert!(second.grow(1).is_err(), "one client");
        assert!(third.grow(400).is_err(), "all together");
        let mut stranger = begin(3, false);
        assert!(stranger.grow(250).is_ok(), "a lane of their own");
        assert!(stranger.grow(1).is_err(), "and a narrow one");
        assert_eq!((all.bodies(), all.bytes()), (4, 1_252));
        drop((first, second, third, stranger));
        assert_eq!((all.bodies(), all.bytes(), all.table().clients.len()), (0, 0, 0));
    }
}
