//! A commit as the commands that `lua/commit.lua` runs. What must be decided there is only whether they run at all, so the
//! script is small and does little for each record.

use std::collections::BTreeMap;

use super::keys::{BLOCKS, HOURS, Keys, LISTS, LOG, OUTBOX, REJECTED, STATE};
use super::script::Call;
use crate::ids::RecordKey;
use crate::store::{Append, Commit, RecordWrite, StoreOptions, rejects};
use crate::time::Millis;

/// How many values a command takes. Lua could hand over 8,000 at once.
const MAX_COMMAND_VALUES: usize = 2_000;
/// A command takes no more values once it has so many bytes. Redis and Lua make several copies of each, one after the other,
/// and that is faster by a fifth as long as all fit into the processor's cache.
const MAX_COMMAND_BYTES: usize = 48 << 10;

/// Writes the commands of commits.
pub(super) struct Encoder<'a> {
    call: &'a mut Call,
    keys: &'a Keys,
    options: &'a StoreOptions,
    cluster: bool,
    base: String,
}

impl<'a> Encoder<'a> {
    pub fn new(call: &'a mut Call, keys: &'a Keys, options: &'a StoreOptions, cluster: bool) -> Self {
        Self { call, keys, options, cluster, base: String::new() }
    }

    pub fn commit(mut self, commit: &Commit, name: &str) {
        self.base = self.keys.base(commit.shard);
        self.leads(commit);
        self.records(&commit.records);
        self.lists(&commit.records);
        self.ids(commit);
        self.rejected(commit);
        self.blocks(commit);
        self.position(commit, name);
        // The last: on a cluster the number of the last message is the script's answer.
        self.messages(&commit.messages);
    }

    fn leads(&mut self, commit: &Commit) {
        let state = self.key(STATE);
        for subject in &commit.forget_leads {
            self.call.command("forget").value(&state).shown(subject);
        }
        for lead in &commit.leads {
            self.call.command("lead").value(&state).value(&lead.id).shown(&lead.subject).value(&lead.definition);
            self.call.shown(lead.updated.0).value(&lead.json);
        }
    }

    fn records(&mut self, records: &[RecordWrite]) {
        let base = std::mem::take(&mut self.base);
        let mut set = Long::new(self.call, "MSET", None);
        for record in records {
            if let Some(text) = &record.text {
                record_key(set.room(2), &base, &record.key).value(text.as_bytes());
            }
        }
        let mut unlink = Long::new(self.call, "UNLINK", None);
        for record in records {
            if record.text.is_none() {
                record_key(unlink.room(1), &base, &record.key);
            }
        }
        self.base = base;
    }

    fn lists(&mut self, records: &[RecordWrite]) {
        let mut lists: BTreeMap<&str, Changes> = BTreeMap::new();
        for record in records {
            let goes_to = record.listed.as_ref();
            if let Some(was) = &record.was_listed
                && goes_to.is_none_or(|listed| listed.list != was.list)
            {
                lists.entry(was.list.as_str()).or_default().leave.push(&record.key);
            }
            if let Some(listed) = goes_to {
                lists.entry(listed.list.as_str()).or_default().enter.push((listed.at, &record.key));
            }
        }
        for (name, Changes { leave, enter }) in lists {
            let key = format!("{}list:{name}", self.base);
            let mut command = Long::new(self.call, "ZREM", Some(&key));
            for record in leave {
                command.room(1).shown(record);
            }
            if enter.is_empty() {
                continue;
            }
            let mut command = Long::new(self.call, "ZADD", Some(&key));
            for (at, record) in enter {
                command.room(2).shown(at.0).shown(record);
            }
            let lists = self.key(LISTS);
            self.call.command("SADD").value(lists).value(name);
        }
    }

    fn ids(&mut self, commit: &Commit) {
        let hours = self.key(HOURS);
        for hour in &commit.forget_ids {
            let pack = self.key(&format!("ids:{hour}"));
            self.call.command("UNLINK").value(pack);
            self.call.command("SREM").value(&hours).shown(hour);
        }
        if commit.ids.is_empty() {
            return;
        }
        let hour = commit.now.0.div_euclid(Millis::HOUR);
        let pack: Vec<u8> = commit.ids.iter().flat_map(|id| id.to_be_bytes()).collect();
        let key = self.key(&format!("ids:{hour}"));
        self.call.command("APPEND").value(key).value(pack);
        self.call.command("SADD").value(hours).shown(hour);
    }

    fn rejected(&mut self, commit: &Commit) {
        let bound = self.options.rejected_log;
        let rejected = rejects::keep(commit.rejected.clone(), bound);
        let lines: Vec<String> = rejected.iter().filter_map(|one| serde_json::to_string(one).ok()).collect();
        if lines.is_empty() {
            return;
        }
        let key = self.key(REJECTED);
        let mut push = Long::new(self.call, "LPUSH", Some(&key));
        for line in lines {
            push.room(1).value(line);
        }
        self.call.command("keep").value(key).shown(bound);
    }

    fn blocks(&mut self, commit: &Commit) {
        let key = self.key(BLOCKS);
        if let Some(passed) = commit.blocks_passed {
            self.call.command("XTRIM").value(&key).value("MINID").shown(format_args!("0-{}", passed + 1));
        }
        if let (Some(block), Some(step)) = (&commit.block, commit.step) {
            self.call.command("XADD").value(key).shown(format_args!("0-{}", step + 1)).value("p").value(block);
        }
    }

    fn position(&mut self, commit: &Commit, name: &str) {
        let (state, log) = (self.key(STATE), self.key(LOG));
        self.call.command("HSET").value(&state).value("position").shown(commit.to.0).value("commit").value(name);
        self.call.command("HINCRBY").value(state).value("step").value("1");
        if commit.to > commit.from {
            let min_id = format_args!("0-{}", commit.to.next());
            let trim = self.call.command("XTRIM").value(log).value("MINID");
            if commit.forget_leads.is_empty() {
                // `~`: whole blocks only, which costs next to nothing; readers begin behind the position anyway. LIMIT 0: all
                // such blocks, and not just some of them.
                trim.value("~").shown(min_id).value("LIMIT").value("0");
            } else {
                // Somebody is forgotten: what they did must not stand here until others have done as much.
                trim.value("=").shown(min_id);
            }
        }
    }

    fn messages(&mut self, messages: &[Append]) {
        let outbox = self.key(OUTBOX);
        for message in messages {
            if self.cluster {
                self.call.command("XADD").value(&outbox).value("0-*").value("to").shown(message.shard);
            } else {
                let log = self.keys.of(message.shard, LOG);
                self.call.command("XADD").value(log).value("0-*");
            }
            self.call.value("p").value(&message.payload);
        }
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.base)
    }
}

/// What changes in a list.
#[derive(Default)]
struct Changes<'a> {
    leave: Vec<&'a RecordKey>,
    enter: Vec<(Millis, &'a RecordKey)>,
}

/// Appends the key of a record, without an allocation: there are thousands in a call.
fn record_key<'c>(call: &'c mut Call, base: &str, key: &RecordKey) -> &'c mut Call {
    call.joined(&[base.as_bytes(), key.kind.as_str().as_bytes(), b":", key.id.as_bytes()])
}

/// A command that takes any number of values; it is begun again whenever it is full.
struct Long<'a> {
    call: &'a mut Call,
    name: &'a str,
    key: Option<&'a str>,
    values: usize,
    /// Where its argument begins.
    from: usize,
}

impl<'a> Long<'a> {
    fn new(call: &'a mut Call, name: &'a str, key: Option<&'a str>) -> Self {
        Self { call, name, key, values: 0, from: 0 }
    }

    /// Makes room for so many values that belong together.
    fn room(&mut self, values: usize) -> &mut Call {
        let full = self.values + values > MAX_COMMAND_VALUES
            || self.call.bytes().saturating_sub(self.from) > MAX_COMMAND_BYTES;
        if self.values == 0 || full {
            self.from = self.call.bytes();
            self.values = 0;
            self.call.command(self.name);
            if let Some(key) = self.key {
                self.call.value(key);
            }
        }
        self.values += values;
        self.call
    }
}
