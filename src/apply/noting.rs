//! What is remembered of yes-or-no signals: noted whenever a decision is at hand, before it is made.

use super::Applying;
use crate::apply::rules::NotedSignal;
use crate::ids::SubjectKind;
use crate::qualify::View;
use crate::record::NotedSignals;

/// The signals that are remembered of a kind of subject, in the order in which they are noted: of users either those that read their
/// account, or the others.
pub(super) fn remembered<'a>(
    of: SubjectKind,
    with_account: bool,
    applying: &Applying<'a>,
) -> impl Iterator<Item = &'a NotedSignal> + use<'a> {
    applying.rules.noted.iter().filter(move |one| one.signal.of == of && one.needs_account == with_account)
}

/// Whether what is remembered of a user may change with their account's answer; `view` sees them without it.
pub(super) fn hangs_on_account(known: &NotedSignals, view: &View<'_>, applying: &Applying<'_>) -> bool {
    let mut those = applying.rules.noted.iter().filter(|one| one.signal.of == SubjectKind::User && one.needs_account);
    those.any(|one| {
        let was = known.get(&one.signal.name).is_some_and(|noted| noted.since.is_some());
        one.signal.test(view) != Some(was)
    })
}
