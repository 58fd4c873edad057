//! Logs: appending to them, and how far they were applied.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use redis::Value;

use super::decode;
use super::keys::{LOG, OUTBOX, STATE};
use super::script::{self, Call};
use super::shared::Core;
use crate::ids::{Position, ShardId};
use crate::store::{Append, Progress, StoreError};

/// The position in an id of a stream's entry, `0-<position>`.
pub(super) fn position(id: &str) -> Option<Position> {
    id.strip_prefix("0-")?.parse().ok().map(Position)
}

impl Core {
    pub async fn append(&self, entries: Vec<Append>) -> Result<Vec<Position>, StoreError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let positions =
            if self.settings.cluster { self.append_apart(entries).await } else { self.append_all(entries).await };
        self.news.notify_waiters();
        positions
    }

    async fn append_all(&self, entries: Vec<Append>) -> Result<Vec<Position>, StoreError> {
        let mut pipe = redis::pipe();
        for entry in &entries {
            let log = self.keys.of(entry.shard, LOG);
            pipe.cmd("XADD").arg(log).arg("0-*").arg("p").arg(&entry.payload[..]);
        }
        positions(self.pipe_durably(pipe).await?, entries.len())
    }

    /// One call for each shard, all at once.
    async fn append_apart(&self, entries: Vec<Append>) -> Result<Vec<Position>, StoreError> {
        let mut shards: BTreeMap<ShardId, Vec<usize>> = BTreeMap::new();
        for (place, entry) in entries.iter().enumerate() {
            shards.entry(entry.shard).or_default().push(place);
        }
        let calls = shards.into_iter().map(|(shard, places)| {
            let mut call = Call::new(self.keys.of(shard, LOG));
            for entry in places.iter().filter_map(|&place| entries.get(place)) {
                call.arg(&entry.payload);
            }
            async move {
                let ids = decode::list(self.eval_durably(&script::APPEND, &call).await?);
                Ok::<_, StoreError>(places.iter().copied().zip(positions(ids, places.len())?).collect::<Vec<_>>())
            }
        });
        let mut found: Vec<(usize, Position)> = try_join_all(calls).await?.into_iter().flatten().collect();
        found.sort_unstable_by_key(|(place, _)| *place);
        Ok(found.into_iter().map(|(_, position)| position).collect())
    }

    pub async fn progress(&self, shards: &[ShardId]) -> Result<Vec<Progress>, StoreError> {
        if self.settings.cluster {
            let each = shards.iter().map(|shard| self.progress_of(std::slice::from_ref(shard)));
            return Ok(try_join_all(each).await?.into_iter().flatten().collect());
        }
        self.progress_of(shards).await
    }

    /// On a cluster, of one shard.
    async fn progress_of(&self, shards: &[ShardId]) -> Result<Vec<Progress>, StoreError> {
        let mut call = Call::default();
        for &shard in shards {
            for name in [STATE, LOG, OUTBOX] {
                call.key(self.keys.of(shard, name));
            }
        }
        let found: Vec<Progress> =
            decode::list(self.eval(&script::PROGRESS, &call).await?).into_iter().map(progress).collect();
        if found.len() == shards.len() { Ok(found) } else { Err(decode::unexpected("how far shards were applied")) }
    }
}

fn progress(answer: Value) -> Progress {
    let mut answer = decode::list(answer).into_iter().map(|part| decode::text(part).unwrap_or_default());
    let mut next = || answer.next().unwrap_or_default();
    let at = Position(next().parse().unwrap_or(0));
    let step = next().parse().unwrap_or(0);
    // All entries may be gone, since all were applied.
    let end = position(&next()).unwrap_or(at).max(at);
    let outgoing = next().parse().unwrap_or(0);
    let under_way = position(&next()).zip(position(&next())).map(|(first, last)| (first.0, last.0));
    Progress { position: at, end, step, outgoing, under_way }
}

fn positions(ids: Vec<Value>, expected: usize) -> Result<Vec<Position>, StoreError> {
    let positions: Vec<Position> =
        ids.into_iter().filter_map(|id| decode::text(id).and_then(|id| position(&id))).collect();
    if positions.len() == expected { Ok(positions) } else { Err(decode::unexpected("an append")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_hold_positions() {
        assert_eq!(position("0-17"), Some(Position(17)));
        assert_eq!(position("1526919030474-0"), None);
        assert_eq!(position(""), None);
    }
}
