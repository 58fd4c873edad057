//! The queue: claims, lists, replays and figures. Adding and settling are part of a commit.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use redis::Value;

use super::script::{self, Call, Script};
use super::{Core, decode};
use crate::identity::PartitionId;
use crate::store::{
    Claimed, Claims, Entry, EntryQuery, EntryRow, EntryState, QueueName, QueueStats, Replay, StoreError, duration_ms,
};
use crate::time::Millis;

/// How many calls of one question are under way at once.
const ABREAST: usize = 32;

/// How many entries one call revives, so that it does not hold up Redis.
const REPLAYED_AT_ONCE: usize = 500;

/// An entry in a list of one partition: what it is sorted by, and its number.
struct Listed {
    at: i64,
    partition: PartitionId,
    number: String,
}

impl Core {
    pub async fn claim(
        &self,
        partition: PartitionId,
        queue: &QueueName,
        now: Millis,
        lease: Duration,
        limit: usize,
    ) -> Result<Claims, StoreError> {
        self.tick(now);
        let mut call = Call::new(self.keys.base(partition));
        call.arg(queue.as_str()).show(now.0).show(now.plus(duration_ms(lease)).0).show(limit);
        let mut answer = decode::list(self.eval(&script::CLAIM, &call).await?).into_iter();
        let next_due = answer.next().and_then(decode::int).map(Millis);
        let claimed = answer.filter_map(|claim| claimed(partition, claim)).collect();
        Ok(Claims { claimed, next_due })
    }

    /// Asks a script in every partition.
    async fn everywhere(
        &self,
        script: &Script,
        arguments: impl Fn(&mut Call),
    ) -> Result<Vec<(PartitionId, Value)>, StoreError> {
        let calls = self.options.partitions.all().map(|partition| {
            let mut call = Call::new(self.keys.base(partition));
            arguments(&mut call);
            async move { Ok((partition, self.eval(script, &call).await?)) }
        });
        stream::iter(calls).buffered(ABREAST).try_collect().await
    }

    pub async fn entries(&self, query: &EntryQuery) -> Result<Vec<EntryRow>, StoreError> {
        let mut listed = self.listed(query).await?;
        // The newest first; within a partition, what was added later has the higher number.
        listed.sort_by(|a, b| {
            (Reverse(a.at), a.partition, Reverse(&a.number)).cmp(&(Reverse(b.at), b.partition, Reverse(&b.number)))
        });
        listed.truncate(query.limit);
        let rows = listed.into_iter().map(|listed| async move {
            let cmd = redis::cmd("HGETALL").arg(self.keys.entry(listed.partition, &listed.number)).take();
            self.cmd(&cmd).await.map(|fields| row(fields, query.state))
        });
        let rows: Vec<Option<EntryRow>> = stream::iter(rows).buffered(ABREAST).try_collect().await?;
        // An entry may have moved on since it was listed.
        Ok(rows.into_iter().flatten().collect())
    }

    async fn listed(&self, query: &EntryQuery) -> Result<Vec<Listed>, StoreError> {
        let answers = self.everywhere(&script::LIST, |call| {
            call.arg(state(query.state)).arg(query.queue.as_ref().map_or("", QueueName::as_str));
            call.arg(query.queue_prefix.as_deref().unwrap_or("")).show(query.limit);
        });
        let mut listed = Vec::new();
        for (partition, answer) in answers.await? {
            for (at, number) in decode::pairs(answer) {
                listed.push(Listed { at: decode::number(&at).unwrap_or(0), partition, number });
            }
        }
        Ok(listed)
    }

    pub async fn replay(&self, which: &Replay, now: Millis) -> Result<usize, StoreError> {
        self.tick(now);
        let (kind, name) = match which {
            Replay::Entry(id) => ("entry", id.as_str()),
            Replay::Queue(queue) => ("queue", queue.as_str()),
            Replay::All => ("all", ""),
        };
        let calls = self.options.partitions.all().map(|partition| {
            let mut call = Call::new(self.keys.base(partition));
            call.arg(kind).arg(name).show(now.0).show(REPLAYED_AT_ONCE);
            async move { self.replay_all(partition, &call).await }
        });
        stream::iter(calls).buffer_unordered(ABREAST).try_fold(0, |sum, count| async move { Ok(sum + count) }).await
    }

    async fn replay_all(&self, partition: PartitionId, call: &Call) -> Result<usize, StoreError> {
        let mut sum = 0;
        loop {
            let answer = self.eval_durably(partition, &script::REPLAY, call).await?;
            let count = usize::try_from(decode::count(answer)).unwrap_or(0);
            sum += count;
            if count < REPLAYED_AT_ONCE {
                return Ok(sum);
            }
        }
    }

    pub async fn queue_stats(&self, now: Millis) -> Result<Vec<QueueStats>, StoreError> {
        let mut stats = BTreeMap::new();
        for (_, answer) in self.everywhere(&script::STATS, |_| {}).await? {
            let mut answer = decode::list(answer).into_iter();
            while let Some(queue) = answer.next().and_then(decode::text) {
                let mut figure = || answer.next().and_then(decode::int);
                let (pending, dead, oldest) = (figure(), figure(), figure());
                let stats = QueueStats::of(&mut stats, &QueueName::new(&queue));
                stats.pending += pending.map_or(0, i64::unsigned_abs);
                stats.dead += dead.map_or(0, i64::unsigned_abs);
                stats.oldest_ms = stats.oldest_ms.max(oldest.map_or(0, |created| now.since(Millis(created))));
            }
        }
        Ok(stats.into_values().collect())
    }
}

fn state(state: EntryState) -> &'static str {
    match state {
        EntryState::Pending => "pending",
        EntryState::Dead => "dead",
        EntryState::Done => "done",
    }
}

fn claimed(partition: PartitionId, claim: Value) -> Option<Claimed> {
    let mut claim = decode::list(claim).into_iter();
    let lease = claim.next().and_then(decode::int).and_then(|lease| u64::try_from(lease).ok())?;
    let entry = entry(&decode::pairs(claim.next()?).collect())?;
    Some(Claimed { partition, entry, lease })
}

fn row(fields: Value, wanted: EntryState) -> Option<EntryRow> {
    let fields: BTreeMap<String, String> = decode::pairs(fields).collect();
    if fields.get("state").is_none_or(|found| found != state(wanted)) {
        return None;
    }
    let settled = fields.get("settled").map(|at| decode::millis(at));
    Some(EntryRow { entry: entry(&fields)?, state: wanted, settled })
}

fn entry(fields: &BTreeMap<String, String>) -> Option<Entry> {
    Some(Entry {
        id: fields.get("id")?.clone(),
        queue: QueueName::new(fields.get("queue")?),
        lane: fields.get("lane").cloned(),
        subject: fields.get("subject")?.clone(),
        due: decode::millis(fields.get("due")?),
        created: decode::millis(fields.get("created")?),
        attempts: fields.get("attempts")?.parse().ok()?,
        last_error: fields.get("last_error").cloned(),
        payload: fields.get("payload")?.clone(),
    })
}
