//! The people of an account, as a lead names them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use compact_str::CompactString;

use super::record::Person;
use crate::expr::SortKey;
use crate::record::{Member, Subject};

/// The most active people first, up to `limit`.
pub fn most_active(members: &BTreeMap<CompactString, Member>, limit: usize) -> Vec<Person> {
    let mut people: Vec<(&CompactString, &Member)> = members.iter().collect();
    people.sort_by_key(|(id, m)| (Reverse((m.events, m.last_seen)), (*id).clone()));
    people.into_iter().take(limit).map(|(id, m)| person(id, m)).collect()
}

/// Whom of an account's people to talk to: the first by `keys`. Without any, the most active of those who can be written to, or the
/// most active of all.
pub fn contact(account: &Subject, most_active: &[Person], keys: &[SortKey]) -> Option<Person> {
    if keys.is_empty() {
        return most_active.iter().find(|person| person.email.is_some()).or(most_active.first()).cloned();
    }
    account.first_member(keys).map(|(id, member)| person(id, member))
}

fn person(id: &str, member: &Member) -> Person {
    let text = |t: &Option<Box<str>>| t.as_deref().map(str::to_owned);
    Person {
        user_id: id.to_owned(),
        email: text(&member.profile.email),
        name: text(&member.profile.name),
        title: text(&member.profile.title),
        events: member.events,
        last_seen: Some(member.last_seen.rfc3339()),
    }
}
