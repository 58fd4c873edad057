//! The tables of queue entries, leads and rejected events, as statements.

use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};

use super::queue::Item;
use crate::identity::{PartitionId, RecordKey};
use crate::store::{
    Entry, EntryQuery, EntryRow, EntryState, LeadQuery, LeadRow, QueueName, Rejected, Replay, StoreError,
};
use crate::time::Millis;

const ENTRY: &str = "id, queue, lane, subject, due, created, attempts, last_error, payload";

pub(super) const fn state_number(state: EntryState) -> i64 {
    match state {
        EntryState::Pending => 0,
        EntryState::Dead => 1,
        EntryState::Done => 2,
    }
}

fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(super) fn insert_entry(
    connection: &Connection,
    partition: PartitionId,
    seq: i64,
    entry: &Entry,
) -> Result<(), StoreError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO queue (seq, partition, queue, id, lane, subject, state, listed, due, created, attempts, last_error, payload)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8, ?7, ?9, ?10, ?11)",
    )?;
    insert.execute(params![
        seq,
        partition.0,
        entry.queue.as_str(),
        entry.id,
        entry.lane,
        entry.subject,
        entry.created.0,
        entry.due.0,
        entry.attempts,
        entry.last_error,
        entry.payload
    ])?;
    Ok(())
}

pub(super) fn delete_entry(connection: &Connection, seq: i64) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM queue WHERE seq = ?1")?.execute([seq])?;
    Ok(())
}

pub(super) fn finish_entry(connection: &Connection, seq: i64, now: Millis) -> Result<(), StoreError> {
    let mut update = connection.prepare_cached("UPDATE queue SET state = 2, listed = ?2 WHERE seq = ?1")?;
    update.execute(params![seq, now.0])?;
    Ok(())
}

pub(super) fn retry_entry(
    connection: &Connection,
    seq: i64,
    due: Millis,
    attempts: u32,
    error: &str,
) -> Result<(), StoreError> {
    let sql = "UPDATE queue SET due = ?2, attempts = ?3, last_error = ?4 WHERE seq = ?1";
    connection.prepare_cached(sql)?.execute(params![seq, due.0, attempts, error])?;
    Ok(())
}

pub(super) fn give_up_entry(
    connection: &Connection,
    seq: i64,
    now: Millis,
    attempts: u32,
    error: &str,
) -> Result<(), StoreError> {
    let sql = "UPDATE queue SET state = 1, listed = ?2, attempts = ?3, last_error = ?4 WHERE seq = ?1";
    connection.prepare_cached(sql)?.execute(params![seq, now.0, attempts, error])?;
    Ok(())
}

/// Makes a dead entry pending under a new number.
pub(super) fn revive_entry(connection: &Connection, seq: i64, new_seq: i64, now: Millis) -> Result<(), StoreError> {
    let sql = "UPDATE queue SET seq = ?2, state = 0, listed = created, due = ?3, attempts = 0 WHERE seq = ?1";
    connection.prepare_cached(sql)?.execute(params![seq, new_seq, now.0])?;
    Ok(())
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        id: row.get(0)?,
        queue: QueueName::new(row.get_ref(1)?.as_str()?),
        lane: row.get(2)?,
        subject: row.get(3)?,
        due: Millis(row.get(4)?),
        created: Millis(row.get(5)?),
        attempts: row.get(6)?,
        last_error: row.get(7)?,
        payload: row.get(8)?,
    })
}

/// Entries by their numbers; one that is gone meanwhile is `None`.
pub(super) fn entries_by_seq(connection: &Connection, seqs: &[i64]) -> Result<Vec<Option<Entry>>, StoreError> {
    let mut select = connection.prepare_cached(&format!("SELECT {ENTRY} FROM queue WHERE seq = ?1 AND state = 0"))?;
    let mut found = Vec::with_capacity(seqs.len());
    for seq in seqs {
        found.push(select.query_map([seq], entry)?.next().transpose()?);
    }
    Ok(found)
}

pub(super) fn entries(connection: &Connection, query: &EntryQuery) -> Result<Vec<EntryRow>, StoreError> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {ENTRY}, listed FROM queue
         WHERE state = ?1 AND (?2 IS NULL OR queue = ?2) AND (?3 IS NULL OR substr(queue, 1, length(?3)) = ?3)
         ORDER BY listed DESC, seq DESC LIMIT ?4"
    ))?;
    let only = query.queue.as_ref().map(QueueName::as_str);
    let settled = |listed| (query.state != EntryState::Pending).then_some(Millis(listed));
    let rows = select
        .query_map(params![state_number(query.state), only, query.queue_prefix, limit(query.limit)], |row| {
            Ok(EntryRow { entry: entry(row)?, state: query.state, settled: settled(row.get(9)?) })
        })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A row of the queue without what is only of interest to its worker.
pub(super) struct Placed {
    pub(super) partition: PartitionId,
    pub(super) queue: QueueName,
    pub(super) state: i64,
    pub(super) item: Item,
}

const PLACED: &str = "SELECT partition, queue, state, seq, id, lane, due, created FROM queue";

fn placed(row: &Row<'_>) -> rusqlite::Result<Placed> {
    let lane: Option<String> = row.get(5)?;
    Ok(Placed {
        partition: PartitionId(row.get(0)?),
        queue: QueueName::new(row.get_ref(1)?.as_str()?),
        state: row.get(2)?,
        item: Item {
            seq: row.get(3)?,
            id: row.get(4)?,
            lane: lane.map(Into::into),
            due: Millis(row.get(6)?),
            created: Millis(row.get(7)?),
        },
    })
}

/// Calls `each` with all rows of the queue, finished ones in the order of finishing.
pub(super) fn each_placed(connection: &Connection, mut each: impl FnMut(Placed)) -> Result<(), StoreError> {
    let mut select = connection.prepare(&format!("{PLACED} ORDER BY state, listed, seq"))?;
    for row in select.query_map([], placed)? {
        each(row?);
    }
    Ok(())
}

/// The dead entries that `which` names, in the order of adding.
pub(super) fn dead_entries(connection: &Connection, which: &Replay) -> Result<Vec<Placed>, StoreError> {
    let (id, queue) = match which {
        Replay::Entry(id) => (Some(id.as_str()), None),
        Replay::Queue(queue) => (None, Some(queue.as_str())),
        Replay::All => (None, None),
    };
    let mut select = connection.prepare_cached(&format!(
        "{PLACED} WHERE state = 1 AND (?1 IS NULL OR id = ?1) AND (?2 IS NULL OR queue = ?2) ORDER BY seq"
    ))?;
    Ok(select.query_map([id, queue], placed)?.collect::<Result<_, _>>()?)
}

pub(super) fn entries_of(connection: &Connection, subject: &str) -> Result<Vec<Placed>, StoreError> {
    let mut select = connection.prepare_cached(&format!("{PLACED} WHERE subject = ?1"))?;
    Ok(select.query_map([subject], placed)?.collect::<Result<_, _>>()?)
}

pub(super) fn last_seq(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.query_row("SELECT coalesce(max(seq), 0) FROM queue", [], |row| row.get(0))?)
}

pub(super) fn put_lead(connection: &Connection, lead: &LeadRow) -> Result<(), StoreError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO leads (id, subject, definition, updated, json) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (id) DO UPDATE SET subject = ?2, definition = ?3, updated = ?4, json = ?5",
    )?;
    insert.execute(params![lead.id, lead.subject.to_string(), lead.definition, lead.updated.0, lead.json])?;
    Ok(())
}

fn lead_row(row: &Row<'_>) -> rusqlite::Result<LeadRow> {
    let subject: RecordKey = (row.get_ref(1)?.as_str()?.parse())
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(1, Type::Text, Box::new(error)))?;
    Ok(LeadRow { id: row.get(0)?, subject, definition: row.get(2)?, updated: Millis(row.get(3)?), json: row.get(4)? })
}

pub(super) fn lead(connection: &Connection, id: &str) -> Result<Option<LeadRow>, StoreError> {
    let mut select =
        connection.prepare_cached("SELECT id, subject, definition, updated, json FROM leads WHERE id = ?1")?;
    Ok(select.query_map([id], lead_row)?.next().transpose()?)
}

pub(super) fn leads(connection: &Connection, query: &LeadQuery) -> Result<Vec<LeadRow>, StoreError> {
    // One statement for each shape, so that each is answered from its index.
    let subject = query.subject.as_ref().map(ToString::to_string);
    let by_subject = if subject.is_some() { "subject = ?1" } else { "?1 IS NULL" };
    let by_definition = if query.definition.is_some() { "definition = ?2" } else { "?2 IS NULL" };
    let mut select = connection.prepare_cached(&format!(
        "SELECT id, subject, definition, updated, json FROM leads
         WHERE {by_subject} AND {by_definition} AND updated < ?3 ORDER BY updated DESC, id DESC LIMIT ?4"
    ))?;
    let before = query.before.map_or(i64::MAX, |before| before.0);
    let rows = select.query_map(params![subject, query.definition, before, limit(query.limit)], lead_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn delete_leads_of(connection: &Connection, subject: &str) -> Result<usize, StoreError> {
    Ok(connection.prepare_cached("DELETE FROM leads WHERE subject = ?1")?.execute([subject])?)
}

/// Appends to the log of rejected events and keeps the newest `bound`.
pub(super) fn put_rejected(connection: &Connection, rejected: &[Rejected], bound: usize) -> Result<(), StoreError> {
    let mut insert = connection.prepare_cached("INSERT INTO rejected (json) VALUES (?1)")?;
    for rejected in rejected.iter().skip(rejected.len().saturating_sub(bound)) {
        let json = serde_json::to_string(rejected).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        insert.execute([json])?;
    }
    let trim = "DELETE FROM rejected WHERE seq <= (SELECT max(seq) FROM rejected) - ?1";
    connection.prepare_cached(trim)?.execute([limit(bound)])?;
    Ok(())
}

pub(super) fn rejected(connection: &Connection, count: usize) -> Result<Vec<Rejected>, StoreError> {
    let mut select = connection.prepare_cached("SELECT json FROM rejected ORDER BY seq DESC LIMIT ?1")?;
    let rows: Vec<String> = select.query_map([limit(count)], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let unreadable = |error| StoreError::Unusable(format!("a rejected event can't be read: {error}"));
    rows.iter().map(|json| serde_json::from_str(json).map_err(unreadable)).collect()
}

/// Sizes for the operator.
pub(super) fn figures(connection: &Connection) -> Result<Vec<(String, u64)>, StoreError> {
    let figure = |name: &str, sql: &str| {
        let figure: i64 = connection.query_row(sql, [], |row| row.get(0))?;
        Ok((name.to_owned(), figure.max(0).cast_unsigned()))
    };
    [
        ("records", "SELECT count(*) FROM records"),
        ("leads", "SELECT count(*) FROM leads"),
        ("journal_rows", "SELECT count(*) FROM journal"),
        ("file_bytes", "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"),
    ]
    .into_iter()
    .map(|(name, sql)| figure(name, sql))
    .collect()
}
