//! What happened to a lead, in the order of time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// So much of it is kept: how it began, and what came last.
pub const MAX_HAPPENINGS: usize = 40;

/// How much is kept of why, in characters.
const MOST_OF_A_NOTE: usize = 300;

/// One thing that happened to a lead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
pub struct Happening {
    /// When, RFC 3339.
    pub at: String,
    /// What: an event of its life without `lead.`, such as `qualified` or `assigned`; or `held`, `waits`, `routed`.
    pub what: String,
    /// Whose it is by that, where that was decided: a rep's e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Why, or how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Adds what happened; of what is too much the oldest leaves, but for how it began.
pub fn note(history: &mut Vec<Happening>, mut happening: Happening) {
    if let Some((end, _)) = happening.note.as_ref().and_then(|note| note.char_indices().nth(MOST_OF_A_NOTE)) {
        happening.note.iter_mut().for_each(|note| note.replace_range(end.., "…"));
    }
    if history.len() >= MAX_HAPPENINGS {
        history.remove(1);
    }
    history.push(happening);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_it_began_stays_and_what_came_last() {
        let mut history = Vec::new();
        for number in 0..100 {
            note(&mut history, Happening { what: number.to_string(), ..Happening::default() });
        }
        note(&mut history, Happening { note: Some("é".repeat(1_000)), what: "99".to_owned(), ..Happening::default() });
        assert_eq!(history.pop().and_then(|last| last.note).map(|note| note.chars().count()), Some(MOST_OF_A_NOTE + 1));
        let what: Vec<&str> = history.iter().map(|happening| &*happening.what).collect();
        assert_eq!((what.len(), what[0], what[1], what[MAX_HAPPENINGS - 2]), (MAX_HAPPENINGS - 1, "0", "62", "99"));
    }
}
