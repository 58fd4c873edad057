//! A record as the text that a store keeps, and back: a line for each thing that is known, its name, a tab, and what it says.
//!
//! | line | of | what |
//! |---|---|---|
//! | `seen` | users, accounts | times of the first and the last event, RFC 3339, or `-` |
//! | `touched` | users, accounts | when a message changed it last |
//! | `looked`, `unnoted:<definition>` | users, accounts | when it was looked at for new definitions though nothing was heard of it; those that could not tell then |
//! | `from:<source>` | users, accounts | `public` or `server`: events came from that source |
//! | `t:<trait>` | users, accounts | when it was said, then its value as JSON: `2026-11-21T09:30:00.000Z "free"` |
//! | `s:<trait>` | users, accounts | the same of what a server said, which public sources don't change |
//! | `v:<trait>` | users, accounts | where sources are ranked, one line for each: when, `public` or `server`, and the source and its value as JSON: `2026-11-21T09:30:00.000Z server {"crm":51}` |
//! | `d:<event>` | users, accounts | counts per day (`counters::text`) |
//! | `c:<counter>` | users, accounts | a counter's own series (`counters::text`) |
//! | `q:<definition>` | users, accounts | JSON: the last lead and where the subject stands |
//! | `signal:<signal>` | users, accounts | how often it became true, and since when it has been, or `-` |
//! | `open` | accounts | JSON: the lead that others of the account become part of |
//! | `told` | users | a hash of what their accounts asked when they told them last, and one of what they told |
//! | `asked` | accounts | fingerprints of the conditions on members, and `full` where there are more members than are remembered |
//! | `said:<outcome>` | accounts | hashes of the members of whom this is true: for each condition two bits, 1 true and 2 false |
//! | `lead:<lead id>` | users, accounts | empty, or the merged user that the lead was made for |
//! | `wakes_at` | users, accounts | when a definition may decide otherwise by time alone |
//! | `forgotten` | users, accounts | when it was forgotten |
//! | `known` | users | `1` once the id was sent as a `userId` |
//! | `merged_into:<id>` | users | the id that holds the history now; when, `public` or `server`, and the source that said so |
//! | `alias:<id>` | users | that id was merged into this one; when, `public` or `server`, and the source that said so |
//! | `refused:<id>` | users | a public source tried to merge this known id into that one; when, and which source |
//! | `counted` | users | hashes of the last messages of an id that nobody has sent as a `userId` |
//! | `brought` | users | when an id was merged into this one, and hashes of the messages that were counted for it |
//! | `account:<id>` | users | events were counted for that account, and how many signs of use; in the order in which they became known |
//! | `member`, `member:server` | users | since when, and of which account, as public sources or servers said; one line for each change |
//! | `waiting` | users | until when, and an event as JSON whose account is not known yet |
//! | `settled`, `asks` | users | see `record::ties` |
//! | `p:<user>` | accounts | one of its people: how many events, the last of them when, and what is known of them as JSON |
//! | `k:<user>` | accounts | what one of its people told for the keys that members are sorted by: fingerprints and values |
//! | `watcher:<user>`, `tell_at`, `tells_quietly` | accounts | who is told of changes, when, and whether that is how members stood |
//! | `turns`, `turn:<rep>` | teams | how many turns there were; how far behind the rep stands, the number of their last turn and when it was; `away`; `given=` a day, how many leads on it and in its week |
//! | `delivered`, `done` | destinations | how much was delivered; JSON of the last of it |
//! | `asked` | destinations | JSON: how far it is known what people made of the leads there |
//! | `paused` | destinations | JSON: nothing is sent for now, who said so, since when, why |
//! | `leads` | sources | since when, how many leads went on their way and how many were held |
//! | `blocks`, `noted` | archives | blocks up to this number are in segments; `1` once it was noted what is counted |
//! | `series:<key>` | archives | JSON of what is counted in the shard, and which commits are not counted in it |
//! | `away:<rep>` | rosters | from when until when, or `-`; `hand` or `calendar`; why, in the words of whoever said so |
//! | `owner`, `leaves` | domains | JSON: whose the leads of a company are, and which wait until that is decided; when that is forgotten |
//! | `unread:<rep>` | rosters | since when a calendar can't be read, and why |
//! | `through`, `now`, `last` | walks | JSON: what all of a shard's users and accounts were looked at for; the walk that is under way; the last one |
//! | `heard` | sources | when an event of it was last told of |
//! | `version` | configurations | JSON: number, hash, when and where it took force, its files without secrets |
//! | `reroutes` | configurations | JSON: a hash of the routes that have force, and how far open leads were sent where they say |
//! | `held` | holds | since when, and the lead as JSON |
//! | `subject`, `due`, `died`, `pending`, `dead` | deliveries | whose lead it is; times; JSON of news in order |
//! | `tried` | deliveries | JSON: an attempt at what waits or was given up, that failed; the last five |
//! | `took`, `seen` | deliveries | when the destination took news last; JSON of what people had made of the lead there |
//! | `there:<name>` | deliveries | what the destination calls something that belongs to the lead |
//!
//! Backslashes, tabs and line breaks in names and values are written as `\\`, `\t`, `\n` and `\r`.

mod others;
mod people;
mod subject;
mod ties;
mod traits;

use std::borrow::Cow;
use std::sync::Arc;

use super::Record;
use crate::ids::RecordKind;
use crate::time::{Millis, push_number};

impl Record {
    /// Reads a record. Lines that can't be read are left out, and returned.
    pub fn read(kind: RecordKind, written: &str) -> (Self, Vec<Box<str>>) {
        let mut record = Self::empty(kind);
        let mut bad = Vec::new();
        for line in written.lines() {
            let (name, value) = line.split_once('\t').unwrap_or((line, ""));
            if record.read_line(&unescape(name), &unescape(value)).is_none() {
                bad.push(line.into());
            }
        }
        (record, bad)
    }

    fn read_line(&mut self, name: &str, value: &str) -> Option<()> {
        match self {
            Self::Subject(subject) => subject.read_line(name, value),
            Self::Team(team) => team.read_line(name, value),
            Self::Destination(history) => history.read_line(name, value),
            Self::Delivery(delivery) => delivery.read_line(name, value),
            Self::Source(leads) => leads.read_line(name, value),
            Self::Hold(hold) => hold.read_line(name, value),
            Self::Wait(wait) => wait.read_line(name, value),
            Self::Archived(archived) => archived.read_line(name, value),
            Self::Config(versions) => versions.read_line(name, value),
            Self::Roster(roster) => Arc::make_mut(roster).read_line(name, value),
            Self::Domain(domain) => domain.read_line(name, value),
            Self::Walk(walk) => walk.read_line(name, value),
        }
    }

    /// The record as text; `None` when there is nothing to keep.
    pub fn write(&self) -> Option<String> {
        let mut text = String::new();
        self.write_to(&mut text);
        (!text.is_empty()).then_some(text)
    }

    /// As [`Self::write`], at the end of `text`; nothing when there is nothing to keep. Whoever writes many uses one buffer.
    pub fn write_to(&self, text: &mut String) {
        let mut lines = Lines(text);
        match self {
            Self::Subject(subject) => subject.write(&mut lines),
            Self::Team(team) => team.write(&mut lines),
            Self::Destination(history) => history.write(&mut lines),
            Self::Delivery(delivery) => delivery.write(&mut lines),
            Self::Source(leads) => leads.write(&mut lines),
            Self::Hold(hold) => hold.write(&mut lines),
            Self::Wait(wait) => wait.write(&mut lines),
            Self::Archived(archived) => archived.write(&mut lines),
            Self::Config(versions) => versions.write(&mut lines),
            Self::Roster(roster) => roster.write(&mut lines),
            Self::Domain(domain) => domain.write(&mut lines),
            Self::Walk(walk) => walk.write(&mut lines),
        }
    }
}

struct Lines<'a>(&'a mut String);

impl Lines<'_> {
    /// Appends a line whose name is made of `name`, and whose value is whatever `value` appends.
    fn put(&mut self, name: &[&str], value: impl FnOnce(&mut String)) {
        let start = self.0.len();
        name.iter().for_each(|part| self.0.push_str(part));
        self.escape_since(start);
        self.0.push('\t');
        let start = self.0.len();
        value(self.0);
        self.escape_since(start);
        self.0.push('\n');
    }

    fn json(&mut self, name: &[&str], value: &impl serde::Serialize) {
        // Plain data with text as keys, which can't fail.
        self.put(name, |out| out.push_str(&serde_json::to_string(value).unwrap_or_default()));
    }

    fn time(&mut self, name: &str, at: Millis) {
        self.put(&[name], |out| at.write_rfc3339(out));
    }

    fn number(&mut self, name: &str, number: u64) {
        self.put(&[name], |out| push_number(out, number));
    }

    fn escape_since(&mut self, start: usize) {
        let written = self.0.get(start..).unwrap_or_default();
        // Without an early end the compiler looks at many bytes at once, and there is hardly ever one to be found.
        if written.bytes().fold(false, |found, byte| found | matches!(byte, b'\\' | b'\t' | b'\n' | b'\r')) {
            let escaped = written.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r");
            self.0.truncate(start);
            self.0.push_str(&escaped);
        }
    }
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('t') => out.push('\t'),
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some(other) => out.push(other),
                None => {}
            },
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

fn timed(at: Millis, text: &str, out: &mut String) {
    at.write_rfc3339(out);
    out.push(' ');
    out.push_str(text);
}

fn write_time(at: Option<Millis>, out: &mut String) {
    match at {
        Some(at) => at.write_rfc3339(out),
        None => out.push('-'),
    }
}

#[cfg(test)]
mod tests;
