//! The lines of users and accounts.

use std::fmt::Write as _;
use std::sync::Arc;

use super::people::{read_keys, read_member, write_keys, write_member};
use super::ties::{read_messages, read_tie};
use super::traits::{read_said, read_trait, write_said};
use super::{Lines, write_time};
use crate::counters::text;
use crate::event::{SourceName, Trust};
use crate::record::ties::{MergedInto, Waiting};
use crate::record::{KnownLead, Noted, Subject};
use crate::time::{Millis, push_number};

impl Subject {
    pub(super) fn read_line(&mut self, name: &str, value: &str) -> Option<()> {
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
            "unnoted" => drop(self.looked.get_or_insert_default().unnoted.insert(Arc::from(key))),
            "lead" => {
                let (since, home) = value.split_once(' ').map_or((value, None), |(since, home)| (since, Some(home)));
                let known = KnownLead { since: Millis::parse(since)?, home: home.map(Arc::from) };
                self.leads.insert(key.into(), known);
            }
            "sent_to" => drop(self.sent_to.insert(Arc::from(key))),
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
            "owner" => self.ownership = Some(Box::new(serde_json::from_str(value).ok()?)),
            "told" => {
                let (asked, told) = value.split_once(' ')?;
                self.told = Some((u64::from_str_radix(asked, 16).ok()?, u64::from_str_radix(told, 16).ok()?));
            }
            "tells_quietly" => self.tells_quietly = true,
            "asked" => {
                let conditions = value.split_whitespace().filter_map(|one| u32::from_str_radix(one, 16).ok());
                let is_full = value.ends_with("full");
                self.outcomes.get_or_insert_default().read_conditions(conditions.collect(), is_full);
            }
            "known" => self.ties.known = true,
            "settled" => self.ties.settled = true,
            "looked" => self.looked.get_or_insert_default().at = Millis::parse(value)?,
            "asks" => self.ties.asks = value.parse().ok()?,
            "member" => self.read_membership(value, Trust::Public)?,
            "counted" => self.ties.counted.get_or_insert_default().own = read_messages(value)?,
            "brought" => {
                let (at, messages) = value.split_once(' ')?;
                let brought = (Millis::parse(at)?, read_messages(messages)?);
                self.ties.counted.get_or_insert_default().brought.push(brought);
            }
            "deferred" => self.ties.deferred.push(serde_json::from_str(value).ok()?),
            "waiting" => {
                let (until, event) = value.split_once(' ')?;
                let event = serde_json::from_str(event).ok()?;
                self.ties.waiting.push(Waiting { event, until: Millis::parse(until)? });
            }
            _ => return None,
        }
        Some(())
    }

    pub(super) fn write(&self, lines: &mut Lines<'_>) {
        if self.touched == Millis::default() && *self == Self::default() {
            return;
        }
        lines.put(&["seen"], |out| {
            write_time(self.first_seen, out);
            out.push(' ');
            write_time(self.last_seen, out);
        });
        lines.time("touched", self.touched);
        if let Some(looked) = &self.looked {
            lines.time("looked", looked.at);
            looked.unnoted.iter().for_each(|definition| lines.put(&["unnoted:", definition], |_| {}));
        }
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
        for (lead, KnownLead { since, home }) in &self.leads {
            lines.put(&["lead:", lead], |out| {
                since.write_rfc3339(out);
                home.iter().for_each(|home| out.extend([" ", home]));
            });
        }
        self.sent_to.iter().for_each(|name| lines.put(&["sent_to:", name], |_| {}));
        self.open_lead.iter().for_each(|open| lines.json(&["open"], open));
        self.ownership.iter().for_each(|ownership| lines.json(&["owner"], ownership));
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
        if self.tells_quietly {
            lines.put(&["tells_quietly"], |_| {});
        }
        for (name, at) in [("tell_at", self.tell_at), ("wakes_at", self.wakes_at), ("forgotten", self.forgotten)] {
            at.iter().for_each(|at| lines.time(name, *at));
        }
    }
}
