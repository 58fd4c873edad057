//! The log of rejected events: one list of JSON for the whole store, the newest first.

use super::{Core, decode};
use crate::store::{Rejected, StoreError};

impl Core {
    pub async fn reject(&self, rejected: &[Rejected]) -> Result<(), StoreError> {
        let lines: Vec<String> = rejected.iter().filter_map(|one| serde_json::to_string(one).ok()).collect();
        if lines.is_empty() {
            return Ok(());
        }
        let key = self.keys.rejected();
        let mut pipe = redis::pipe();
        pipe.cmd("LPUSH").arg(&key).arg(lines);
        // `LTRIM 0 -1` would keep everything.
        match self.options.rejected_log.checked_sub(1) {
            Some(last) => pipe.cmd("LTRIM").arg(&key).arg(0).arg(last),
            None => pipe.cmd("DEL").arg(&key),
        };
        self.pipe(&pipe).await.map(drop)
    }

    pub async fn rejected(&self, limit: usize) -> Result<Vec<Rejected>, StoreError> {
        let Some(last) = limit.checked_sub(1) else { return Ok(Vec::new()) };
        let answer = self.cmd(redis::cmd("LRANGE").arg(self.keys.rejected()).arg(0).arg(last)).await?;
        let lines = decode::list(answer).into_iter().filter_map(decode::text);
        Ok(lines.filter_map(|line| serde_json::from_str(&line).ok()).collect())
    }
}
