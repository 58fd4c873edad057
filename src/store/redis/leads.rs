//! Leads: each is a hash in its subject's partition, and an index by time there, which the answers of all partitions are
//! merged from.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use redis::Value;

use super::{Core, decode};
use crate::identity::PartitionId;
use crate::store::{LeadQuery, LeadRow, StoreError};

/// How many calls of one question are under way at once.
const ABREAST: usize = 32;

impl Core {
    pub async fn leads(&self, query: &LeadQuery) -> Result<Vec<LeadRow>, StoreError> {
        let ids = match &query.subject {
            Some(_) => self.leads_of_subject(query).await?,
            None => self.newest_leads(query).await?,
        };
        let rows = ids.into_iter().map(|(partition, id)| async move { self.lead_in(partition, &id).await });
        let rows: Vec<Option<LeadRow>> = stream::iter(rows).buffered(ABREAST).try_collect().await?;
        let mut rows: Vec<LeadRow> = rows.into_iter().flatten().filter(|row| query.matches(row)).collect();
        rows.sort_by(|a, b| (b.updated, &b.id).cmp(&(a.updated, &a.id)));
        rows.truncate(query.limit);
        Ok(rows)
    }

    pub async fn lead(&self, id: &str) -> Result<Option<LeadRow>, StoreError> {
        // Where a lead is depends on its subject, which its id does not tell; a person can wait for asking everywhere.
        let everywhere = self.options.partitions.all().map(|partition| self.lead_in(partition, id));
        let found: Vec<Option<LeadRow>> = stream::iter(everywhere).buffer_unordered(ABREAST).try_collect().await?;
        Ok(found.into_iter().flatten().next())
    }

    async fn lead_in(&self, partition: PartitionId, id: &str) -> Result<Option<LeadRow>, StoreError> {
        let fields = self.cmd(redis::cmd("HGETALL").arg(self.keys.lead(partition, id))).await?;
        Ok(row(id, fields))
    }

    async fn leads_of_subject(&self, query: &LeadQuery) -> Result<Vec<(PartitionId, String)>, StoreError> {
        let Some(subject) = &query.subject else { return Ok(Vec::new()) };
        let partition = self.options.partitions.of(subject);
        let belongings = self.cmd(redis::cmd("SMEMBERS").arg(self.keys.belongings(partition, subject))).await?;
        let names = decode::list(belongings).into_iter().filter_map(decode::text);
        Ok(names.filter_map(|name| Some((partition, name.strip_prefix("lead:")?.to_owned()))).collect())
    }

    /// The ids of the newest leads of all partitions: first only those travel, then no more leads than were asked for.
    async fn newest_leads(&self, query: &LeadQuery) -> Result<Vec<(PartitionId, String)>, StoreError> {
        let calls = self.options.partitions.all().map(|partition| async move {
            let mut cmd = redis::cmd("ZRANGE");
            cmd.arg(self.keys.leads(partition, query.definition.as_deref()));
            let before = query.before.map_or_else(|| "+inf".to_owned(), |before| format!("({}", before.0));
            cmd.arg(before).arg("-inf").arg(&["BYSCORE", "REV", "LIMIT", "0"]).arg(query.limit).arg("WITHSCORES");
            self.cmd(&cmd).await.map(|answer| (partition, answer))
        });
        let answers: Vec<(PartitionId, Value)> = stream::iter(calls).buffered(ABREAST).try_collect().await?;
        let mut newest: Vec<(i64, String, PartitionId)> = Vec::new();
        for (partition, answer) in answers {
            newest.extend(scored(answer).map(|(id, at)| (at, id, partition)));
        }
        newest.sort_by(|a, b| (b.0, &b.1).cmp(&(a.0, &a.1)));
        newest.truncate(query.limit);
        Ok(newest.into_iter().map(|(_, id, partition)| (partition, id)).collect())
    }
}

/// Members with their scores: RESP3 gives them as pairs.
fn scored(answer: Value) -> impl Iterator<Item = (String, i64)> {
    decode::list(answer).into_iter().filter_map(|pair| {
        let mut pair = decode::list(pair).into_iter();
        Some((decode::text(pair.next()?)?, decode::int(pair.next()?)?))
    })
}

fn row(id: &str, fields: Value) -> Option<LeadRow> {
    let fields: BTreeMap<String, String> = decode::pairs(fields).collect();
    Some(LeadRow {
        id: id.to_owned(),
        subject: fields.get("subject")?.parse().ok()?,
        definition: fields.get("definition")?.clone(),
        updated: decode::millis(fields.get("updated")?),
        json: fields.get("json")?.clone(),
    })
}
