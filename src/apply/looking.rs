//! A definition that appears may be true of somebody who does nothing, or become so by time alone. So everybody is told to look again,
//! once, some at a time: who qualifies is decided about as if they had been woken by time, behind what is noted of them quietly
//! (`starting`); and whoever doesn't knows from then on when that may change.

use super::{Applying, deciding, user};
use crate::ids::RecordKind;
use crate::record::Subject;

pub(super) fn look(subject: &mut Subject, applying: &mut Applying<'_>) {
    // Who was forgotten, or has left, is nobody to decide about.
    if !subject.has_history() {
        return;
    }
    match applying.key.kind {
        RecordKind::Account => deciding::decide_account(subject, None, applying),
        _ => user::reconsider(subject, applying),
    }
}
