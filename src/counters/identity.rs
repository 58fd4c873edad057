//! What a changed configuration does to figures: which go on, and which are lost.

use super::plan::{Plan, Planned};
use super::spec::Counter;
use crate::ids::CounterName;

/// A counter whose figures from before are read no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The counter, as it was called before.
    pub counter: CounterName,
    /// Why.
    pub why: Why,
}

/// Why figures are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is no such counter any more.
    Removed,
    /// It counts something else now: what was counted says nothing of that.
    CountsSomethingElse,
}

impl Why {
    /// As part of a sentence, with what to do.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Removed => "the counter is gone; if it has another name now, say `was: <old name>` there",
            Self::CountsSomethingElse => "the counter counts something else now and begins anew",
        }
    }
}

/// The counters whose figures would be read no longer if `new` came into force after `old`. Counts per day of everything by its
/// name are kept whatever is declared, so that no change of those loses anything; neither does a window, a label, other words for
/// the same condition, or a new name that says what it `was`.
pub fn lost_figures(old: &Plan, new: &Plan) -> Vec<Lost> {
    let before = old.counters.iter().zip(&old.planned).filter(|(_, planned)| !planned.kept.is_empty());
    before.filter_map(|before| lost(before, new)).collect()
}

fn lost((counter, planned): (&Counter, &Planned), new: &Plan) -> Option<Lost> {
    let name = &counter.name;
    let mut now = new.counters.iter().zip(&new.planned);
    let taken_over = now.find(|(now, _)| now.name == *name || now.was.as_ref() == Some(name));
    let why = match taken_over {
        None => Why::Removed,
        Some((_, now)) if now.fingerprint != planned.fingerprint => Why::CountsSomethingElse,
        Some(_) => return None,
    };
    Some(Lost { counter: name.clone(), why })
}
