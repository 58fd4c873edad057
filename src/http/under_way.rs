//! How many bytes of bodies are under way: arriving, or being worked on. The bound that keeps memory in hand however many send,
//! in total and for each client.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::client_address::ClientAddress;
use super::errors::{ApiError, ErrorCode};
use crate::config::EdgeLimits;

/// Senders who have proven nothing yet share this part of the whole, so that they take no room from the others.
const UNPROVEN_SHARE: usize = 4;

/// How far a sender is believed while its body arrives. Each has room of its own, so that nobody takes any from those who are
/// believed more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// It has shown a write key or a secret, or has signed rightly of late.
    Proven,
    /// It shows a signature, of which nobody knows before the end of the body whether it is made up.
    Signed,
    /// It shows nothing.
    Open,
}

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
    /// Of each [`Lane`].
    lanes: [usize; 3],
    /// Of each client that has any.
    clients: HashMap<ClientAddress, usize, ahash::RandomState>,
}

/// One body under way; it counts until it is dropped.
pub(super) struct Held {
    all: UnderWay,
    address: ClientAddress,
    lane: Lane,
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
        self.table().lanes.iter().sum()
    }

    /// A body begins to arrive.
    pub(super) fn begin(&self, address: ClientAddress, lane: Lane, bounds: EdgeLimits) -> Held {
        self.0.bodies.fetch_add(1, Ordering::AcqRel);
        Held { all: self.clone(), address, lane, bytes: 0, bounds }
    }
}

/// What room there is.
struct Room {
    /// Whether there is enough in the lane.
    in_lane: bool,
    /// What the address has of it.
    of_address: usize,
}

impl Table {
    const fn lane(&mut self, lane: Lane) -> &mut usize {
        let [proven, signed, open] = &mut self.lanes;
        match lane {
            Lane::Proven => proven,
            Lane::Signed => signed,
            Lane::Open => open,
        }
    }
}

impl Held {
    /// So many more bytes are kept.
    pub(super) fn grow(&mut self, by: usize) -> Result<(), ApiError> {
        let room = self.charge(by);
        if room.in_lane && room.of_address <= self.bounds.bodies_per_address_bytes { Ok(()) } else { Err(no_room()) }
    }

    /// What was read has become something that takes so many bytes, and is no longer there itself.
    pub(super) fn become_bytes(&mut self, bytes: usize) -> Result<(), ApiError> {
        self.shrink(self.bytes.saturating_sub(bytes));
        let room = self.charge(bytes.saturating_sub(self.bytes));
        // What is there alone goes on: sent again, it would become no less.
        let fits = room.of_address <= self.bounds.bodies_per_address_bytes || room.of_address == self.bytes;
        if room.in_lane && fits { Ok(()) } else { Err(no_room()) }
    }

    /// Counts so many more bytes, in any case: they are there until the body is dropped.
    fn charge(&mut self, by: usize) -> Room {
        if by == 0 {
            return Room { in_lane: true, of_address: 0 };
        }
        let room = match self.lane {
            Lane::Proven => self.bounds.bodies_bytes,
            Lane::Signed | Lane::Open => self.bounds.bodies_bytes / UNPROVEN_SHARE,
        };
        self.bytes += by;
        let mut table = self.all.table();
        let lane = table.lane(self.lane);
        *lane += by;
        // One alone in its lane is let through, or a large one that is honest would never be.
        let in_lane = *lane <= room || *lane == self.bytes;
        let own = table.clients.entry(self.address).or_default();
        *own += by;
        Room { in_lane, of_address: *own }
    }

    fn shrink(&mut self, by: usize) {
        if by == 0 {
            return;
        }
        self.bytes -= by;
        let mut table = self.all.table();
        *table.lane(self.lane) -= by;
        if let Some(own) = table.clients.get_mut(&self.address) {
            *own -= by;
            if *own == 0 {
                table.clients.remove(&self.address);
            }
        }
    }
}

fn no_room() -> ApiError {
    let message = "too many bytes of requests are under way already; try again in a second";
    ApiError::new(ErrorCode::Overloaded, message).retry_after(1)
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.0.bodies.fetch_sub(1, Ordering::AcqRel);
        self.shrink(self.bytes);
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
        let begin = |last, lane| all.begin(client(last), lane, bounds);
        let proven = |last| begin(last, Lane::Proven);
        let (mut first, mut second, mut third) = (proven(1), proven(1), proven(2));
        assert!(first.grow(500).is_ok() && second.grow(100).is_ok());
        assert!(second.grow(1).is_err(), "one client");
        assert!(third.grow(400).is_err(), "all together");
        let (mut stranger, mut another) = (begin(3, Lane::Open), begin(4, Lane::Open));
        assert!(another.grow(1).is_ok() && stranger.grow(249).is_ok(), "a lane of their own");
        assert!(stranger.grow(1).is_err(), "and a narrow one");
        let mut signed = begin(3, Lane::Signed);
        assert!(signed.grow(300).is_ok(), "another one, in which it is alone");
        assert!(begin(4, Lane::Signed).grow(1).is_err(), "and has all the room");
        assert_eq!((all.bodies(), all.bytes()), (6, 1_552));
        assert!(first.become_bytes(100).is_ok(), "less than it was");
        assert_eq!(all.bytes(), 1_152);
        assert!(second.become_bytes(700).is_err(), "more than there is room for");
        drop((first, second, third, stranger, another, signed));
        assert_eq!((all.bodies(), all.bytes(), all.table().clients.len()), (0, 0, 0));
    }
}
