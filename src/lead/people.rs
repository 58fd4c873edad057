//! The people of an account, as a lead names them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use compact_str::CompactString;

use super::record::Person;
use crate::record::Member;

/// The most active people first, up to `limit`.
pub fn most_active(members: &BTreeMap<CompactString, Member>, limit: usize) -> Vec<Person> {
    let mut people: Vec<(&CompactString, &Member)> = members.iter().collect();
    people.sort_by_key(|(id, m)| (Reverse((m.events, m.last_seen)), (*id).clone()));
    people.into_iter().take(limit).map(|(id, m)| person(id, m)).collect()
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
