//! What a source said lately about known ids being others, and what came of it: for whoever looks into a theft. An anonymous id that
//! becomes a user's is no news; the user's own record says who tied it.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::Trust;
use crate::event::size::cut;
use crate::time::Millis;

/// How many are kept of those that were refused, and how many of the others: whoever is refused often hides nothing.
pub const MAX_KEPT: usize = 100;
/// The name under which operators are among the sources.
pub const OPERATOR: &str = "(operator)";
/// How much of each id is kept, in bytes.
const ID_BYTES: usize = 128;

/// What became of a call that says that two ids are one user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MergeOutcome {
    /// One handed over what it had to the other.
    Merged,
    /// The id is known as a user of its own, and the source is public.
    Refused,
    /// The id is its own again: it came as a `userId` after a public source had tied it, or an operator said so.
    Undone,
}

impl MergeOutcome {
    /// Its name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Merged => "merged",
            Self::Refused => "refused",
            Self::Undone => "undone",
        }
    }
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeNote {
    /// When.
    pub at: Millis,
    /// What came of it.
    pub outcome: MergeOutcome,
    /// The id.
    pub id: Arc<str>,
    /// The user whose it became, or would have become, or is no longer.
    pub user: Arc<str>,
    /// How far the source was believed.
    pub trust: Trust,
}

/// The last ones of a source, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MergeLog(pub VecDeque<MergeNote>);

impl MergeLog {
    /// Notes one; the oldest of its sort leaves where there are too many.
    pub fn note(&mut self, note: MergeNote) {
        let is_alike =
            |other: &MergeNote| (other.outcome == MergeOutcome::Refused) == (note.outcome == MergeOutcome::Refused);
        if self.0.iter().filter(|other| is_alike(other)).count() >= MAX_KEPT
            && let Some(oldest) = self.0.iter().position(is_alike)
        {
            self.0.remove(oldest);
        }
        let short = |id: Arc<str>| if id.len() > ID_BYTES { Arc::from(cut(&id, ID_BYTES)) } else { id };
        self.0.push_back(MergeNote { id: short(note.id), user: short(note.user), ..note });
    }

    /// Forgets whatever names a user. Returns known users who were said to be that one: their records name them as well.
    pub fn forget(&mut self, user: &str) -> Vec<Arc<str>> {
        let user = cut(user, ID_BYTES);
        let names = |note: &MergeNote| note.outcome == MergeOutcome::Refused && *note.user == *user;
        let mut named: Vec<Arc<str>> =
            self.0.iter().filter(|note| names(note)).map(|note| Arc::clone(&note.id)).collect();
        named.sort_unstable();
        named.dedup();
        self.0.retain(|note| *note.id != *user && *note.user != *user);
        named
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|note| size_of::<MergeNote>() + note.id.len() + note.user.len() + 32).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_refused_often_hides_nothing() {
        let mut log = MergeLog::default();
        let note = |n: i64, outcome| MergeNote {
            at: Millis(n),
            outcome,
            id: format!("{n}{}", "x".repeat(200)).into(),
            user: "mallory".into(),
            trust: Trust::Public,
        };
        log.note(note(0, MergeOutcome::Undone));
        (1..1_000).for_each(|n| log.note(note(n, MergeOutcome::Refused)));
        assert_eq!((log.0.len(), log.0[0].at, log.0[1].at, log.0[100].at), (101, Millis(0), Millis(900), Millis(999)));
        assert!(log.bytes() < 40_000, "{}", log.bytes());
        assert!(log.forget(&note(0, MergeOutcome::Undone).id).is_empty());
        assert_eq!(log.0.len(), 100);
        let mut named: Vec<Arc<str>> = log.0.iter().map(|note| Arc::clone(&note.id)).collect();
        named.sort_unstable();
        assert_eq!(log.forget("mallory"), named);
        assert_eq!(log, MergeLog::default());
    }
}
