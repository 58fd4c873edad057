//! Records, the lists that they stand in, and the message ids that are remembered.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use redis::{Pipeline, Value};

use super::decode;
use super::keys::{HOURS, LISTS};
use super::shared::Core;
use crate::ids::{RecordKey, ShardId};
use crate::store::{IdPack, ListName, ListStats, Listing, StoreError};
use crate::time::Millis;

/// How many records one command reads.
const MAX_READ_RECORDS: usize = 2_000;

impl Core {
    pub async fn load(&self, keys: &[RecordKey]) -> Result<Vec<Option<Box<str>>>, StoreError> {
        if !self.settings.cluster {
            let places: Vec<usize> = (0..keys.len()).collect();
            let found = self.load_some(keys, &places).await?;
            return Ok(found.into_iter().map(|(_, text)| text).collect());
        }
        let mut shards: BTreeMap<ShardId, Vec<usize>> = BTreeMap::new();
        for (place, key) in keys.iter().enumerate() {
            shards.entry(self.options.shards.of(key)).or_default().push(place);
        }
        let found = try_join_all(shards.values().map(|places| self.load_some(keys, places))).await?;
        let mut found: Vec<(usize, Option<Box<str>>)> = found.into_iter().flatten().collect();
        found.sort_unstable_by_key(|(place, _)| *place);
        Ok(found.into_iter().map(|(_, text)| text).collect())
    }

    /// Reads those of the records that stand at `places`; on a cluster, of one shard.
    async fn load_some(
        &self,
        keys: &[RecordKey],
        places: &[usize],
    ) -> Result<Vec<(usize, Option<Box<str>>)>, StoreError> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipe = redis::pipe();
        for chunk in places.chunks(MAX_READ_RECORDS) {
            let get = pipe.cmd("MGET");
            for key in chunk.iter().filter_map(|&place| keys.get(place)) {
                get.arg(self.keys.record(self.options.shards.of(key), key));
            }
        }
        let texts: Vec<Value> = self.pipe(&pipe).await?.into_iter().flat_map(decode::list).collect();
        if texts.len() != places.len() {
            return Err(decode::unexpected("records"));
        }
        places.iter().zip(texts).map(|(&place, text)| Ok((place, record(text)?))).collect()
    }

    pub async fn due(
        &self,
        shard: ShardId,
        list: &ListName,
        until: Millis,
        limit: usize,
    ) -> Result<Listing, StoreError> {
        let mut range = redis::cmd("ZRANGE");
        range.arg(self.keys.list(shard, list.as_str())).arg("-inf").arg(until.0);
        range.arg(&["BYSCORE", "LIMIT", "0"]).arg(limit).arg("WITHSCORES");
        scored_records(self.cmd(&range).await?)
    }

    pub async fn listed(&self, list: &ListName, limit: usize) -> Result<Listing, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let newest = |pipe: &mut Pipeline, shard| {
            let range = pipe.cmd("ZRANGE").arg(self.keys.list(shard, list.as_str()));
            range.arg(0).arg(limit - 1).arg(&["REV", "WITHSCORES"]);
        };
        let mut all = Vec::new();
        for answer in self.ask_shards(newest).await? {
            all.extend(scored_records(answer)?);
        }
        all.sort_by(|a, b| b.cmp(a));
        all.truncate(limit);
        Ok(all)
    }

    pub async fn lists(&self, shards: &[ShardId]) -> Result<Vec<ListStats>, StoreError> {
        let mut all: BTreeMap<ListName, (u64, Millis)> = BTreeMap::new();
        let names = self.ask_these(shards, |pipe, shard| {
            pipe.cmd("SMEMBERS").arg(self.keys.of(shard, LISTS));
        });
        let stats = shards.iter().copied().zip(names.await?).map(async |(shard, names)| {
            let names: Vec<String> = decode::list(names).into_iter().filter_map(decode::text).collect();
            self.lists_of(shard, names).await
        });
        for (name, records, earliest) in try_join_all(stats).await?.into_iter().flatten() {
            let entry = all.entry(name).or_insert((0, earliest));
            *entry = (entry.0 + records, entry.1.min(earliest));
        }
        Ok(all.into_iter().map(|(list, (records, earliest))| ListStats { list, records, earliest }).collect())
    }

    async fn lists_of(&self, shard: ShardId, names: Vec<String>) -> Result<Vec<(ListName, u64, Millis)>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipe = redis::pipe();
        for name in &names {
            let key = self.keys.list(shard, name);
            pipe.cmd("ZCARD").arg(&key);
            pipe.cmd("ZRANGE").arg(&key).arg(&["0", "0", "WITHSCORES"]);
        }
        let mut answers = self.pipe(&pipe).await?.into_iter();
        let mut found = Vec::new();
        for name in names {
            let records = answers.next().map_or(0, decode::count);
            let first = decode::scored(answers.next().unwrap_or_default()).next();
            // The name of a list stays behind when the list is empty.
            found.extend(first.map(|(_, at)| (ListName::new(&name), records, Millis(at))));
        }
        Ok(found)
    }

    pub async fn remembered(&self, shard: ShardId) -> Result<Vec<IdPack>, StoreError> {
        let hours = self.cmd(redis::cmd("SMEMBERS").arg(self.keys.of(shard, HOURS))).await?;
        let mut hours: Vec<i64> = decode::list(hours).into_iter().filter_map(decode::int).collect();
        hours.sort_unstable();
        let mut packs = Vec::new();
        // One after the other: each may be many megabytes.
        for hour in hours {
            let pack = self.cmd(redis::cmd("GET").arg(self.keys.ids(shard, hour))).await?;
            let ids = unpack(&decode::bytes(pack).unwrap_or_default());
            packs.extend((!ids.is_empty()).then_some(IdPack { hour, ids }));
        }
        Ok(packs)
    }

    /// Asks the same of each shard, in order.
    pub async fn ask_shards(&self, question: impl Fn(&mut Pipeline, ShardId)) -> Result<Vec<Value>, StoreError> {
        let all: Vec<ShardId> = self.options.shards.all().collect();
        self.ask_these(&all, question).await
    }

    /// Asks the same of each of some shards, in order: with one call, or on a cluster with one for each.
    pub async fn ask_these(
        &self,
        shards: &[ShardId],
        question: impl Fn(&mut Pipeline, ShardId),
    ) -> Result<Vec<Value>, StoreError> {
        let mut pipes = Vec::new();
        for &shard in shards {
            if self.settings.cluster || pipes.is_empty() {
                pipes.push(redis::pipe());
            }
            pipes.iter_mut().last().into_iter().for_each(|pipe| question(pipe, shard));
        }
        Ok(try_join_all(pipes.iter().map(|pipe| self.pipe(pipe))).await?.into_iter().flatten().collect())
    }
}

fn record(value: Value) -> Result<Option<Box<str>>, StoreError> {
    match value {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text.into_boxed_str())),
            Err(_) => Err(decode::unexpected("a record")),
        },
        _ => Err(decode::unexpected("a record")),
    }
}

fn scored_records(answer: Value) -> Result<Listing, StoreError> {
    let read = |(name, at): (String, i64)| name.parse().ok().map(|key| (Millis(at), key));
    decode::scored(answer).map(|pair| read(pair).ok_or_else(|| decode::unexpected("a list of records"))).collect()
}

fn unpack(pack: &[u8]) -> Vec<u64> {
    pack.as_chunks().0.iter().map(|id| u64::from_be_bytes(*id)).collect()
}
