//! Reading logs, and waiting for what comes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use redis::Value;
use tokio::time::Instant;

use super::keys::{BLOCKS, LOG};
use super::shared::Core;
use super::{decode, log};
use crate::ids::{Position, ShardId};
use crate::store::{Block, Entry, Reads, StoreError};

/// How many entries of a shard are read at once, at most.
const MAX_READ_ENTRIES: usize = 4_096;
/// How many blocks are read at once.
const BLOCKS_AT_ONCE: usize = 32;
/// How often a cluster is asked, first and when nothing has come for a while.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
/// How long those nodes are waited for that answer later than others.
const STRAGGLERS: Duration = Duration::from_millis(25);

impl Core {
    pub async fn read(
        &self,
        after: &[(ShardId, Position)],
        max_bytes: usize,
        wait: Duration,
    ) -> Result<Reads, StoreError> {
        if after.is_empty() {
            tokio::time::sleep(wait).await;
            return Ok(Vec::new());
        }
        let found = if self.settings.cluster {
            self.read_polling(after, max_bytes, wait).await?
        } else {
            self.read_blocking(after, max_bytes, wait).await?
        };
        Ok(self.measured(found, max_bytes))
    }

    /// One Redis says by itself when there is something.
    async fn read_blocking(
        &self,
        after: &[(ShardId, Position)],
        max_bytes: usize,
        wait: Duration,
    ) -> Result<Reads, StoreError> {
        let mut read = redis::cmd("XREAD");
        read.arg("COUNT").arg(self.count(max_bytes));
        // BLOCK 0 would be for ever.
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        if wait_ms > 0 {
            read.arg("BLOCK").arg(wait_ms);
        }
        let logs: Vec<String> = after.iter().map(|(shard, _)| self.keys.of(*shard, LOG)).collect();
        read.arg("STREAMS").arg(&logs);
        for (_, position) in after {
            read.arg(format!("0-{position}"));
        }
        let readers = self.links.readers();
        let limit = wait + self.settings.response_timeout;
        let answer = self.bounded_by(limit, readers.cmd(&read, self.settings.connect_timeout)).await?;
        let mut found = Vec::new();
        for (log, entries) in decode::map(answer) {
            let log = decode::text(log).ok_or_else(|| decode::unexpected("logs"))?;
            let place = logs.iter().position(|asked| *asked == log);
            let (shard, _) =
                place.and_then(|place| after.get(place)).ok_or_else(|| decode::unexpected("the name of a log"))?;
            found.push((*shard, read_entries(entries)?));
        }
        Ok(found)
    }

    /// A cluster is asked again and again, and at once when this process has added something.
    async fn read_polling(
        &self,
        after: &[(ShardId, Position)],
        max_bytes: usize,
        wait: Duration,
    ) -> Result<Reads, StoreError> {
        let until = Instant::now() + wait;
        let mut pause = FIRST_PAUSE;
        loop {
            let mut news = std::pin::pin!(self.news.notified());
            // From here on, so that nothing is missed that comes between the question and the wait.
            news.as_mut().enable();
            let found = self.read_once(after, max_bytes).await?;
            if !found.is_empty() || Instant::now() >= until {
                return Ok(found);
            }
            let _ = tokio::time::timeout_at(until.min(Instant::now() + pause), news).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Asks for each shard. Those of a node that is away don't keep the others waiting; it is an error only if none answers.
    async fn read_once(&self, after: &[(ShardId, Position)], max_bytes: usize) -> Result<Reads, StoreError> {
        let mut reading: FuturesUnordered<_> =
            after.iter().map(|&(shard, position)| self.read_shard(shard, position, max_bytes)).collect();
        let (mut found, mut last_error, mut until) = (Vec::new(), None, None);
        loop {
            let next = match until {
                None => reading.next().await,
                Some(until) => tokio::time::timeout_at(until, reading.next()).await.unwrap_or(None),
            };
            match next {
                Some(Ok((shard, entries))) => {
                    until.get_or_insert_with(|| Instant::now() + STRAGGLERS);
                    if !entries.is_empty() {
                        found.push((shard, entries));
                    }
                }
                Some(Err(error)) => last_error = Some(error),
                None => break,
            }
        }
        if let (None, Some(error)) = (until, last_error) {
            return Err(error);
        }
        found.sort_by_key(|(of, _)| after.iter().position(|(shard, _)| shard == of));
        Ok(found)
    }

    /// What commits left for the archive, a few at a time: how large they are is known only then.
    pub async fn blocks(&self, shard: ShardId, mut after: u64, max_bytes: usize) -> Result<Vec<Block>, StoreError> {
        let (mut blocks, mut bytes) = (Vec::new(), 0);
        while bytes < max_bytes {
            let mut range = redis::cmd("XRANGE");
            range.arg(self.keys.of(shard, BLOCKS)).arg(format!("(0-{after}")).arg("+").arg("COUNT").arg(BLOCKS_AT_ONCE);
            let found = read_entries(self.cmd(&range).await?)?;
            let Some(last) = found.last() else { break };
            after = last.position.0;
            for Entry { position, payload } in found {
                bytes += payload.len();
                if bytes > max_bytes && !blocks.is_empty() {
                    break;
                }
                blocks.push(Block { number: position.0, payload });
            }
        }
        Ok(blocks)
    }

    async fn read_shard(
        &self,
        shard: ShardId,
        after: Position,
        max_bytes: usize,
    ) -> Result<(ShardId, Vec<Entry>), StoreError> {
        let mut range = redis::cmd("XRANGE");
        range.arg(self.keys.of(shard, LOG)).arg(format!("(0-{after}")).arg("+");
        range.arg("COUNT").arg(self.count(max_bytes));
        Ok((shard, read_entries(self.cmd(&range).await?)?))
    }

    /// About how many entries have so many bytes; Redis takes only their number.
    fn count(&self, max_bytes: usize) -> usize {
        (max_bytes / self.entry_bytes.load(Ordering::Relaxed).max(1)).clamp(1, MAX_READ_ENTRIES)
    }

    /// Leaves away what is too much; it is read again. Keeps in mind how large entries are.
    fn measured(&self, mut found: Reads, max_bytes: usize) -> Reads {
        for (_, entries) in &mut found {
            let (mut bytes, all) = (0, entries.len());
            let mut take = 0;
            for entry in entries.iter() {
                if take > 0 && bytes >= max_bytes {
                    break;
                }
                bytes += entry.payload.len();
                take += 1;
            }
            entries.truncate(take);
            if all > 0 {
                let (now, before) = (bytes / take.max(1), self.entry_bytes.load(Ordering::Relaxed));
                // At once when they become larger, slowly when smaller.
                self.entry_bytes.store(now.max(usize::midpoint(before, now)), Ordering::Relaxed);
            }
        }
        found
    }
}

fn read_entries(entries: Value) -> Result<Vec<Entry>, StoreError> {
    let entries = decode::list(entries).into_iter().map(read_entry);
    entries.map(|entry| entry.ok_or_else(|| decode::unexpected("an entry of a log"))).collect()
}

/// An entry of a log: its id, and `p`, a payload.
fn read_entry(entry: Value) -> Option<Entry> {
    let mut entry = decode::list(entry).into_iter();
    let position = log::position(&decode::text(entry.next()?)?)?;
    let payload: Bytes = decode::bytes(decode::list(entry.next()?).into_iter().nth(1)?)?;
    Some(Entry { position, payload })
}
