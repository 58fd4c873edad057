//! The tables of leads and of rejected events.

use rusqlite::{Connection, OptionalExtension, Row, params};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::errors::damaged;
use super::schema::limit;
use crate::ids::RecordKey;
use crate::store::{LeadQuery, LeadRow, Rejected, StoreError, rejects};
use crate::time::Millis;

const COLUMNS: &str = "id, subject, definition, updated, json, sum";

fn sum(lead: &LeadRow, subject: &str) -> i64 {
    let seed = [lead.id.as_str(), subject, lead.definition.as_str()].into_iter();
    let seed = seed.fold(lead.updated.0.cast_unsigned(), |seed, text| xxh3_64_with_seed(text.as_bytes(), seed));
    xxh3_64_with_seed(lead.json.as_bytes(), seed).cast_signed()
}

pub(super) fn put(connection: &Connection, lead: &LeadRow) -> Result<(), StoreError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO leads (id, subject, definition, updated, json, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE SET subject = ?2, definition = ?3, updated = ?4, json = ?5, sum = ?6",
    )?;
    let subject = lead.subject.to_string();
    insert.execute(params![lead.id, subject, lead.definition, lead.updated.0, lead.json, sum(lead, &subject)])?;
    Ok(())
}

fn lead(row: &Row<'_>) -> rusqlite::Result<Result<LeadRow, StoreError>> {
    let id: String = row.get(0)?;
    let subject = row.get_ref(1)?.as_str()?;
    let Ok(key) = subject.parse::<RecordKey>() else { return Ok(Err(damaged(&format!("the lead {id}")))) };
    let lead = LeadRow { id, subject: key, definition: row.get(2)?, updated: Millis(row.get(3)?), json: row.get(4)? };
    if sum(&lead, subject) == row.get::<_, i64>(5)? {
        return Ok(Ok(lead));
    }
    Ok(Err(damaged(&format!("the lead {}", lead.id))))
}

pub(super) fn by_id(connection: &Connection, id: &str) -> Result<Option<LeadRow>, StoreError> {
    let mut select = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM leads WHERE id = ?1"))?;
    select.query_row([id], lead).optional()?.transpose()
}

pub(super) fn by_query(connection: &Connection, query: &LeadQuery) -> Result<Vec<LeadRow>, StoreError> {
    // One statement for each shape, so that each is answered from its index.
    let subject = query.subject.as_ref().map(ToString::to_string);
    let by_subject = if subject.is_some() { "subject = ?1" } else { "?1 IS NULL" };
    let by_definition = if query.definition.is_some() { "definition = ?2" } else { "?2 IS NULL" };
    let mut select = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM leads
         WHERE {by_subject} AND {by_definition} AND (?3 IS NULL OR updated < ?3) ORDER BY updated DESC, id DESC LIMIT ?4"
    ))?;
    let before = query.before.map(|before| before.0);
    let rows = select.query_map(params![subject, query.definition, before, limit(query.limit)], lead)?;
    rows.map(|row| row?).collect()
}

pub(super) fn delete_of(connection: &Connection, subject: &str) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM leads WHERE subject = ?1")?.execute([subject])?;
    Ok(())
}

/// The log of rejected events is cut when it has grown by this share beyond its bound, as a divisor.
const SLACK: usize = 8;

/// Appends to the log of rejected events, already as JSON, and keeps about the newest `bound`: of each source its share.
pub(super) fn put_rejected(connection: &Connection, rejected: &[String], bound: usize) -> Result<(), StoreError> {
    let mut insert = connection.prepare_cached("INSERT INTO rejected (json) VALUES (?1)")?;
    for json in rejected {
        insert.execute([json])?;
    }
    let count: i64 = connection.prepare_cached("SELECT count(*) FROM rejected")?.query_row([], |row| row.get(0))?;
    if count <= limit(bound + bound / SLACK) {
        return Ok(());
    }
    let mut select = connection.prepare("SELECT count(*) FROM rejected GROUP BY json ->> 'source'")?;
    let counts = select.query_map([], |row| row.get::<_, i64>(0))?;
    let counts = counts.map(|count| count.map(|count| usize::try_from(count).unwrap_or(0)));
    let share = rejects::share(counts.collect::<Result<_, _>>()?, bound);
    connection.execute(
        "DELETE FROM rejected WHERE seq IN (SELECT seq FROM (
           SELECT seq, row_number() OVER (PARTITION BY json ->> 'source' ORDER BY seq DESC) AS place FROM rejected
         ) WHERE place > ?1)",
        [limit(share)],
    )?;
    Ok(())
}

pub(super) fn rejected(connection: &Connection, count: usize) -> Result<Vec<Rejected>, StoreError> {
    let mut select = connection.prepare_cached("SELECT json FROM rejected ORDER BY seq DESC LIMIT ?1")?;
    let rows: Vec<String> = select.query_map([limit(count)], |row| row.get(0))?.collect::<Result<_, _>>()?;
    rows.iter().map(|json| serde_json::from_str(json).map_err(|_| damaged("a rejected event"))).collect()
}
