//! Looking how far shards were applied, and whether the store still has what it had.
//!
//! A store may come back with less: a Redis that was flushed, restarted without persistence, or failed over to a replica that lacked
//! the last of it. Nobody can bring back what is gone. But what is in memory must not outlive it: an owner that reads on behind a
//! position that is no more applies nothing, and barriers would be passed that nobody has reached.

use super::Shared;
use super::input::Input;
use super::progress::Known;
use crate::ids::ShardId;
use crate::store::{Progress, StoreError};

impl Shared {
    /// How far shards were applied. Where the store has less than it had, everything begins again at what it has.
    pub(super) async fn look(&self, shards: &[ShardId]) -> Result<Vec<Progress>, StoreError> {
        let before: Vec<Known> = shards.iter().map(|shard| self.progress.known(*shard)).collect();
        let found = self.store.progress(shards).await?;
        let seen = shards.iter().zip(before).zip(&found);
        let lost: Vec<ShardId> = seen
            .filter(|((shard, before), progress)| self.progress.seen(**shard, *before, **progress))
            .map(|((shard, _), _)| *shard)
            .collect();
        self.lost(&lost);
        Ok(found)
    }

    /// Has these shards begin again, whatever is in memory of them.
    fn lost(&self, shards: &[ShardId]) {
        if shards.is_empty() {
            return;
        }
        tracing::error!(
            shards = shards.len(),
            "the store has less than it had; what came since then is lost, and its shards go on from what is stored"
        );
        for shard in shards {
            // Other entries stand at these positions from now on.
            self.fresh.clear(*shard);
            if let Some(input) = self.inputs.get(self.worker_of(*shard)) {
                let _ = input.send(Input::Lost(*shard));
            }
        }
    }
}
