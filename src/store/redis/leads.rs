//! Leads and rejected events. A lead is a hash in its subject's shard, with indexes by time there; answers are merged from all
//! shards.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use redis::{Pipeline, Value};

use super::decode;
use super::keys::{LEADS, REJECTED};
use super::shared::Core;
use crate::ids::ShardId;
use crate::store::{LeadQuery, LeadRow, Rejected, StoreError};
use crate::time::Millis;

/// How many leads are read at once.
const ABREAST: usize = 32;

impl Core {
    pub async fn leads(&self, query: &LeadQuery) -> Result<Vec<LeadRow>, StoreError> {
        if query.limit == 0 {
            return Ok(Vec::new());
        }
        let ids = match &query.subject {
            Some(_) => self.leads_of_subject(query).await?,
            None => self.newest_leads(query).await?,
        };
        let rows = ids.into_iter().map(|(shard, id)| async move {
            let fields = self.cmd(redis::cmd("HGETALL").arg(self.keys.lead(shard, &id))).await?;
            Ok::<_, StoreError>(row(&id, fields))
        });
        let rows: Vec<Option<LeadRow>> = stream::iter(rows).buffered(ABREAST).try_collect().await?;
        // Between the question for ids and that for leads they may have changed.
        let mut rows: Vec<LeadRow> = rows.into_iter().flatten().filter(|row| query.matches(row)).collect();
        rows.sort_by(|a, b| (b.updated, &b.id).cmp(&(a.updated, &a.id)));
        rows.truncate(query.limit);
        Ok(rows)
    }

    pub async fn lead(&self, id: &str) -> Result<Option<LeadRow>, StoreError> {
        // Where a lead is depends on its subject, which its id does not tell; a person can wait for asking everywhere.
        let answers = self.ask_shards(|pipe, shard| {
            pipe.cmd("HGETALL").arg(self.keys.lead(shard, id));
        });
        Ok(answers.await?.into_iter().find_map(|fields| row(id, fields)))
    }

    async fn leads_of_subject(&self, query: &LeadQuery) -> Result<Vec<(ShardId, String)>, StoreError> {
        let Some(subject) = &query.subject else { return Ok(Vec::new()) };
        let shard = self.options.shards.of(subject);
        let mut cmd = redis::cmd("ZRANGE");
        // A subject has few, and the definition is looked at when they are read.
        cmd.arg(self.keys.leads_of(shard, subject)).arg(latest(query)).arg("-inf").arg(&["BYSCORE", "REV"]);
        let ids = decode::list(self.cmd(&cmd).await?).into_iter().filter_map(decode::text);
        Ok(ids.map(|id| (shard, id)).collect())
    }

    /// The ids of the newest leads of all shards: first only those travel, then no more leads than were asked for.
    async fn newest_leads(&self, query: &LeadQuery) -> Result<Vec<(ShardId, String)>, StoreError> {
        let newest_in = |pipe: &mut Pipeline, shard| {
            let index = match &query.definition {
                Some(definition) => self.keys.leads_for(shard, definition),
                None => self.keys.of(shard, LEADS),
            };
            let range = pipe.cmd("ZRANGE").arg(index).arg(latest(query)).arg("-inf");
            range.arg(&["BYSCORE", "REV", "LIMIT", "0"]).arg(query.limit).arg("WITHSCORES");
        };
        let answers = self.ask_shards(newest_in).await?;
        let mut newest: Vec<(i64, String, ShardId)> = Vec::new();
        for (shard, answer) in self.options.shards.all().zip(answers) {
            newest.extend(decode::scored(answer).map(|(id, at)| (at, id, shard)));
        }
        newest.sort_by(|a, b| (b.0, &b.1).cmp(&(a.0, &a.1)));
        newest.truncate(query.limit);
        Ok(newest.into_iter().map(|(_, id, shard)| (shard, id)).collect())
    }

    /// The log of rejected events: in each shard a list of JSON, the newest first, bounded as if it were the only one.
    pub async fn rejected(&self, limit: usize) -> Result<Vec<Rejected>, StoreError> {
        let Some(last) = limit.checked_sub(1) else { return Ok(Vec::new()) };
        let answers = self.ask_shards(|pipe, shard| {
            pipe.cmd("LRANGE").arg(self.keys.of(shard, REJECTED)).arg(0).arg(i64::try_from(last).unwrap_or(i64::MAX));
        });
        let lines = answers.await?.into_iter().flat_map(decode::list).filter_map(decode::text);
        let mut all: Vec<Rejected> = lines.filter_map(|line| serde_json::from_str(&line).ok()).collect();
        // Those of one moment stay as they are: within a shard, the later ones first.
        all.sort_by_key(|one| Reverse(one.at));
        all.truncate(limit);
        Ok(all)
    }
}

/// Where an index is entered.
fn latest(query: &LeadQuery) -> String {
    query.before.map_or_else(|| "+inf".to_owned(), |before| format!("({}", before.0))
}

fn row(id: &str, fields: Value) -> Option<LeadRow> {
    let mut fields: BTreeMap<String, String> = decode::pairs(fields).collect();
    Some(LeadRow {
        id: id.to_owned(),
        subject: fields.get("subject")?.parse().ok()?,
        definition: fields.remove("definition")?,
        updated: Millis(decode::number(fields.get("updated")?)?),
        json: fields.remove("json")?,
    })
}
