//! What becomes due for a subject by time alone.

use super::{Applying, accepting, account, deciding, owning, relooking, user, waiting};
use crate::ids::RecordKind;
use crate::record::{FORGOTTEN_FOR, Subject};
use crate::time::Millis;

pub(super) fn wake(subject: &mut Box<Subject>, may_expire: bool, applying: &mut Applying<'_>) {
    let now = applying.now;
    // What a clock noted that was ahead must not stand in the agenda for as long as it was ahead.
    let is_due = |at: Millis| at <= now || at.since(now) > 2 * Millis::DAY;
    subject.touched = subject.touched.min(now);
    subject.forgotten = subject.forgotten.map(|at| at.min(now));
    if applying.rules.idle_subjects.is_some_and(|idle| subject.touched.plus(idle) <= now) {
        // In doubt it stays, and is looked at again after as long as that.
        **subject = if may_expire { Subject::default() } else { Subject { touched: now, ..std::mem::take(subject) } };
        return;
    }
    if subject.forgotten.is_some_and(|at| at.plus(FORGOTTEN_FOR) <= now) {
        subject.forgotten = None;
    }
    if subject.ties.waiting.iter().any(|waiting| is_due(waiting.until)) {
        user::settle_waiting(subject, applying);
        user::reconsider(subject, applying);
    }
    if applying.key.kind == RecordKind::Account && subject.tell_at.is_some_and(is_due) {
        account::tell(subject, applying);
    }
    waiting::press(subject, applying);
    relooking::look(subject, applying);
    accepting::look(subject, applying);
    owning::check(subject, applying);
    if subject.wakes_at.is_some_and(|at| at <= now) {
        // Whatever is decided next says when to look again.
        subject.wakes_at = None;
        match applying.key.kind {
            RecordKind::Account => deciding::decide_account(subject, None, applying),
            _ => user::reconsider(subject, applying),
        }
    }
}
