//! What is remembered of yes-or-no signals: noted whenever a decision is at hand, before it is made.

use super::Applying;
use crate::ids::SubjectKind;
use crate::qualify::View;
use crate::record::NotedSignals;

/// What `view` makes of what is remembered of a subject's signals: of a user's either those that read their account, or the others.
/// `None` when nothing changes.
pub(super) fn note(
    known: &NotedSignals,
    of: SubjectKind,
    with_account: bool,
    view: &View<'_>,
    applying: &Applying<'_>,
) -> Option<NotedSignals> {
    let mut noted = known.clone();
    for one in applying.rules.noted.iter().filter(|one| one.signal.of == of && one.needs_account == with_account) {
        noted.note(&one.signal.name, one.signal.test(view), view.now);
    }
    (noted != *known).then_some(noted)
}

/// Whether what is remembered of a user may change with their account's answer; `view` sees them without it.
pub(super) fn hangs_on_account(known: &NotedSignals, view: &View<'_>, applying: &Applying<'_>) -> bool {
    let mut those = applying.rules.noted.iter().filter(|one| one.signal.of == SubjectKind::User && one.needs_account);
    those.any(|one| {
        let was = known.get(&one.signal.name).is_some_and(|noted| noted.since.is_some());
        one.signal.test(view) != Some(was)
    })
}
