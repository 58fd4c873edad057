//! Room for large answers. Most are some kilobytes; one that is not may take a large multiple of its text once it is read, and is read in
//! one piece. So only so many bytes of large ones are in hand at once, over all destinations, and those of one delivery to each: whatever
//! destinations say, and however many there are, memory has a bound.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

/// An answer of up to so many bytes is bounded by how many deliveries are under way, and asks for no room.
pub const SMALL_BYTES: usize = 64 << 10;
/// Large answers of all destinations take so many bytes together.
pub const LARGE_BYTES: usize = 32 << 20;
/// What is counted.
const UNIT_BYTES: usize = 1 << 10;
/// How long a delivery waits for room until it is put back into its list.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// The room that all deliveries to one destination share, and with those to others. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Rooms {
    /// One delivery at a time.
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

impl Default for Rooms {
    fn default() -> Self {
        Self { own: Arc::new(Semaphore::new(1)), all: Arc::new(Semaphore::new(LARGE_BYTES / UNIT_BYTES)) }
    }
}

impl Rooms {
    /// Those of another destination.
    #[must_use]
    pub fn of_another(&self) -> Self {
        Self { own: Arc::new(Semaphore::new(1)), all: Arc::clone(&self.all) }
    }

    /// The room of one delivery, which has none yet.
    pub fn begin(&self) -> Room {
        Room { rooms: self.clone(), held: Mutex::new(None) }
    }
}

/// The room that one delivery has; given back when it is dropped.
#[derive(Debug)]
pub struct Room {
    rooms: Rooms,
    held: Mutex<Option<[OwnedSemaphorePermit; 2]>>,
}

impl Room {
    /// Takes room for large answers, of up to so many bytes, unless there is some; returns whether there was. What a delivery has it keeps: what was
    /// read of one answer may be in hand when the next one comes, and nobody waits for more while they have some.
    pub async fn take(&self, bytes: usize) -> bool {
        let mut held = self.held.lock().await;
        if held.is_some() {
            return true;
        }
        let units = u32::try_from(bytes.min(LARGE_BYTES).div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        let both = async {
            let own = Arc::clone(&self.rooms.own).acquire_owned().await.ok()?;
            let all = Arc::clone(&self.rooms.all).acquire_many_owned(units).await.ok()?;
            Some([own, all])
        };
        *held = tokio::time::timeout(PATIENCE, both).await.ok().flatten();
        held.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: usize = 8 << 20;

    #[tokio::test(start_paused = true)]
    async fn only_so_much_is_in_hand_of_all_and_of_one() {
        let first = Rooms::default();
        let (one, two) = (first.begin(), first.begin());
        assert!(one.take(LARGE).await && one.take(LARGE).await, "its next answer has room as well");
        assert!(!two.take(LARGE).await, "one delivery of a destination");
        let others: Vec<_> = (0..4).map(|_| first.of_another().begin()).collect();
        for (other, expected) in others.iter().zip([true, true, true, false]) {
            assert_eq!(other.take(LARGE).await, expected, "32 MiB of all");
        }
        drop(one);
        assert!(!two.take(usize::MAX).await, "all of it is more than what is left");
        assert!(two.take(LARGE).await);
        drop((two, others));
        assert_eq!(first.all.available_permits(), LARGE_BYTES / UNIT_BYTES);
        assert!(first.begin().take(usize::MAX).await, "the largest alone");
    }
}
