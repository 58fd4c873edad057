//! The lines of an account's people, and of what they tell it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Lines;
use crate::record::{Member, Profile, Subject};
use crate::time::{Millis, push_number};

impl Subject {
    pub(super) fn write_outcomes(&self, lines: &mut Lines<'_>) {
        // Writing to a string does not fail.
        if let Some((asked, told)) = self.told {
            lines.put(&["told"], |out| {
                let _ = write!(out, "{asked:x} {told:x}");
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
}

pub(super) fn write_member(member: &Member, out: &mut String) {
    push_number(out, member.events);
    out.push(' ');
    member.last_seen.write_rfc3339(out);
    if member.profile != Profile::default() {
        let known: BTreeMap<&str, &str> = member.profile.iter().collect();
        out.push(' ');
        out.push_str(&serde_json::to_string(&known).unwrap_or_default());
    }
}

pub(super) fn read_member(value: &str) -> Option<Member> {
    let (events, rest) = value.split_once(' ')?;
    let (at, profile) = match rest.split_once(' ') {
        Some((at, known)) => (at, serde_json::from_str(known).ok()?),
        None => (rest, Profile::default()),
    };
    let (events, last_seen) = (events.parse().ok()?, Millis::parse(at)?);
    Some(Member { events, last_seen, profile, keys: Box::default() })
}

pub(super) fn write_keys(keys: &[(u32, f64)], out: &mut String) {
    for (index, (key, value)) in keys.iter().enumerate() {
        let gap = if index == 0 { "" } else { " " };
        // Writing to a string does not fail.
        let _ = write!(out, "{gap}{key:08x}={value}");
    }
}

pub(super) fn read_keys(value: &str) -> Option<Box<[(u32, f64)]>> {
    let key = |text: &str| {
        let (key, value) = text.split_once('=')?;
        Some((u32::from_str_radix(key, 16).ok()?, value.parse().ok()?))
    };
    value.split_whitespace().map(key).collect()
}
