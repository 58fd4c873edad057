//! The queue of one partition in memory: what is where, what is due, who holds it. The entries themselves are in the table.
//!
//! Leases are kept here alone. The process is the only owner of the store, so when it ends, every claimer has ended with it,
//! and whatever was claimed can be claimed again at once.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use crate::store::{DONE_KEPT, QueueName, QueueStats};
use crate::time::Millis;

/// What is known of a pending entry without reading it.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// The order of adding, over all partitions.
    pub(super) seq: i64,
    pub(super) id: Box<str>,
    pub(super) lane: Option<Arc<str>>,
    pub(super) due: Millis,
    pub(super) created: Millis,
}

struct Pending {
    item: Item,
    lease: Option<(u64, Millis)>,
}

impl Pending {
    fn ready(&self) -> (Millis, i64) {
        (self.lease.map_or(self.item.due, |(_, until)| until), self.item.seq)
    }
}

/// What a durable step changed in a queue.
#[derive(Debug)]
pub(super) enum QueueChange {
    Add(Item),
    /// Settled as done and not kept, or forgotten.
    Remove(Box<str>),
    /// Settled as done and kept under its number.
    Keep(Box<str>, i64),
    /// Left the history.
    Trim(i64),
    Retry(Box<str>, Millis),
    Dead(Box<str>),
}

/// All queues of a partition.
#[derive(Default)]
pub(super) struct QueueIndex {
    queues: HashMap<QueueName, Queue, ahash::RandomState>,
    last_lease: u64,
}

#[derive(Default)]
struct Queue {
    pending: BTreeMap<i64, Pending>,
    /// Where an id is pending; `None`: it is dead.
    places: HashMap<Box<str>, Option<i64>, ahash::RandomState>,
    /// The pending entries of each lane, in order.
    lanes: HashMap<Arc<str>, BTreeSet<i64>, ahash::RandomState>,
    /// What can be claimed next, by when: entries without a lane, and the first of each lane.
    heads: BTreeSet<(Millis, i64)>,
    /// Finished and kept, the oldest first.
    done: VecDeque<(i64, Box<str>)>,
}

impl QueueIndex {
    /// Whether the entry is pending or dead.
    pub(super) fn contains(&self, queue: &QueueName, id: &str) -> bool {
        self.queues.get(queue).is_some_and(|queue| queue.places.contains_key(id))
    }

    /// The number of a pending entry whose claim `lease` still stands.
    pub(super) fn held(&self, queue: &QueueName, id: &str, lease: u64) -> Option<i64> {
        let queue = self.queues.get(queue)?;
        let seq = (*queue.places.get(id)?)?;
        let (token, _) = queue.pending.get(&seq)?.lease?;
        (token == lease).then_some(seq)
    }

    /// Whether somebody claimed the entry and has not settled it.
    pub(super) fn is_leased(&self, queue: &QueueName, seq: i64) -> bool {
        self.queues.get(queue).and_then(|queue| queue.pending.get(&seq)).is_some_and(|pending| pending.lease.is_some())
    }

    /// What has to leave the history of `queue` when `id` is added to it.
    pub(super) fn to_trim(&self, queue: &QueueName, id: &str) -> Vec<i64> {
        let Some(queue) = self.queues.get(queue) else { return Vec::new() };
        let excess = (queue.done.len() + 1).saturating_sub(DONE_KEPT);
        let leaves = |(at, (_, old)): &(usize, &(i64, Box<str>))| *at < excess || **old == *id;
        queue.done.iter().enumerate().filter(leaves).map(|(_, (seq, _))| *seq).collect()
    }

    pub(super) fn apply(&mut self, queue: &QueueName, change: QueueChange) {
        let queue = self.queues.entry(queue.clone()).or_default();
        match change {
            QueueChange::Add(item) => queue.add(item),
            QueueChange::Remove(id) => {
                queue.remove(&id);
            }
            QueueChange::Keep(id, seq) => {
                queue.remove(&id);
                queue.done.push_back((seq, id));
            }
            QueueChange::Trim(seq) => queue.done.retain(|(old, _)| *old != seq),
            QueueChange::Retry(id, due) => {
                if let Some(pending) = queue.remove(&id) {
                    queue.add(Item { due, ..pending.item });
                }
            }
            QueueChange::Dead(id) => {
                queue.remove(&id);
                queue.places.insert(id, None);
            }
        }
    }

    /// Takes up a row at start, in the order of settling.
    pub(super) fn restore_done(&mut self, queue: &QueueName, seq: i64, id: Box<str>) {
        self.queues.entry(queue.clone()).or_default().done.push_back((seq, id));
    }

    pub(super) fn restore_dead(&mut self, queue: &QueueName, id: Box<str>) {
        self.queues.entry(queue.clone()).or_default().places.insert(id, None);
    }

    /// Leases what is due; answers the numbers with their leases.
    pub(super) fn claim(&mut self, queue: &QueueName, now: Millis, until: Millis, limit: usize) -> Vec<(i64, u64)> {
        let Some(queue) = self.queues.get_mut(queue) else { return Vec::new() };
        let due: Vec<(Millis, i64)> = queue.heads.range(..=(now, i64::MAX)).take(limit).copied().collect();
        for head in &due {
            self.last_lease += 1;
            queue.lease(*head, Some((self.last_lease, until)));
        }
        let first = self.last_lease + 1 - due.len() as u64;
        due.into_iter().map(|(_, seq)| seq).zip(first..).collect()
    }

    /// Takes back claims that nobody got to see.
    pub(super) fn release(&mut self, queue: &QueueName, claims: &[(i64, u64)]) {
        let Some(queue) = self.queues.get_mut(queue) else { return };
        for (seq, lease) in claims {
            let held = queue.pending.get(seq).filter(|pending| pending.lease.is_some_and(|(token, _)| token == *lease));
            if let Some(ready) = held.map(Pending::ready) {
                queue.lease(ready, None);
            }
        }
    }

    pub(super) fn next_due(&self, queue: &QueueName) -> Option<Millis> {
        self.queues.get(queue)?.heads.first().map(|(ready, _)| *ready)
    }

    pub(super) fn add_stats(&self, now: Millis, stats: &mut BTreeMap<QueueName, QueueStats>) {
        for (name, queue) in &self.queues {
            let pending = queue.pending.len() as u64;
            let dead = queue.places.len() as u64 - pending;
            if pending + dead == 0 {
                continue;
            }
            let oldest = queue.pending.values().map(|pending| now.since(pending.item.created)).max().unwrap_or(0);
            let stats = QueueStats::of(stats, name);
            stats.pending += pending;
            stats.dead += dead;
            stats.oldest_ms = stats.oldest_ms.max(oldest);
        }
    }
}

impl Queue {
    fn add(&mut self, item: Item) {
        let (seq, ready) = (item.seq, (item.due, item.seq));
        self.places.insert(item.id.clone(), Some(seq));
        let lane = item.lane.clone();
        self.pending.insert(seq, Pending { item, lease: None });
        let Some(lane) = lane else {
            self.heads.insert(ready);
            return;
        };
        let members = self.lanes.entry(lane).or_default();
        let behind = members.first().copied();
        members.insert(seq);
        if behind.is_none_or(|head| seq < head) {
            self.heads.insert(ready);
            if let Some(head) = behind.and_then(|head| self.pending.get(&head)) {
                self.heads.remove(&head.ready());
            }
        }
    }

    /// Takes an entry out, pending or dead; the next of its lane moves up.
    fn remove(&mut self, id: &str) -> Option<Pending> {
        let pending = self.pending.remove(&self.places.remove(id)??)?;
        self.heads.remove(&pending.ready());
        if let Some(lane) = &pending.item.lane
            && let Some(members) = self.lanes.get_mut(lane)
        {
            members.remove(&pending.item.seq);
            match members.first().and_then(|next| self.pending.get(next)) {
                Some(next) => {
                    self.heads.insert(next.ready());
                }
                None => {
                    self.lanes.remove(lane);
                }
            }
        }
        Some(pending)
    }

    /// Changes the lease of a head.
    fn lease(&mut self, head: (Millis, i64), lease: Option<(u64, Millis)>) {
        if let Some(pending) = self.pending.get_mut(&head.1) {
            pending.lease = lease;
            self.heads.remove(&head);
            self.heads.insert(pending.ready());
        }
    }
}
