//! A group of requests that becomes durable in one transaction.
//!
//! Where each shard stands is checked against what is durable and what the group has staged before, ahead of anything being
//! written: a commit that moved spoils nothing. Nothing staged can be seen from outside until the transaction is through; if it
//! fails, the group is dropped and nothing has happened. For the same reason no answer leaves before that, not even a refusal:
//! it may rest on a commit that is only staged.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::blocks;
use super::ids::{self, OpenPack};
use super::leads;
use super::lists;
use super::log_table::{LogDone, LogRows, LogStage};
use super::position::{self, ShardState};
use super::prepare::Prepared;
use super::records::{Records, RecordsDone, RecordsStage};
use super::shared::Shared;
use crate::ids::{Position, ShardId};
use crate::store::{Append, CommitError, Progress, StoreError};

/// What the writer knows besides what it shares.
pub(super) struct Kept {
    pub(super) shards: Vec<ShardState>,
    pub(super) log: LogRows,
    pub(super) records: Records,
    /// A sum over the rows of `listed`.
    pub(super) lists: i64,
    pub(super) open_packs: BTreeMap<ShardId, Option<OpenPack>>,
}

pub(super) struct Group<'a> {
    connection: &'a Connection,
    shared: &'a Shared,
    kept: &'a mut Kept,
    /// The shards with what is staged.
    shards: Vec<ShardState>,
    touched: BTreeSet<ShardId>,
    passed: BTreeSet<ShardId>,
    log: LogStage,
    records: RecordsStage,
    lists: i64,
    bytes: usize,
}

/// What a group did, to be published when its transaction is through.
pub(super) struct Staged {
    pub(super) shards: Vec<ShardState>,
    /// Shards that had commits.
    pub(super) passed: BTreeSet<ShardId>,
    pub(super) log: LogDone,
    pub(super) records: RecordsDone,
    pub(super) lists: i64,
    /// Whether anything was changed.
    pub(super) changed: bool,
}

impl<'a> Group<'a> {
    pub(super) fn new(connection: &'a Connection, shared: &'a Shared, kept: &'a mut Kept) -> Self {
        Self {
            connection,
            shared,
            shards: kept.shards.clone(),
            touched: BTreeSet::new(),
            passed: BTreeSet::new(),
            log: LogStage::default(),
            records: RecordsStage::default(),
            lists: kept.lists,
            bytes: 0,
            kept,
        }
    }

    /// About how many bytes are staged.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    fn shard(&mut self, shard: ShardId) -> Result<&mut ShardState, StoreError> {
        let found = self.shards.get_mut(usize::from(shard.0));
        found.ok_or_else(|| StoreError::Unusable(format!("the store has no shard {shard}")))
    }

    /// Appends entries; answers their positions. After an error the group is lost.
    pub(super) fn append(&mut self, entries: &[Append]) -> Result<Vec<Position>, StoreError> {
        entries.iter().map(|entry| self.append_one(entry)).collect()
    }

    fn append_one(&mut self, entry: &Append) -> Result<Position, StoreError> {
        let progress = &mut self.shard(entry.shard)?.progress;
        progress.end = progress.end.next();
        let position = progress.end;
        self.touched.insert(entry.shard);
        self.bytes += entry.payload.len();
        self.log.push(entry, position)?;
        Ok(position)
    }

    /// Says what stands against `commits`, of which all happen or none.
    pub(super) fn check(&mut self, commits: &Prepared) -> Result<(), CommitError> {
        let mut moved = Vec::new();
        for step in &commits.moves {
            let progress = self.shard(step.shard)?.progress;
            if progress.position != step.from || step.step.is_some_and(|expected| expected != progress.step) {
                moved.push(step.shard);
            }
        }
        if !moved.is_empty() {
            return Err(CommitError::Moved(moved));
        }
        for step in &commits.moves {
            // Nobody has seen what this group appends.
            let end = self.kept.shards.get(usize::from(step.shard.0)).map_or(Position(0), |shard| shard.progress.end);
            if step.to < step.from || step.to > end {
                let (shard, from, to) = (step.shard, step.from, step.to);
                let refusal = format!("a commit can't move {shard} from {from} to {to}: its log ends at {end}");
                return Err(StoreError::Unusable(refusal).into());
            }
        }
        Ok(())
    }

    /// Stages commits that nothing stands against. After an error the group is lost.
    pub(super) fn commit(&mut self, commits: Prepared) -> Result<(), StoreError> {
        let (connection, shared) = (self.connection, self.shared);
        for step in &commits.moves {
            let progress = &mut self.shard(step.shard)?.progress;
            progress.position = step.to;
            progress.step += 1;
            self.touched.insert(step.shard);
            self.passed.insert(step.shard);
        }
        self.bytes += commits.bytes;
        self.kept.records.flush(connection, &mut self.records)?;
        self.kept.records.stage(connection, &mut self.records, commits.records)?;
        lists::write(connection, &commits.relisted, &mut self.lists)?;
        self.write_ids(&commits.forget_ids, &commits.ids)?;
        for (shard, number) in &commits.blocks_passed {
            blocks::pass(connection, *shard, *number)?;
        }
        for (shard, block) in &commits.blocks {
            blocks::put(connection, *shard, self.shard(*shard)?.progress.step, block)?;
        }
        for subject in &commits.forget_leads {
            leads::delete_of(connection, subject)?;
        }
        for lead in &commits.leads {
            leads::put(connection, lead)?;
        }
        if !commits.rejected.is_empty() {
            leads::put_rejected(connection, &commits.rejected, shared.options.rejected_log)?;
        }
        self.append(&commits.messages)?;
        Ok(())
    }

    fn write_ids(&mut self, forget: &[(ShardId, i64)], ids: &[(ShardId, i64, Vec<u64>)]) -> Result<(), StoreError> {
        for (shard, hour) in forget {
            let mut open = self.kept.open_packs.remove(shard).flatten();
            ids::forget(self.connection, *shard, *hour, &mut open, &mut self.shard(*shard)?.ids)?;
            self.kept.open_packs.insert(*shard, open);
        }
        for (shard, hour, ids) in ids {
            let mut open = self.kept.open_packs.remove(shard).flatten();
            ids::remember(self.connection, *shard, *hour, ids, &mut open, &mut self.shard(*shard)?.ids)?;
            self.kept.open_packs.insert(*shard, open);
        }
        Ok(())
    }

    /// Writes what was gathered over the whole group.
    pub(super) fn finish(mut self) -> Result<Staged, StoreError> {
        let connection = self.connection;
        let mut log = self.kept.log.write(connection, std::mem::take(&mut self.log))?;
        for shard in self.passed.clone() {
            let position = self.shard(shard)?.progress.position;
            log.pass(&*self.shared.shard(shard)?, position);
        }
        self.kept.log.delete_passed(connection, &log)?;
        for shard in std::mem::take(&mut self.touched) {
            position::write(connection, shard, *self.shard(shard)?)?;
        }
        let records = self.kept.records.finish(connection, self.records)?;
        let changed = !log.chunks.is_empty() || !self.passed.is_empty();
        Ok(Staged { shards: self.shards, passed: self.passed, log, records, lists: self.lists, changed })
    }
}

impl Staged {
    /// Where the shards stand that had commits.
    pub(super) fn progress(&self) -> impl Iterator<Item = (ShardId, Progress)> {
        let of = |shard: &ShardId| Some((*shard, self.shards.get(usize::from(shard.0))?.progress));
        self.passed.iter().filter_map(of)
    }
}
