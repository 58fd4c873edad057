//! Which partition of a queue to look at next, and when. Pure: moments come as arguments.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use crate::identity::{PartitionId, Partitions};

/// Waits after a partition of the store did not answer.
const TROUBLE: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(5) };

/// What a look at a partition found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// There may be more right now.
    More,
    /// Nothing more before this long from now, or nothing at all.
    Nothing(Option<Duration>),
    /// The store did not answer.
    Trouble,
}

/// When to look at each partition. Each one is looked at by one look at a time.
pub(super) struct Agenda {
    poll: Duration,
    slots: BTreeMap<PartitionId, Slot>,
    due: BTreeSet<(Instant, PartitionId)>,
}

#[derive(Default)]
struct Slot {
    /// `None` while a look is under way.
    due: Option<Instant>,
    /// Woken while a look was under way.
    again: bool,
    failures: u32,
    /// The first quiet wait; spreads the partitions over the poll's interval.
    phase: Option<Duration>,
}

impl Agenda {
    /// Every partition is looked at once at `now`, then at least once every `poll`.
    pub(super) fn new(partitions: Partitions, poll: Duration, now: Instant) -> Self {
        let count = u32::from(partitions.count());
        let slot = |id: PartitionId| {
            let phase = Some(poll * (u32::from(id.0) + 1) / count);
            (id, Slot { due: Some(now), phase, ..Slot::default() })
        };
        let due = partitions.all().map(|id| (now, id)).collect();
        Self { poll, slots: partitions.all().map(slot).collect(), due }
    }

    /// When the next look is due; `None` while every partition is being looked at.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes the partition that has been due the longest.
    pub(super) fn take(&mut self, now: Instant) -> Option<PartitionId> {
        let (at, id) = self.due.first().copied().filter(|(at, _)| *at <= now)?;
        self.due.remove(&(at, id));
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.due = None;
        }
        Some(id)
    }

    /// There is work in `id`.
    pub(super) fn wake(&mut self, id: PartitionId, now: Instant) {
        match self.slots.get_mut(&id) {
            Some(slot) if slot.due.is_none() => slot.again = true,
            Some(_) => self.set(id, now, true),
            None => {}
        }
    }

    /// A look at `id` is over.
    pub(super) fn looked(&mut self, id: PartitionId, found: Found, now: Instant, seed: u64) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        slot.failures = if found == Found::Trouble { slot.failures.saturating_add(1) } else { 0 };
        let again = std::mem::take(&mut slot.again);
        let wait = match found {
            Found::Trouble => TROUBLE.wait(slot.failures, seed),
            Found::More => Duration::ZERO,
            Found::Nothing(_) if again => Duration::ZERO,
            Found::Nothing(due) => {
                let quiet = slot.phase.take().unwrap_or(self.poll);
                due.map_or(quiet, |due| due.min(quiet))
            }
        };
        self.set(id, now + wait, false);
    }

    /// Sets when `id` is due; `earlier` never puts it off.
    fn set(&mut self, id: PartitionId, at: Instant, earlier: bool) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        if let Some(before) = slot.due {
            if earlier && before <= at {
                return;
            }
            self.due.remove(&(before, id));
        }
        slot.due = Some(at);
        self.due.insert((at, id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLL: Duration = Duration::from_secs(5);

    fn agenda(count: u16) -> (Agenda, Instant) {
        let now = Instant::now();
        (Agenda::new(Partitions::new(count).expect("not zero"), POLL, now), now)
    }

    fn take_all(agenda: &mut Agenda, now: Instant) -> Vec<u16> {
        std::iter::from_fn(|| agenda.take(now)).map(|id| id.0).collect()
    }

    #[test]
    fn looks_everywhere_at_once_when_it_starts_and_then_evenly_spread() {
        let (mut agenda, start) = agenda(64);
        for id in take_all(&mut agenda, start) {
            agenda.looked(PartitionId(id), Found::Nothing(None), start, 0);
        }
        let mut calls = Vec::new();
        for tenth in 1..=200 {
            let now = start + Duration::from_millis(100 * tenth);
            let due = take_all(&mut agenda, now);
            for id in &due {
                agenda.looked(PartitionId(*id), Found::Nothing(None), now, 0);
            }
            calls.push(due.len());
        }
        assert!(calls.iter().all(|calls| *calls <= 2), "no bursts: {calls:?}");
        let total: usize = calls.iter().sum();
        assert!((240..=260).contains(&total), "about 13 calls a second for 64 partitions, not {total} in 20 s");
    }

    #[test]
    fn sleeps_exactly_until_the_next_entry_is_due_or_the_poll() {
        let (mut agenda, start) = agenda(1);
        for (due, expected) in [(Some(50), 50), (Some(60_000), 5_000), (None, 5_000)] {
            let now = agenda.next_due().expect("one partition");
            let id = agenda.take(now).expect("due");
            assert_eq!(agenda.next_due(), None);
            agenda.looked(id, Found::Nothing(due.map(Duration::from_millis)), now, 0);
            assert_eq!(agenda.next_due(), Some(now + Duration::from_millis(expected)));
        }
        assert!(agenda.take(start).is_none());
    }

    #[test]
    fn a_wake_brings_a_look_forward_and_is_not_lost_during_one() {
        let (mut agenda, start) = agenda(2);
        take_all(&mut agenda, start);
        agenda.wake(PartitionId(1), start);
        agenda.looked(PartitionId(0), Found::Nothing(None), start, 0);
        agenda.looked(PartitionId(1), Found::Nothing(None), start, 0);
        assert_eq!(take_all(&mut agenda, start), [1]);
        agenda.wake(PartitionId(0), start);
        assert_eq!(take_all(&mut agenda, start), [0]);
        agenda.wake(PartitionId(9), start);
    }

    #[test]
    fn a_partition_with_much_to_do_does_not_starve_the_others() {
        let (mut agenda, start) = agenda(3);
        for (step, expected) in [0, 1, 2, 0, 1, 2].into_iter().enumerate() {
            let now = start + Duration::from_millis(1 + step as u64);
            let id = agenda.take(now).expect("always work");
            assert_eq!(id.0, expected);
            agenda.looked(id, Found::More, now, 0);
        }
    }

    #[test]
    fn trouble_backs_off_even_when_woken() {
        let (mut agenda, start) = agenda(1);
        for failures in 1..40 {
            let now = agenda.next_due().expect("one partition");
            let id = agenda.take(now).expect("due");
            agenda.wake(id, now);
            agenda.looked(id, Found::Trouble, now, failures);
            let wait = agenda.next_due().expect("one partition") - now;
            assert!((Duration::from_millis(50)..=Duration::from_secs(5)).contains(&wait), "{wait:?}");
        }
        assert!(agenda.next_due().expect("one partition") > start + Duration::from_secs(20));
    }
}
