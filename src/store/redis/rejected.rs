//! The log of rejected events: in each shard a list of JSON, the newest first, bounded as if it were the only one.

use std::cmp::Reverse;

use super::decode;
use super::keys::REJECTED;
use super::shared::Core;
use crate::store::{Rejected, StoreError};

impl Core {
    pub async fn rejected(&self, limit: usize) -> Result<Vec<Rejected>, StoreError> {
        let Some(last) = limit.min(self.options.rejected_log).checked_sub(1) else { return Ok(Vec::new()) };
        let answers = self.ask_shards(|pipe, shard| {
            pipe.cmd("LRANGE").arg(self.keys.of(shard, REJECTED)).arg(0).arg(last);
        });
        let lines = answers.await?.into_iter().flat_map(decode::list).filter_map(decode::text);
        let mut all: Vec<Rejected> = lines.filter_map(|line| serde_json::from_str(&line).ok()).collect();
        // Those of one moment stay as they are: within a shard, the later ones first.
        all.sort_by_key(|one| Reverse(one.at));
        all.truncate(last + 1);
        Ok(all)
    }
}
