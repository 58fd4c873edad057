//! What is counted in a shard is noted in the record of its archive before anything is counted by it, so that it is known of each
//! commit what it counts; and what was counted from the archive is merged into records.

use std::sync::Arc;

use super::applier::Work;
use super::{Upset, Worker};
use crate::apply::Body;
use crate::engine::filling::series;
use crate::engine::input::Chunk;
use crate::ids::{RecordKey, ShardId};
use crate::record::{Archived, Record};

impl Worker {
    /// Sees to it that the archives of all shards know what the rules of this batch count.
    pub(super) async fn adopt(&mut self) -> Result<(), Upset> {
        if self.shared.settings.history.is_none() {
            return Ok(());
        }
        let rules = Arc::clone(&self.batch.rules);
        let open: Vec<ShardId> =
            self.shards.keys().copied().filter(|shard| self.adopted.get(shard) != Some(&rules.version)).collect();
        if !open.is_empty() {
            // What was applied by other rules is a commit of its own.
            self.commit().await?;
            let counted = series(&rules);
            let mut work = Vec::new();
            for shard in &open {
                let commits = self.shards.get(shard).map_or(0, |owned| owned.step);
                if !self.archived(*shard).await?.counts(&counted) {
                    let adopt = Body::Adopt { series: counted.clone(), commits };
                    work.extend(self.local(RecordKey::archived(*shard), adopt));
                }
            }
            if !work.is_empty() {
                self.apply(Vec::new(), work).await?;
                self.commit().await?;
            }
            self.adopted.extend(open.into_iter().map(|shard| (shard, Arc::clone(&rules.version))));
            self.batch.held = self.shared.hold(&rules).await?;
        } else if let Some(held) = self.shared.held(&rules) {
            self.batch.held = held;
        }
        Ok(())
    }

    /// The record of a shard's archive, as of what is applied.
    async fn archived(&mut self, shard: ShardId) -> Result<Archived, Upset> {
        let key = RecordKey::archived(shard);
        self.load(std::slice::from_ref(&key)).await?;
        let applier = self.applier_of(&key).and_then(|applier| self.appliers.get(applier));
        Ok(match applier.and_then(|applier| applier.cache.get(&key)).map(|cached| &cached.record) {
            Some(Record::Archived(archived)) => archived.clone(),
            _ => Archived::default(),
        })
    }

    /// What a chunk becomes, if it is still lacking and was counted by the rules in force: the figures, and the note of them. They
    /// are applied together and committed together.
    pub(super) async fn fill(&mut self, chunk: Chunk) -> Result<Vec<Work>, Upset> {
        let Chunk { shard, lack, version, figures } = chunk;
        if version != self.batch.rules.version || !self.archived(shard).await?.lacks(&lack) {
            return Ok(Vec::new());
        }
        let figures = figures.into_iter().filter(|(key, _)| !self.poisoned_records.contains(key));
        let mut messages: Vec<_> = figures.map(|(key, fill)| (key, Body::Fill(Box::new(fill)))).collect();
        let filled = Body::Filled { after: lack.after, to: lack.to, series: lack.series };
        messages.push((RecordKey::archived(shard), filled));
        Ok(messages.into_iter().filter_map(|(key, body)| self.local(key, body)).collect())
    }
}
