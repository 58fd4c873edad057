//! A subject as the text fields of its record, and back.
//!
//! | field | what |
//! |---|---|
//! | `first_seen`, `last_seen` | RFC 3339 |
//! | `t:<trait>` | when it was said, then its value as JSON: `2026-11-21T09:30:00.000Z "free"` |
//! | `d:<event>` | counts per day (`counters::text`) |
//! | `c:<counter>` | a counter's own series (`counters::text`) |
//! | `q:<definition>` | JSON: the last lead and where the subject stands |
//! | `p:<user>` | accounts: JSON of one of its people |
//! | `known` | users: `1` once the id was sent as a `userId` |
//! | `merged_into` | users: the id that holds the history now, and since when |
//! | `aliases` | users: JSON: ids that were merged into this one, and when they were linked to it (Unix milliseconds) |
//! | `accounts` | users: a JSON list |
//! | `last_group` | users: position in `accounts`, and when the group call was |

use std::fmt::Write as _;
use std::sync::Arc;

use super::traits::Trait;
use super::{Dirty, Standing, Subject};
use crate::counters::ledger::Kept;
use crate::counters::text;
use crate::store::{FieldList, Fields};
use crate::time::Millis;

/// What must be written for a record to become this subject.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Fields to write.
    pub set: FieldList,
    /// Fields to remove.
    pub unset: Vec<Box<str>>,
}

impl Subject {
    /// Reads a subject. A field that can't be read is left out and its name answered.
    #[must_use]
    pub fn read(fields: &Fields) -> (Self, Vec<Box<str>>) {
        let mut subject = Self::default();
        let mut bad = Vec::new();
        for (name, value) in fields {
            if subject.read_field(name, value).is_none() {
                bad.push(name.clone());
            }
        }
        (subject, bad)
    }

    fn read_field(&mut self, name: &str, value: &str) -> Option<()> {
        match name.split_once(':') {
            Some(("t", key)) => {
                let (at, json) = value.split_once(' ')?;
                let read = Trait { value: serde_json::from_str(json).ok()?, at: read_time(at)?, dirty: false };
                self.traits.0.insert(key.into(), read);
            }
            Some(("d", key)) => {
                let value = text::read_daily(value)?;
                self.ledger.daily.insert(key.into(), Kept { value, dirty: false });
            }
            Some(("c", key)) => {
                let value = text::read_own(value)?;
                self.ledger.own.insert(key.into(), Kept { value, dirty: false });
            }
            Some(("q", key)) => {
                self.standings.insert(Arc::from(key), serde_json::from_str::<Standing>(value).ok()?);
            }
            Some(("p", key)) => {
                self.members.insert(key.into(), serde_json::from_str(value).ok()?);
            }
            _ => return self.read_plain(name, value),
        }
        Some(())
    }

    fn read_plain(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "first_seen" => self.first_seen = Some(read_time(value)?),
            "last_seen" => self.last_seen = Some(read_time(value)?),
            "known" => self.user.known = true,
            "merged_into" => {
                let (at, id) = value.split_once(' ')?;
                self.user.merged_into = Some((Arc::from(id), read_time(at)?));
            }
            "aliases" => self.user.aliases = serde_json::from_str(value).ok()?,
            "accounts" => self.user.accounts = serde_json::from_str(value).ok()?,
            "last_group" => {
                let (index, at) = value.split_once(' ')?;
                self.user.last_group = Some((index.parse().ok()?, read_time(at)?));
            }
            _ => return None,
        }
        Some(())
    }

    /// What differs from the stored record; afterwards nothing does.
    pub fn take_changes(&mut self) -> Changes {
        let mut changes = Changes { set: FieldList::with_capacity(8, 512), unset: std::mem::take(&mut self.gone) };
        let set = &mut changes.set;
        self.write_ties(set);
        for (name, known) in &mut self.traits.0 {
            if std::mem::take(&mut known.dirty) {
                set.put(&["t:", name], |out| {
                    known.at.write_rfc3339(out);
                    let _ = write!(out, " {}", known.value);
                });
            }
        }
        for (name, kept) in &mut self.ledger.daily {
            if std::mem::take(&mut kept.dirty) {
                set.put(&["d:", name], |out| text::write_daily(&kept.value, out));
            }
        }
        for (name, kept) in &mut self.ledger.own {
            if std::mem::take(&mut kept.dirty) {
                set.put(&["c:", name], |out| text::write_own(&kept.value, out));
            }
        }
        for (name, standing) in &mut self.standings {
            if std::mem::take(&mut standing.dirty) {
                set.put(&["q:", name], |out| out.push_str(&json(standing)));
            }
        }
        for (name, member) in &mut self.members {
            if std::mem::take(&mut member.dirty) {
                set.put(&["p:", name], |out| out.push_str(&json(member)));
            }
        }
        let Changes { set, unset } = &mut changes;
        unset.retain(|name| !set.iter().any(|(put, _)| *put == **name));
        changes
    }

    fn write_ties(&mut self, set: &mut FieldList) {
        let dirty = std::mem::take(&mut self.dirty);
        let seen = [("first_seen", self.first_seen, dirty.first_seen), ("last_seen", self.last_seen, dirty.last_seen)];
        for (name, at, _) in seen.into_iter().filter(|(.., dirty)| *dirty) {
            at.iter().for_each(|at| set.put(&[name], |out| at.write_rfc3339(out)));
        }
        if !dirty.ties {
            return;
        }
        let ties = &self.user;
        if ties.known {
            set.push("known", "1");
        }
        if let Some((id, at)) = &ties.merged_into {
            set.push("merged_into", &format!("{} {id}", at.rfc3339()));
        }
        if !ties.aliases.is_empty() {
            set.push("aliases", &json(&ties.aliases));
        }
        if !ties.accounts.is_empty() {
            set.push("accounts", &json(&ties.accounts));
        }
        if let Some((index, at)) = ties.last_group {
            set.push("last_group", &format!("{index} {}", at.rfc3339()));
        }
    }

    /// Whether anything differs from the stored record.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.dirty != Dirty::default()
            || !self.gone.is_empty()
            || self.ledger.daily.values().any(|kept| kept.dirty)
            || self.ledger.own.values().any(|kept| kept.dirty)
            || self.members.values().any(|member| member.dirty)
            || self.traits.0.values().any(|known| known.dirty)
            || self.standings.values().any(|standing| standing.dirty)
    }

    /// Everything as fields, whether it differs or not.
    #[must_use]
    pub fn to_fields(&self) -> Fields {
        let mut all = self.clone();
        all.dirty = Dirty { first_seen: true, last_seen: true, ties: true };
        all.traits.0.values_mut().for_each(|t| t.dirty = true);
        all.ledger.daily.values_mut().for_each(|k| k.dirty = true);
        all.ledger.own.values_mut().for_each(|k| k.dirty = true);
        all.standings.values_mut().for_each(|s| s.dirty = true);
        all.members.values_mut().for_each(|m| m.dirty = true);
        all.take_changes().set.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }
}

impl Changes {
    /// Whether the record is this subject already.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.unset.is_empty()
    }
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| format!("\"{error}\""))
}

fn read_time(text: &str) -> Option<Millis> {
    text.parse::<jiff::Timestamp>().ok().map(|at| Millis(at.as_millisecond()))
}
