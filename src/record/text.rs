//! A record as the text that a store keeps, and back: a line for each thing that is known, its name, a tab, and what it says.
//!
//! | line | of | what |
//! |---|---|---|
//! | `seen` | users, accounts | times of the first and the last event, RFC 3339, or `-` |
//! | `touched` | users, accounts | when a message changed it last |
//! | `from:<source>` | users, accounts | `public` or `server`: events came from that source |
//! | `t:<trait>` | users, accounts | when it was said, then its value as JSON: `2026-11-21T09:30:00.000Z "free"` |
//! | `s:<trait>` | users, accounts | the same of what a server said, which public sources don't change |
//! | `v:<trait>` | users, accounts | where sources are ranked, one line for each: when, `public` or `server`, and the source and its value as JSON: `2026-11-21T09:30:00.000Z server {"crm":51}` |
//! | `d:<event>` | users, accounts | counts per day (`counters::text`) |
//! | `c:<counter>` | users, accounts | a counter's own series (`counters::text`) |
//! | `q:<definition>` | users, accounts | JSON: the last lead and where the subject stands |
//! | `signal:<signal>` | users, accounts | how often it became true, and since when it has been, or `-` |
//! | `open` | accounts | JSON: the lead that others of the account become part of |
//! | `told` | users | a hash of what they told their accounts last |
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
//! | `watcher:<user>`, `tell_at` | accounts | who is told of changes, and when |
//! | `turns`, `turn:<rep>` | teams | how many turns there were; the number of the rep's last turn and when it was |
//! | `delivered`, `done` | destinations | how much was delivered; JSON of the last of it |
//! | `leads` | sources | since when, how many leads went on their way and how many were held |
//! | `blocks`, `noted` | archives | blocks up to this number are in segments; `1` once it was noted what is counted |
//! | `series:<key>` | archives | JSON of what is counted in the shard, and which commits are not counted in it |
//! | `heard` | sources | when an event of it was last told of |
//! | `version` | configurations | JSON: number, hash, when and where it took force, its files without secrets |
//! | `held` | holds | since when, and the lead as JSON |
//! | `subject`, `due`, `died`, `pending`, `dead` | deliveries | whose lead it is; times; JSON of news in order |
//!
//! Backslashes, tabs and line breaks in names and values are written as `\\`, `\t`, `\n` and `\r`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::ties::{MergedInto, Tie, Waiting};
use super::traits::{Said, Trait};
use super::{
    Archived, ConfigVersions, Delivery, DestinationHistory, Hold, Member, Noted, Place, Profile, Record, SourceLeads,
    Subject, TeamTurns,
};
use crate::counters::text;
use crate::event::{MessageId, SourceName, Trust};
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
            Self::Archived(archived) => archived.read_line(name, value),
            Self::Config(versions) => versions.read_line(name, value),
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
            Self::Archived(archived) => archived.write(&mut lines),
            Self::Config(versions) => versions.write(&mut lines),
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

impl Subject {
    fn read_line(&mut self, name: &str, value: &str) -> Option<()> {
        let Some((kind, key)) = name.split_once(':') else { return self.read_plain(name, value) };
        match kind {
            "from" => self.senders.note(&SourceName::new(key), Trust::read(value)?),
            "t" => drop(self.traits.known.insert(key.into(), read_trait(value, Trust::Public)?)),
            "s" => drop(self.traits.known.insert(key.into(), read_trait(value, Trust::Server)?)),
            "v" => {
                let said = read_said(value)?;
                let all = self.traits.by_source.get_or_insert_default();
                match all.get_mut(key) {
                    Some(known) => known.push(said),
                    None => drop(all.insert(key.into(), vec![said])),
                }
            }
            "d" => drop(self.ledger.daily.insert(key.into(), text::read_daily(value)?)),
            "c" => drop(self.ledger.own.insert(key.into(), text::read_own(value)?)),
            "q" => drop(self.standings.insert(Arc::from(key), serde_json::from_str(value).ok()?)),
            "said" => {
                let members = value.split_whitespace().filter_map(|member| u64::from_str_radix(member, 16).ok());
                let said = u64::from_str_radix(key, 16).ok()?;
                self.outcomes.get_or_insert_default().read_members(said, members);
            }
            "signal" => {
                let (times, since) = value.split_once(' ')?;
                self.noted.set(key, Noted { since: Millis::parse(since), times: times.parse().ok()? });
            }
            "p" => drop(self.members.insert(key.into(), read_member(value)?)),
            // It stands behind the member's own line.
            "k" => self.members.get_mut(key)?.keys = read_keys(value)?,
            "lead" => drop(self.leads.insert(key.into(), Some(value).filter(|home| !home.is_empty()).map(Arc::from))),
            "merged_into" => {
                let merged = MergedInto { user: Arc::from(key), tie: read_tie(value)? };
                self.ties.merged_into = Some(Box::new(merged));
            }
            "alias" => drop(self.ties.aliases.insert(Arc::from(key), read_tie(value)?)),
            "refused" => self.ties.refused.push((Arc::from(key), read_tie(value)?)),
            "member" => self.read_membership(value, Trust::read(key)?)?,
            "account" => self.ties.accounts.push((Arc::from(key), value.parse().ok()?)),
            "watcher" => drop(self.watchers.insert(Arc::from(key), Millis::parse(value)?)),
            _ => return None,
        }
        Some(())
    }

    fn read_plain(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "seen" => {
                let (first, last) = value.split_once(' ')?;
                (self.first_seen, self.last_seen) = (Millis::parse(first), Millis::parse(last));
            }
            "touched" => self.touched = Millis::parse(value)?,
            "forgotten" => self.forgotten = Some(Millis::parse(value)?),
            "wakes_at" => self.wakes_at = Some(Millis::parse(value)?),
            "tell_at" => self.tell_at = Some(Millis::parse(value)?),
            "open" => self.open_lead = Some(Box::new(serde_json::from_str(value).ok()?)),
            "told" => self.told = Some(u64::from_str_radix(value, 16).ok()?),
            "asked" => {
                let conditions = value.split_whitespace().filter_map(|one| u32::from_str_radix(one, 16).ok());
                let is_full = value.ends_with("full");
                self.outcomes.get_or_insert_default().read_conditions(conditions.collect(), is_full);
            }
            "known" => self.ties.known = true,
            "settled" => self.ties.settled = true,
            "asks" => self.ties.asks = value.parse().ok()?,
            "member" => self.read_membership(value, Trust::Public)?,
            "counted" => self.ties.counted.get_or_insert_default().own = read_messages(value)?,
            "brought" => {
                let (at, messages) = value.split_once(' ')?;
                let brought = (Millis::parse(at)?, read_messages(messages)?);
                self.ties.counted.get_or_insert_default().brought.push(brought);
            }
            "waiting" => {
                let (until, event) = value.split_once(' ')?;
                let event = serde_json::from_str(event).ok()?;
                self.ties.waiting.push(Waiting { event, until: Millis::parse(until)? });
            }
            _ => return None,
        }
        Some(())
    }

    fn read_membership(&mut self, value: &str, trust: Trust) -> Option<()> {
        let (at, account) = value.split_once(' ')?;
        self.ties.memberships.join(account, Millis::parse(at)?, trust);
        Some(())
    }

    fn write(&self, lines: &mut Lines<'_>) {
        if self.touched == Millis::default() && *self == Self::default() {
            return;
        }
        lines.put(&["seen"], |out| {
            write_time(self.first_seen, out);
            out.push(' ');
            write_time(self.last_seen, out);
        });
        lines.time("touched", self.touched);
        for (source, trust) in self.senders.iter() {
            lines.put(&["from:", source.as_str()], |out| out.push_str(trust.as_str()));
        }
        for (name, said) in self.traits.known.iter() {
            let kind = match said.trust {
                Trust::Public => "t:",
                Trust::Server => "s:",
            };
            lines.put(&[kind, name], |out| {
                said.at.write_rfc3339(out);
                // Writing to a string does not fail.
                let _ = write!(out, " {}", said.value);
            });
        }
        for (name, all) in self.traits.by_source.iter().flat_map(|all| all.iter()) {
            all.iter().for_each(|said| lines.put(&["v:", name], |out| write_said(said, out)));
        }
        for (name, daily) in self.ledger.daily.iter() {
            lines.put(&["d:", name], |out| text::write_daily(daily, out));
        }
        for (name, own) in self.ledger.own.iter() {
            lines.put(&["c:", name], |out| text::write_own(own, out));
        }
        self.standings.iter().for_each(|(name, standing)| lines.json(&["q:", name], standing));
        for (signal, noted) in self.noted.iter() {
            lines.put(&["signal:", signal], |out| {
                push_number(out, u64::from(noted.times));
                out.push(' ');
                write_time(noted.since, out);
            });
        }
        for (lead, home) in &self.leads {
            lines.put(&["lead:", lead], |out| out.push_str(home.as_deref().unwrap_or_default()));
        }
        self.open_lead.iter().for_each(|open| lines.json(&["open"], open));
        self.write_outcomes(lines);
        self.write_ties(lines);
        for (user, member) in &self.members {
            lines.put(&["p:", user], |out| write_member(member, out));
            if !member.keys.is_empty() {
                lines.put(&["k:", user], |out| write_keys(&member.keys, out));
            }
        }
        for (user, at) in &self.watchers {
            lines.put(&["watcher:", user], |out| at.write_rfc3339(out));
        }
        for (name, at) in [("tell_at", self.tell_at), ("wakes_at", self.wakes_at), ("forgotten", self.forgotten)] {
            at.iter().for_each(|at| lines.time(name, *at));
        }
    }

    fn write_outcomes(&self, lines: &mut Lines<'_>) {
        // Writing to a string does not fail.
        if let Some(told) = self.told {
            lines.put(&["told"], |out| {
                let _ = write!(out, "{told:x}");
            });
        }
        let Some(outcomes) = &self.outcomes else { return };
        let (conditions, is_full, by_said) = outcomes.lines();
        lines.put(&["asked"], |out| {
            for condition in conditions {
                let _ = write!(out, "{condition:08x} ");
            }
            out.push_str(if is_full { "full" } else { "-" });
        });
        for (said, members) in by_said {
            lines.put(&["said:", &format!("{said:x}")], |out| {
                for member in members {
                    let _ = write!(out, "{member:016x} ");
                }
            });
        }
    }

    fn write_ties(&self, lines: &mut Lines<'_>) {
        let ties = &self.ties;
        for (name, _) in [("known", ties.known), ("settled", ties.settled)].into_iter().filter(|(_, set)| *set) {
            lines.put(&[name], |out| out.push('1'));
        }
        if ties.asks > 0 {
            lines.number("asks", u64::from(ties.asks));
        }
        let merged_into = ties.merged_into.iter().map(|merged| ("merged_into:", &merged.user, &merged.tie));
        let aliases = ties.aliases.iter().map(|(id, tie)| ("alias:", id, tie));
        let refused = ties.refused.iter().map(|(id, tie)| ("refused:", id, tie));
        for (kind, id, Tie { at, trust, source }) in merged_into.chain(aliases).chain(refused) {
            lines.put(&[kind, id], |out| timed(*at, &format!("{} {source}", trust.as_str()), out));
        }
        if let Some(counted) = &ties.counted {
            if !counted.own.is_empty() {
                lines.put(&["counted"], |out| write_messages(&counted.own, out));
            }
            for (at, messages) in &counted.brought {
                lines.put(&["brought"], |out| {
                    at.write_rfc3339(out);
                    out.push(' ');
                    write_messages(messages, out);
                });
            }
        }
        ties.accounts
            .iter()
            .for_each(|(account, uses)| lines.put(&["account:", account], |out| push_number(out, *uses)));
        for (trust, at, account) in ties.memberships.iter() {
            let name = match trust {
                Trust::Public => "member",
                Trust::Server => "member:server",
            };
            lines.put(&[name], |out| timed(at, account, out));
        }
        for waiting in &ties.waiting {
            let event = serde_json::to_string(&waiting.event).unwrap_or_default();
            lines.put(&["waiting"], |out| timed(waiting.until, &event, out));
        }
    }
}

impl TeamTurns {
    fn read_line(&mut self, name: &str, value: &str) -> Option<()> {
        match name.split_once(':') {
            None if name == "turns" => self.turns = value.parse().ok()?,
            Some(("turn", rep)) => {
                let mut words = value.split(' ');
                let (behind, turn, at) = (words.next()?, words.next()?, words.next()?);
                let (behind, turn, at) = (behind.parse().ok()?, turn.parse().ok()?, Millis::parse(at)?);
                let away = words.next() == Some("away");
                self.reps.insert(Arc::from(rep), Place { behind, turn, at, away });
            }
            _ => return None,
        }
        Some(())
    }

    fn write(&self, lines: &mut Lines<'_>) {
        if *self == Self::default() {
            return;
        }
        lines.number("turns", self.turns);
        for (rep, Place { behind, turn, at, away }) in &self.reps {
            lines.put(&["turn:", rep], |out| {
                let _ = write!(out, "{behind} {turn} ");
                at.write_rfc3339(out);
                out.push_str(if *away { " away" } else { "" });
            });
        }
    }
}

impl DestinationHistory {
    fn read_line(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "delivered" => self.delivered = value.parse().ok()?,
            "done" => self.done.push_back(serde_json::from_str(value).ok()?),
            _ => return None,
        }
        Some(())
    }

    fn write(&self, lines: &mut Lines<'_>) {
        if self.delivered > 0 {
            lines.number("delivered", self.delivered);
        }
        self.done.iter().for_each(|done| lines.json(&["done"], done));
    }
}

impl Delivery {
    fn read_line(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "subject" => self.subject = Some(value.parse().ok()?),
            "due" => self.due = Millis::parse(value)?,
            "died" => self.died = Millis::parse(value)?,
            "pending" => self.pending.push_back(serde_json::from_str(value).ok()?),
            "dead" => self.dead.push(serde_json::from_str(value).ok()?),
            _ => return None,
        }
        Some(())
    }

    fn write(&self, lines: &mut Lines<'_>) {
        if self.is_over() {
            return;
        }
        if let Some(subject) = &self.subject {
            lines.put(&["subject"], |out| out.push_str(&subject.to_string()));
        }
        lines.time("due", self.due);
        lines.time("died", self.died);
        self.pending.iter().for_each(|news| lines.json(&["pending"], news));
        self.dead.iter().for_each(|news| lines.json(&["dead"], news));
    }
}

fn write_messages(messages: &[MessageId], out: &mut String) {
    for (index, MessageId(hash)) in messages.iter().enumerate() {
        let gap = if index == 0 { "" } else { " " };
        // Writing to a string does not fail.
        let _ = write!(out, "{gap}{hash:016x}");
    }
}

fn read_messages(value: &str) -> Option<Vec<MessageId>> {
    value.split_whitespace().map(|hash| u64::from_str_radix(hash, 16).ok().map(MessageId)).collect()
}

fn read_trait(value: &str, trust: Trust) -> Option<Trait> {
    let (at, json) = value.split_once(' ')?;
    Some(Trait { value: serde_json::from_str(json).ok()?, at: Millis::parse(at)?, trust })
}

/// `2026-11-21T09:30:00.000Z server {"crm":"51-200"}`
fn write_said(Said { source, said }: &Said, out: &mut String) {
    let json = serde_json::to_string(&BTreeMap::from([(source, &said.value)])).unwrap_or_default();
    timed(said.at, &format!("{} {json}", said.trust.as_str()), out);
}

fn read_said(value: &str) -> Option<Said> {
    let (at, rest) = value.split_once(' ')?;
    let (trust, json) = rest.split_once(' ')?;
    let (source, value) = serde_json::from_str::<BTreeMap<Box<str>, serde_json::Value>>(json).ok()?.pop_first()?;
    Some(Said { source, said: Trait { value, at: Millis::parse(at)?, trust: Trust::read(trust)? } })
}

fn read_tie(value: &str) -> Option<Tie> {
    let (at, rest) = value.split_once(' ')?;
    let (trust, source) = rest.split_once(' ')?;
    Some(Tie { at: Millis::parse(at)?, trust: Trust::read(trust)?, source: SourceName::new(source) })
}

impl SourceLeads {
    fn read_line(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "leads" => {
                let (hour, counts) = value.split_once(' ')?;
                let (leads, held) = counts.split_once(' ')?;
                let hour = Millis::parse(hour)?;
                *self = Self { hour, leads: leads.parse().ok()?, held: held.parse().ok()?, ..*self };
            }
            "heard" => self.heard = Some(Millis::parse(value)?),
            _ => return None,
        }
        Some(())
    }

    fn write(&self, lines: &mut Lines<'_>) {
        if (Self { heard: None, ..*self }) != Self::default() {
            lines.put(&["leads"], |out| timed(self.hour, &format!("{} {}", self.leads, self.held), out));
        }
        if let Some(heard) = self.heard {
            lines.time("heard", heard);
        }
    }
}

impl ConfigVersions {
    fn read_line(&mut self, name: &str, value: &str) -> Option<()> {
        self.0.push_back(serde_json::from_str(value).ok().filter(|_| name == "version")?);
        Some(())
    }

    fn write(&self, lines: &mut Lines<'_>) {
        self.0.iter().for_each(|version| lines.json(&["version"], version));
    }
}

impl Hold {
    fn read_line(&mut self, name: &str, value: &str) -> Option<()> {
        let (since, held) = value.split_once(' ').filter(|_| name == "held")?;
        self.0 = Some((Millis::parse(since)?, serde_json::from_str(held).ok()?));
        Some(())
    }

    fn write(&self, lines: &mut Lines<'_>) {
        if let Some((since, held)) = &self.0 {
            lines.put(&["held"], |out| timed(*since, &serde_json::to_string(held).unwrap_or_default(), out));
        }
    }
}

impl Archived {
    fn read_line(&mut self, name: &str, value: &str) -> Option<()> {
        match name.split_once(':') {
            None if name == "blocks" => self.blocks = value.parse().ok()?,
            None if name == "noted" => self.noted = true,
            Some(("series", key)) => drop(self.series.insert(key.into(), serde_json::from_str(value).ok()?)),
            _ => return None,
        }
        Some(())
    }

    fn write(&self, lines: &mut Lines<'_>) {
        if self.blocks > 0 {
            lines.number("blocks", self.blocks);
        }
        if self.noted {
            lines.number("noted", 1);
        }
        for (key, past) in &self.series {
            lines.json(&["series:", key], past);
        }
    }
}

fn write_member(member: &Member, out: &mut String) {
    push_number(out, member.events);
    out.push(' ');
    member.last_seen.write_rfc3339(out);
    if member.profile != Profile::default() {
        let known: BTreeMap<&str, &str> = member.profile.iter().collect();
        out.push(' ');
        out.push_str(&serde_json::to_string(&known).unwrap_or_default());
    }
}

fn read_member(value: &str) -> Option<Member> {
    let (events, rest) = value.split_once(' ')?;
    let (at, profile) = match rest.split_once(' ') {
        Some((at, known)) => (at, serde_json::from_str(known).ok()?),
        None => (rest, Profile::default()),
    };
    let (events, last_seen) = (events.parse().ok()?, Millis::parse(at)?);
    Some(Member { events, last_seen, profile, keys: Box::default() })
}

fn write_keys(keys: &[(u32, f64)], out: &mut String) {
    for (index, (key, value)) in keys.iter().enumerate() {
        let gap = if index == 0 { "" } else { " " };
        // Writing to a string does not fail.
        let _ = write!(out, "{gap}{key:08x}={value}");
    }
}

fn read_keys(value: &str) -> Option<Box<[(u32, f64)]>> {
    let key = |text: &str| {
        let (key, value) = text.split_once('=')?;
        Some((u32::from_str_radix(key, 16).ok()?, value.parse().ok()?))
    };
    value.split_whitespace().map(key).collect()
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
