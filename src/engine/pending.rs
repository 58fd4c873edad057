//! What was applied and is not committed yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::cache::{Cache, listed};
use crate::apply::{LogItem, Past};
use crate::event::Rejected;
use crate::history::block::{Head, compress};
use crate::history::line;
use crate::ids::{Position, RecordKey, ShardId};
use crate::store::{Append, Commit, LeadRow, RecordWrite};
use crate::time::Millis;

/// The changes of one shard.
#[derive(Default)]
pub(super) struct ShardPending {
    pub to: Option<Position>,
    pub ids: Vec<u64>,
    pub leads: BTreeMap<String, LeadRow>,
    pub forget_leads: Vec<RecordKey>,
    pub outgoing: BTreeMap<ShardId, Vec<u8>>,
    pub rejected: Vec<Rejected>,
    pub past: PastLines,
    pub blocks_passed: Option<u64>,
}

/// What the archive keeps of what was applied, as lines.
#[derive(Default)]
pub(super) struct PastLines {
    pub lines: Vec<u8>,
    /// Whether they tell that somebody is forgotten.
    pub forgets: bool,
}

impl PastLines {
    pub fn keep(&mut self, of: &RecordKey, at: Millis, past: &Past) {
        line::write(of, at, past, &mut self.lines);
        self.forgets |= *past == Past::Gone;
    }

    /// Them as the block of commit number `block`.
    fn block(&self, shard: ShardId, block: u64, position: Position, at: Millis) -> Option<Bytes> {
        let head = Head { block, shard, position, at, forgets: self.forgets };
        (!self.lines.is_empty()).then(|| Bytes::from(compress(&head, &self.lines)))
    }
}

#[derive(Default)]
pub(super) struct Pending {
    pub shards: BTreeMap<ShardId, ShardPending>,
    /// Records that differ from what is stored, each once.
    pub dirty: Vec<RecordKey>,
    /// Users whom stored leads of these records may name no longer.
    pub scrub: Vec<(RecordKey, Arc<str>)>,
    /// Records of which every stored lead's deliveries to these destinations are forgotten.
    pub forget_deliveries: Vec<(RecordKey, Vec<Arc<str>>)>,
    /// Whether somebody waits for what is in here.
    pub urgent: bool,
    /// When the first of it was applied.
    pub since: Option<Instant>,
    /// When the oldest message in it came into its log.
    pub oldest: Option<Millis>,
    pub messages: usize,
}

impl Pending {
    pub fn of(&mut self, shard: ShardId) -> &mut ShardPending {
        self.since.get_or_insert_with(Instant::now);
        self.shards.entry(shard).or_default()
    }

    /// Up to where a shard's log was read, if any of it was.
    pub fn reads_to(&self, shard: ShardId) -> Option<Position> {
        self.shards.get(&shard)?.to
    }

    pub fn is_empty(&self) -> bool {
        self.shards.is_empty() && self.dirty.is_empty()
    }

    pub fn applied(&mut self, at: Millis) {
        self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
        self.messages += 1;
    }

    pub fn send(&mut self, from: ShardId, to: ShardId, item: &LogItem) {
        item.encode(self.of(from).outgoing.entry(to).or_default());
        self.urgent = true;
    }

    /// Whether messages to a shard wait to be committed.
    pub fn sends_to(&self, shard: ShardId) -> bool {
        self.shards.values().any(|pending| pending.outgoing.contains_key(&shard))
    }

    /// Takes out the commits that make it durable: one for each shard that has changed. `shard_of` says where a record lives, `standing`
    /// where a shard stands and how many commits it has had.
    pub fn commits(
        &mut self,
        cache: &Cache,
        idle: Option<i64>,
        now: Millis,
        shard_of: impl Fn(&RecordKey) -> ShardId,
        standing: impl Fn(ShardId) -> (Position, Option<u64>),
    ) -> Vec<Commit> {
        let mut records: BTreeMap<ShardId, Vec<RecordWrite>> = BTreeMap::new();
        let mut text = String::new();
        for key in &self.dirty {
            let Some(cached) = cache.get(key) else { continue };
            text.clear();
            cached.record.write_to(&mut text);
            let text = (!text.is_empty()).then(|| Box::from(text.as_str()));
            let listed = listed(key, &cached.record, idle).filter(|_| text.is_some());
            let write = RecordWrite { key: key.clone(), text, was_listed: cached.listed.clone(), listed };
            records.entry(shard_of(key)).or_default().push(write);
        }
        for shard in records.keys() {
            self.shards.entry(*shard).or_default();
        }
        let commit = |(shard, pending): (ShardId, ShardPending)| {
            let (from, step) = standing(shard);
            let to = pending.to.unwrap_or(from);
            let message = |(to, payload)| Append { shard: to, payload: Bytes::from(payload) };
            Commit {
                records: records.remove(&shard).unwrap_or_default(),
                ids: pending.ids,
                forget_leads: pending.forget_leads,
                leads: pending.leads.into_values().collect(),
                messages: pending.outgoing.into_iter().map(message).collect(),
                rejected: pending.rejected,
                block: step.and_then(|step| pending.past.block(shard, step + 1, to, now)),
                blocks_passed: pending.blocks_passed,
                step,
                ..Commit::new(shard, from, to, now)
            }
        };
        std::mem::take(&mut self.shards).into_iter().map(commit).collect()
    }
}
