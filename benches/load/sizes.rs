//! What a stopped server has left in its store: records, and remembered message ids.
//!
//! *embedded*: the pages of the tables of records and their index, and of those of ids, as SQLite counts them (`dbstat`); what is
//! dead or empty in a page counts as well. *Redis*: ids as `MEMORY USAGE` says; records are all that Redis uses more than when it
//! was empty, less every key that is no record, so that its table of keys counts as well. Logs and the write-ahead log don't
//! count.

use std::collections::BTreeMap;

use anyhow::Context as _;
use rusqlite::{Connection, OpenFlags};

use crate::table::{megabytes, thousands};
use crate::world::World;

/// Sums up the bytes of message ids and of every other key that is no record.
const REST: &str = r"
local ids, other, cursor = 0, 0, '0'
repeat
  local page = redis.call('SCAN', cursor, 'COUNT', 1000)
  cursor = page[1]
  for _, key in ipairs(page[2]) do
    local name = string.match(key, '^hr:{s%d+}:(.*)$') or ''
    local kind = string.match(name, '^(%a+):') or ''
    if kind ~= 'user' and kind ~= 'account' then
      local bytes = redis.call('MEMORY', 'USAGE', key, 'SAMPLES', 0)
      if kind == 'ids' then ids = ids + bytes else other = other + bytes end
    end
  end
until cursor == '0'
return { ids, other }";

pub struct Sizes {
    subjects: u32,
    events: f64,
    records: u64,
    ids: u64,
    in_all: u64,
}

impl Sizes {
    pub fn cells(&self, label: String) -> [String; 6] {
        [
            label,
            thousands(f64::from(self.subjects)),
            thousands(self.records as f64 / f64::from(self.subjects.max(1))),
            thousands(self.events),
            thousands(self.ids as f64 / self.events.max(1.0)),
            megabytes(self.in_all),
        ]
    }
}

/// Bytes of all Redis servers together; nothing for other stores.
pub fn in_all(world: &World) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for redis in &world.redis {
        let info = redis.cli(&["info", "memory"]);
        let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
        let used = used.and_then(|used| used.trim().parse::<u64>().ok());
        bytes += used.context("Redis does not say how much memory it uses")?;
    }
    Ok(bytes)
}

/// Weighs the store of a stopped server; `empty` is what [`in_all`] said before the first event.
pub fn weigh(world: &World, empty: u64, subjects: u32, events: f64) -> anyhow::Result<Sizes> {
    let (records, ids, in_all) = if world.redis.is_empty() { file(world)? } else { memory(world, empty)? };
    Ok(Sizes { subjects, events, records, ids, in_all })
}

fn file(world: &World) -> anyhow::Result<(u64, u64, u64)> {
    let path = world.data().join("handraiser.db");
    let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = connection.prepare("SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let tables: BTreeMap<String, i64> = rows.collect::<Result<_, _>>()?;
    let sum = |names: &[&str]| names.iter().filter_map(|name| tables.get(*name)).sum::<i64>().cast_unsigned();
    let records = sum(&["records", "index_stripes", "index_changes"]);
    Ok((records, sum(&["ids", "ids_hour"]), path.metadata()?.len()))
}

fn memory(world: &World, empty: u64) -> anyhow::Result<(u64, u64, u64)> {
    let (mut ids, mut other) = (0, 0);
    for redis in &world.redis {
        let answer = redis.cli(&["eval", REST, "0"]);
        let mut bytes = answer.lines().map(str::parse::<u64>);
        ids += bytes.next().with_context(|| answer.clone())??;
        other += bytes.next().with_context(|| answer.clone())??;
    }
    let in_all = in_all(world)?;
    Ok((in_all.saturating_sub(empty + ids + other), ids, in_all))
}
