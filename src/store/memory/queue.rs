//! The queue of one partition, walked from its beginning whenever it is asked for something.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::identity::PartitionId;
use crate::store::{
    Claimed, Claims, DONE_KEPT, Entry, EntryQuery, EntryRow, EntryState, Outcome, QueueName, QueueStats, Replay, Settle,
};
use crate::time::Millis;

#[derive(Default)]
pub(super) struct Queue {
    /// Waiting and leased entries in the order in which they were added.
    pending: BTreeMap<u64, Pending>,
    /// Given up, in the order in which they were added.
    dead: BTreeMap<u64, (Entry, Millis)>,
    /// Finished and kept, the oldest first.
    done: BTreeMap<QueueName, VecDeque<(Entry, Millis)>>,
    /// Where the pending and the dead entries stand.
    places: BTreeMap<(QueueName, String), u64>,
    last_seq: u64,
    last_lease: u64,
}

struct Pending {
    entry: Entry,
    /// The proof of the claim, and when it runs out.
    lease: Option<(u64, Millis)>,
}

impl Pending {
    /// When it can be claimed, as far as it goes by itself.
    fn ready(&self) -> Millis {
        self.lease.map_or(self.entry.due, |(_, until)| until)
    }
}

impl Queue {
    pub(super) fn add(&mut self, entry: Entry) {
        if !self.places.contains_key(&place(&entry)) {
            self.append(entry);
        }
    }

    fn append(&mut self, entry: Entry) {
        self.last_seq += 1;
        self.places.insert(place(&entry), self.last_seq);
        self.pending.insert(self.last_seq, Pending { entry, lease: None });
    }

    /// Whether the lease of `settle` is still held: nobody else claimed the entry since, and it is still there.
    pub(super) fn holds(&self, settle: &Settle) -> bool {
        self.held(settle).is_some()
    }

    fn held(&self, settle: &Settle) -> Option<u64> {
        let seq = self.places.get(&(settle.queue.clone(), settle.id.clone()))?;
        let lease = self.pending.get(seq)?.lease;
        lease.filter(|(token, _)| *token == settle.lease).map(|_| *seq)
    }

    pub(super) fn settle(&mut self, settle: Settle, now: Millis) {
        let Some(seq) = self.held(&settle) else { return };
        let Some(mut pending) = self.pending.remove(&seq) else { return };
        let entry = &mut pending.entry;
        match settle.outcome {
            Outcome::Done { keep } => {
                self.places.remove(&place(entry));
                if keep {
                    self.keep(pending.entry, now);
                }
            }
            Outcome::Retry { due, attempts, error } => {
                (entry.due, entry.attempts, entry.last_error) = (due, attempts, Some(error));
                self.pending.insert(seq, Pending { entry: pending.entry, lease: None });
            }
            Outcome::Dead { attempts, error } => {
                (entry.attempts, entry.last_error) = (attempts, Some(error));
                self.dead.insert(seq, (pending.entry, now));
            }
        }
    }

    fn keep(&mut self, entry: Entry, now: Millis) {
        let done = self.done.entry(entry.queue.clone()).or_default();
        done.retain(|(old, _)| old.id != entry.id);
        done.push_back((entry, now));
        if done.len() > DONE_KEPT {
            done.pop_front();
        }
    }

    pub(super) fn claim(
        &mut self,
        partition: PartitionId,
        queue: &QueueName,
        now: Millis,
        until: Millis,
        limit: usize,
    ) -> Claims {
        let heads = self.heads(queue);
        let mut claimed = Vec::new();
        for (ready, seq) in heads.iter().take(limit) {
            let Some(pending) = self.pending.get_mut(seq).filter(|_| *ready <= now) else { break };
            self.last_lease += 1;
            pending.lease = Some((self.last_lease, until));
            claimed.push(Claimed { partition, entry: pending.entry.clone(), lease: self.last_lease });
        }
        Claims { claimed, next_due: self.heads(queue).first().map(|(ready, _)| *ready) }
    }

    /// What may be claimed next, by the moment when it becomes ready: entries without a lane, and the first of each lane.
    fn heads(&self, queue: &QueueName) -> BTreeSet<(Millis, u64)> {
        let mut lanes = BTreeSet::new();
        let of_queue = self.pending.iter().filter(|(_, p)| p.entry.queue == *queue);
        let heads = of_queue.filter(|(_, p)| p.entry.lane.as_ref().is_none_or(|lane| lanes.insert(lane)));
        heads.map(|(seq, p)| (p.ready(), *seq)).collect()
    }

    /// Rows that `query` asks for, what was added or settled last first.
    pub(super) fn rows(&self, query: &EntryQuery) -> Vec<EntryRow> {
        let row = |entry: &Entry, settled| EntryRow { entry: entry.clone(), state: query.state, settled };
        let mut rows: Vec<EntryRow> = match query.state {
            EntryState::Pending => self.pending.values().map(|p| row(&p.entry, None)).collect(),
            EntryState::Dead => self.dead.values().map(|(e, at)| row(e, Some(*at))).collect(),
            EntryState::Done => self.done.values().flatten().map(|(e, at)| row(e, Some(*at))).collect(),
        };
        rows.retain(|row| query.matches(&row.entry.queue));
        rows.reverse();
        rows
    }

    /// Puts dead entries at the end of their lanes, in the order in which they were added at first.
    pub(super) fn replay(&mut self, which: &Replay, now: Millis) -> usize {
        let chosen: Vec<u64> = self.dead.iter().filter(|(_, (e, _))| which.matches(e)).map(|(seq, _)| *seq).collect();
        for seq in &chosen {
            if let Some((mut entry, _)) = self.dead.remove(seq) {
                (entry.due, entry.attempts) = (now, 0);
                self.append(entry);
            }
        }
        chosen.len()
    }

    pub(super) fn add_stats(&self, now: Millis, stats: &mut BTreeMap<QueueName, QueueStats>) {
        for Pending { entry, .. } in self.pending.values() {
            let queue = QueueStats::of(stats, &entry.queue);
            queue.pending += 1;
            queue.oldest_ms = queue.oldest_ms.max(now.since(entry.created));
        }
        for (entry, _) in self.dead.values() {
            QueueStats::of(stats, &entry.queue).dead += 1;
        }
    }

    /// Deletes everything of `subject` that nobody holds; answers how many entries went.
    pub(super) fn forget(&mut self, subject: &str) -> u64 {
        let count = |q: &Self| q.pending.len() + q.dead.len() + q.done.values().map(VecDeque::len).sum::<usize>();
        let before = count(self);
        self.pending.retain(|_, p| p.entry.subject != subject || p.lease.is_some());
        self.dead.retain(|_, (entry, _)| entry.subject != subject);
        for done in self.done.values_mut() {
            done.retain(|(entry, _)| entry.subject != subject);
        }
        let (pending, dead) = (&self.pending, &self.dead);
        self.places.retain(|_, seq| pending.contains_key(seq) || dead.contains_key(seq));
        (before - count(self)) as u64
    }
}

/// What an entry is known by.
fn place(entry: &Entry) -> (QueueName, String) {
    (entry.queue.clone(), entry.id.clone())
}
