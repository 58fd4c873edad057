//! What a counter lacks comes from the archive: the part of a subject's figures that was counted before the counter was there.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Applying;
use crate::ids::{DefinitionName, RecordKind};
use crate::record::{Record, Subject};

/// Definitions that nobody is decided about by, since they read figures that are not filled yet. As long as that is so, no lead is
/// made by them and none lapses; whoever had something to do with it meanwhile is looked at again afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Their names.
    pub definitions: BTreeSet<DefinitionName>,
    /// After how many milliseconds they are looked at again.
    pub look_again: i64,
}

/// All definitions are decided by.
pub static NOTHING_HELD: Held = Held { definitions: BTreeSet::new(), look_again: 0 };

/// To a subject: this was counted for it before some of its counters were there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// Who turned out to be somebody else: they are one in what was filled before, too.
    pub same: Vec<(Arc<str>, Arc<str>)>,
    /// The figures, as the text of a record.
    pub figures: Box<str>,
}

pub(super) fn fill(subject: &mut Subject, fill: &Fill, applying: &mut Applying<'_>) {
    // Who has left, or was forgotten, stays so.
    if !subject.has_history() {
        return;
    }
    let (Record::Subject(past), _) = Record::read(RecordKind::User, &fill.figures) else { return };
    for (from, to) in &fill.same {
        subject.ledger.rename_user(&applying.rules.plan, from, Some(to), applying.seed);
    }
    subject.ledger.merge(&past.ledger);
    let soon = applying.clock.plus(applying.held.look_again);
    subject.wakes_at = Some(subject.wakes_at.map_or(soon, |at| at.min(soon)));
}
