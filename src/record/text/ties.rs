//! The lines of a user's ties.

use std::fmt::Write as _;

use super::{Lines, timed};
use crate::event::{MessageId, SourceName, Trust};
use crate::record::{Subject, Tie};
use crate::time::{Millis, push_number};

impl Subject {
    pub(super) fn read_membership(&mut self, value: &str, trust: Trust) -> Option<()> {
        let (at, account) = value.split_once(' ')?;
        self.ties.memberships.join(account, Millis::parse(at)?, trust);
        Some(())
    }

    pub(super) fn write_ties(&self, lines: &mut Lines<'_>) {
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
        ties.deferred.iter().for_each(|event| lines.json(&["deferred"], event));
    }
}

pub(super) fn write_messages(messages: &[MessageId], out: &mut String) {
    for (index, MessageId(hash)) in messages.iter().enumerate() {
        let gap = if index == 0 { "" } else { " " };
        // Writing to a string does not fail.
        let _ = write!(out, "{gap}{hash:016x}");
    }
}

pub(super) fn read_messages(value: &str) -> Option<Vec<MessageId>> {
    value.split_whitespace().map(|hash| u64::from_str_radix(hash, 16).ok().map(MessageId)).collect()
}

pub(super) fn read_tie(value: &str) -> Option<Tie> {
    let (at, rest) = value.split_once(' ')?;
    let (trust, source) = rest.split_once(' ')?;
    Some(Tie { at: Millis::parse(at)?, trust: Trust::read(trust)?, source: SourceName::new(source) })
}
