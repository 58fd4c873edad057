//! One shard: its log, its position, and what its commits wrote.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;

use bytes::Bytes;
use tokio::time::Instant;

use crate::ids::{Position, RecordKey};
use crate::store::{Append, Block, Commit, Entry, IdPack, LeadRow, ListName, Listed, Listing, Progress, RecordWrite};
use crate::time::Millis;

#[derive(Clone, Default)]
pub(super) struct Shard {
    pub progress: Progress,
    /// The entries that no commit has passed yet.
    log: BTreeMap<Position, Bytes>,
    records: BTreeMap<RecordKey, Stored>,
    pub lists: BTreeMap<ListName, BTreeSet<(Millis, RecordKey)>>,
    ids: BTreeMap<i64, Vec<u64>>,
    pub leads: BTreeMap<String, LeadRow>,
    /// What commits left for the archive, by their numbers.
    blocks: BTreeMap<u64, Bytes>,
    /// Messages of commits that are still on their way, where they take one: the moment at which each arrives.
    pub outbox: VecDeque<(Instant, Append)>,
    /// How many messages have set out.
    pub sent: u64,
}

/// A record as it is kept.
#[derive(Clone)]
struct Stored {
    text: Box<str>,
    listed: Option<Listed>,
}

impl Shard {
    pub(super) fn append(&mut self, payload: Bytes) -> Position {
        self.progress.end = self.progress.end.next();
        self.log.insert(self.progress.end, payload);
        self.progress.end
    }

    pub(super) fn progress(&self) -> Progress {
        let outgoing = self.outbox.len() as u64;
        let under_way = (outgoing > 0).then(|| (self.sent.saturating_sub(outgoing) + 1, self.sent));
        Progress { outgoing, under_way, ..self.progress }
    }

    pub(super) fn read(&self, after: Position, max_bytes: usize) -> Vec<Entry> {
        let (mut entries, mut bytes) = (Vec::new(), 0);
        for (position, payload) in self.log.range((Bound::Excluded(after), Bound::Unbounded)) {
            bytes += payload.len();
            if bytes > max_bytes && !entries.is_empty() {
                break;
            }
            entries.push(Entry { position: *position, payload: payload.clone() });
        }
        entries
    }

    pub(super) fn blocks(&self, after: u64, max_bytes: usize) -> Vec<Block> {
        let (mut blocks, mut bytes) = (Vec::new(), 0);
        for (number, payload) in self.blocks.range((Bound::Excluded(after), Bound::Unbounded)) {
            bytes += payload.len();
            if bytes > max_bytes && !blocks.is_empty() {
                break;
            }
            blocks.push(Block { number: *number, payload: payload.clone() });
        }
        blocks
    }

    pub(super) fn record(&self, key: &RecordKey) -> Option<Box<str>> {
        self.records.get(key).map(|stored| stored.text.clone())
    }

    /// Users and accounts behind `after`, in order.
    pub(super) fn subjects(&self, after: Option<&RecordKey>, limit: usize) -> impl Iterator<Item = &RecordKey> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let all = self.records.range::<RecordKey, _>((from, Bound::Unbounded)).map(|(key, _)| key);
        all.filter(|key| key.kind.is_subject()).take(limit)
    }

    /// The list in which a record stands.
    pub(super) fn listed(&self, key: &RecordKey) -> Option<&Listed> {
        self.records.get(key)?.listed.as_ref()
    }

    pub(super) fn remembered(&self) -> Vec<IdPack> {
        self.ids.iter().map(|(hour, ids)| IdPack { hour: *hour, ids: ids.clone() }).collect()
    }

    pub(super) fn due(&self, list: &ListName, until: Millis, limit: usize) -> Listing {
        let standing = self.lists.get(list).into_iter().flatten();
        standing.take_while(|(at, _)| *at <= until).take(limit).cloned().collect()
    }

    /// Does what a commit says of this shard; its messages and rejected events are the matter of the store.
    pub(super) fn apply(&mut self, commit: Commit) {
        self.progress.position = commit.to;
        self.progress.step += 1;
        self.log = self.log.split_off(&commit.to.next());
        for write in commit.records {
            self.write(write);
        }
        for hour in &commit.forget_ids {
            self.ids.remove(hour);
        }
        if !commit.ids.is_empty() {
            self.ids.entry(commit.now.0.div_euclid(Millis::HOUR)).or_default().extend(commit.ids);
        }
        if !commit.forget_leads.is_empty() {
            self.leads.retain(|_, lead| !commit.forget_leads.contains(&lead.subject));
        }
        if let Some(passed) = commit.blocks_passed {
            self.blocks = self.blocks.split_off(&(passed + 1));
        }
        self.blocks.extend(commit.block.map(|block| (self.progress.step, block)));
        self.leads.extend(commit.leads.into_iter().map(|lead| (lead.id.clone(), lead)));
    }

    fn write(&mut self, write: RecordWrite) {
        if let Some(was) = write.was_listed
            && let Some(list) = self.lists.get_mut(&was.list)
        {
            list.remove(&(was.at, write.key.clone()));
            if list.is_empty() {
                self.lists.remove(&was.list);
            }
        }
        if let Some(Listed { list, at }) = write.listed.clone() {
            self.lists.entry(list).or_default().insert((at, write.key.clone()));
        }
        match write.text {
            Some(text) => self.records.insert(write.key, Stored { text, listed: write.listed }),
            None => self.records.remove(&write.key),
        };
    }
}
