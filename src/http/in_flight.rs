//! How many requests are being worked on: the bound that keeps memory and waiting times in hand under overload.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts requests in work. Cheap to clone. The bound is given with each request, so that a reload can change it.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<AtomicUsize>);

/// One request in work; it counts until it is dropped.
#[derive(Debug)]
pub struct InFlightGuard(Arc<AtomicUsize>);

impl InFlight {
    /// Lets a request in, unless `limit` are in work already.
    #[must_use]
    pub fn enter(&self, limit: usize) -> Option<InFlightGuard> {
        let guard = InFlightGuard(Arc::clone(&self.0));
        let before = self.0.fetch_add(1, Ordering::AcqRel);
        (before < limit).then_some(guard)
    }

    /// How many requests are in work now.
    pub fn current(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lets_in_up_to_the_limit_and_again_when_one_leaves() {
        let in_flight = InFlight::default();
        let first = in_flight.enter(2).expect("room");
        let second = in_flight.enter(2).expect("room");
        assert!(in_flight.enter(2).is_none());
        assert_eq!(in_flight.current(), 2);
        drop(first);
        assert!(in_flight.enter(2).is_some());
        drop(second);
        assert_eq!(in_flight.current(), 0);
    }
}
