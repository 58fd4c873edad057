//! What a commit becomes before the writer sees it: everything that needs no knowledge of what is stored, so that the one
//! thread that writes has little to do.

use bytes::Bytes;

use super::ids::hour;
use super::index::Index;
use super::lists::Relisted;
use super::records::RecordWrites;
use crate::ids::{Position, ShardId, Shards};
use crate::store::{Append, Commit, LeadRow, RecordWrite, StoreError, StoreOptions, rejects};

/// Where a commit moves a shard.
pub(super) struct Move {
    pub(super) shard: ShardId,
    pub(super) step: Option<u64>,
    pub(super) from: Position,
    pub(super) to: Position,
}

/// Commits that happen together or not at all.
#[derive(Default)]
pub(super) struct Prepared {
    pub(super) moves: Vec<Move>,
    /// Of all shards.
    pub(super) records: RecordWrites,
    pub(super) relisted: Vec<Relisted>,
    /// By shard and hour.
    pub(super) ids: Vec<(ShardId, i64, Vec<u64>)>,
    pub(super) forget_ids: Vec<(ShardId, i64)>,
    /// Subjects whose leads are deleted first.
    pub(super) forget_leads: Vec<String>,
    pub(super) leads: Vec<LeadRow>,
    pub(super) messages: Vec<Append>,
    /// As JSON.
    pub(super) rejected: Vec<String>,
    /// What is left for the archive.
    pub(super) blocks: Vec<(ShardId, Bytes)>,
    /// Up to which number blocks are dropped.
    pub(super) blocks_passed: Vec<(ShardId, u64)>,
    /// About how many bytes will be written.
    pub(super) bytes: usize,
}

impl Prepared {
    pub(super) fn new(commits: Vec<Commit>, options: &StoreOptions, index: &Index) -> Result<Self, StoreError> {
        let mut prepared = Self::default();
        for commit in commits {
            prepared.add(commit, options, index)?;
        }
        Ok(prepared)
    }

    fn add(&mut self, commit: Commit, options: &StoreOptions, index: &Index) -> Result<(), StoreError> {
        let shard = commit.shard;
        check_shards(
            options.shards,
            std::iter::once(shard).chain(commit.messages.iter().map(|message| message.shard)),
        )?;
        self.bytes += bytes_of(&commit);
        self.moves.push(Move { shard, step: commit.step, from: commit.from, to: commit.to });
        commit.records.into_iter().for_each(|write| self.add_record(index, shard, write));
        if !commit.ids.is_empty() {
            self.ids.push((shard, hour(commit.now), commit.ids));
        }
        self.forget_ids.extend(commit.forget_ids.into_iter().map(|hour| (shard, hour)));
        self.forget_leads.extend(commit.forget_leads.iter().map(ToString::to_string));
        self.leads.extend(commit.leads);
        self.messages.extend(commit.messages);
        self.blocks.extend(commit.block.map(|block| (shard, block)));
        self.blocks_passed.extend(commit.blocks_passed.map(|number| (shard, number)));
        for rejected in rejects::keep(commit.rejected, options.rejected_log) {
            let json = serde_json::to_string(&rejected).map_err(|error| StoreError::Unusable(error.to_string()))?;
            self.rejected.push(json);
        }
        Ok(())
    }

    fn add_record(&mut self, index: &Index, shard: ShardId, write: RecordWrite) {
        let key = write.key.to_string();
        let hash = index.hash(&key);
        match &write.text {
            Some(text) => self.records.packs.put(hash, &key, text),
            None => self.records.deleted.push(hash),
        }
        if write.was_listed != write.listed {
            self.relisted.push(Relisted { shard, key, was: write.was_listed, listed: write.listed });
        }
    }
}

/// Fails when one of `named` is no shard of this store.
pub(super) fn check_shards(shards: Shards, mut named: impl Iterator<Item = ShardId>) -> Result<(), StoreError> {
    let stranger = named.find(|shard| shard.0 >= shards.count());
    stranger.map_or(Ok(()), |shard| Err(StoreError::Unusable(format!("the store has no shard {shard}"))))
}

fn bytes_of(commit: &Commit) -> usize {
    let records = commit.records.iter().map(|write| write.text.as_ref().map_or(0, |text| text.len()) + 64);
    let leads = commit.leads.iter().map(|lead| lead.json.len());
    let messages = commit.messages.iter().map(|message| message.payload.len());
    let block = commit.block.as_ref().map(Bytes::len);
    records.chain(leads).chain(messages).chain(block).sum::<usize>() + commit.ids.len() * size_of::<u64>()
}
