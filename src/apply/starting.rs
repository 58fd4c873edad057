//! A definition that appears, or is loosened, finds many who qualify already. They are noted and made no leads: the edge lies in
//! the past, or was never there. So before the first message that reaches a subject since then, the subject is looked at as it
//! stood; what the message itself brings is an edge like any other. Where figures are being filled from the archive, nobody knows how a
//! subject stood until they are; whoever qualifies then did so while they were. What others read of the subject they are told first as it stood.

use super::deciding::note_quietly;
use super::seeing::Known;
use super::{Applying, Body, account, telling, user};
use crate::ids::{DefinitionName, RecordKey, RecordKind, SubjectKind};
use crate::qualify::Who;
use crate::record::Subject;
use crate::record::account::current_account;
use crate::time::Millis;

pub(super) fn note(subject: &mut Subject, applying: &mut Applying<'_>) {
    let of = match applying.key.kind {
        RecordKind::Account => SubjectKind::Account,
        _ => SubjectKind::User,
    };
    let (rules, held) = (applying.rules, applying.held);
    let until = subject.noted_until();
    // Whoever comes after the definition has nothing to be quiet about.
    if !subject.has_history() {
        return;
    }
    tell_others(subject, of, until, applying);
    let newest = rules.newer_than(of, until).map(|(_, since)| since).max();
    let waited = waited(subject, of, applying);
    let Some(since) = newest.max(waited.map(|(_, last)| last)) else { return };
    let before = waited.map_or(until, |(first, _)| until.min(first.plus(-1)));
    let account = match of {
        SubjectKind::User => current_account(&rules.accounts, subject),
        SubjectKind::Account => None,
    };
    let seen = if account.is_some() { Who::Pending } else { Who::Nobody };
    let known = Known { user: None, account: seen, event: None, now: since };
    let found = note_quietly(subject, of, before, &known, applying);
    let asks = account.filter(|_| !found.all_are_sure);
    let unsaid: Vec<DefinitionName> = rules
        .newer_than(of, until)
        .filter(|(one, _)| !one.start_sends && held.definitions.contains(&one.name))
        .map(|(one, _)| one.name.clone())
        .collect();
    // Of whom nothing came is seen the same way next time: a million of them are not written for that.
    if found.any_noted || asks.is_some() || waited.is_some() || !unsaid.is_empty() {
        let looked = subject.looked.get_or_insert_default();
        looked.at = looked.at.max(applying.now);
        looked.unnoted.retain(|name| held.definitions.contains(name));
        looked.unnoted.extend(unsaid);
    }
    if let Some(account) = asks {
        subject.ties.asks += 1;
        let body = Body::Ask { user: user::project(subject, applying), at: since, quiet: Some(before) };
        applying.send(RecordKey::account(&account), body);
    }
}

/// Others hang on how this one stood: accounts on their members, and users who watch their account.
fn tell_others(subject: &mut Subject, of: SubjectKind, until: Millis, applying: &mut Applying<'_>) {
    let rules = applying.rules;
    let newest = |of| rules.newer_than(of, until).map(|(_, since)| since).max();
    let told = match of {
        SubjectKind::User => {
            let since = newest(SubjectKind::User).max(newest(SubjectKind::Account)).unwrap_or(applying.now);
            telling::tell_as_it_stood(subject, since, applying)
        }
        SubjectKind::Account => {
            let tells = !subject.watchers.is_empty() && newest(SubjectKind::User).is_some();
            if tells {
                account::tell_as_it_stood(subject, until, applying);
            }
            tells
        }
    };
    if told {
        let looked = subject.looked.get_or_insert_default();
        looked.at = looked.at.max(applying.now);
    }
}

/// Since when the first and the last of those definitions say what they say that could not tell before, and can now.
fn waited(subject: &Subject, of: SubjectKind, applying: &Applying<'_>) -> Option<(Millis, Millis)> {
    let unnoted = &subject.looked.as_ref()?.unnoted;
    let can_tell = |name: &DefinitionName| unnoted.contains(name) && !applying.held.definitions.contains(name);
    let all = applying.rules.newer_than(of, Millis(i64::MIN));
    let since: Vec<Millis> = all.filter(|(one, _)| can_tell(&one.name)).map(|(_, since)| since).collect();
    Some((*since.iter().min()?, *since.iter().max()?))
}
