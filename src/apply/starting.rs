//! A definition that appears, or is loosened, finds many who qualify already. They are noted and made no leads: the edge lies in
//! the past, or was never there. So before the first message that reaches a subject since then, the subject is looked at as it
//! stood; what the message itself brings is an edge like any other.

use super::deciding::note_quietly;
use super::seeing::Known;
use super::{Applying, Body, user};
use crate::ids::{RecordKey, RecordKind, SubjectKind};
use crate::qualify::Who;
use crate::record::Subject;
use crate::record::account::current_account;

pub(super) fn note(subject: &mut Subject, applying: &mut Applying<'_>) {
    let of = match applying.key.kind {
        RecordKind::Account => SubjectKind::Account,
        _ => SubjectKind::User,
    };
    let before = subject.touched;
    let Some(since) = applying.rules.newer_than(of, before).map(|(_, since)| since).max() else { return };
    // Whoever comes after the definition has nothing to be quiet about.
    if !subject.has_history() {
        return;
    }
    subject.touched = applying.now;
    let account = match of {
        SubjectKind::User => current_account(&applying.rules.accounts, subject),
        SubjectKind::Account => None,
    };
    let seen = if account.is_some() { Who::Pending } else { Who::Nobody };
    let known = Known { user: None, account: seen, event: None, now: since };
    let all_are_sure = note_quietly(subject, of, before, &known, applying);
    if let (false, Some(account)) = (all_are_sure, account) {
        subject.ties.asks += 1;
        let body = Body::Ask { user: user::project(subject, applying), at: since, quiet: Some(before) };
        applying.send(RecordKey::account(&account), body);
    }
}
