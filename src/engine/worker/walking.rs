//! Users and accounts that are told to look again, since the configuration says something new.

use std::collections::BTreeMap;

use super::applier::Work;
use super::{Upset, Worker};
use crate::apply::Body;
use crate::engine::input::Stretch;
use crate::ids::{RecordKey, ShardId};
use crate::record::{Record, Stride};

impl Worker {
    /// What a stretch becomes where the walks still stand at its beginning: each looks again, and the walks note it. That is applied
    /// together and committed together.
    pub(super) async fn walk(&mut self, stretch: Stretch) -> Result<Vec<Work>, Upset> {
        let Stretch { shards, version, wanted, from, to, keys } = stretch;
        if version != self.batch.rules.version || !self.batch.held.definitions.is_empty() {
            return Ok(Vec::new());
        }
        let walks: Vec<RecordKey> = shards.iter().copied().map(RecordKey::walk).collect();
        self.load(&walks).await?;
        let mut seen: BTreeMap<ShardId, u64> = BTreeMap::new();
        for (shard, key) in shards.into_iter().zip(&walks) {
            let cached = self.applier_of(key).and_then(|applier| self.appliers.get(applier)?.cache.get(key));
            if let Some(Record::Walk(walk)) = cached.map(|cached| &cached.record)
                && (!walk.is_open(&wanted) || walk.goes_on(&wanted) == &*from)
            {
                seen.insert(shard, 0);
            }
        }
        let mut work = Vec::new();
        for key in keys.into_iter().filter(|key| !self.poisoned_records.contains(key)) {
            let shard = self.shared.store.shards().of(&key);
            if let Some(seen) = seen.get_mut(&shard) {
                *seen += 1;
                work.extend(self.local(key, Body::LookAgain));
            }
        }
        metrics::counter!("handraiser_backfill_subjects_total").increment(seen.values().sum());
        for (shard, seen) in seen {
            let stride = Stride { wanted: wanted.clone(), from: from.clone(), to: to.clone(), seen };
            work.extend(self.local(RecordKey::walk(shard), Body::Strode(Box::new(stride))));
        }
        Ok(work)
    }
}
