//! Who is forgotten: a file for each segment that brought marks, `s3/forgotten/<number of its last block>.json`. They hide what is
//! about somebody from readers at once, until no segment holds it any more.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::line::Row;
use crate::apply::Past;
use crate::ids::{RecordKey, RecordKind};
use crate::time::Millis;

/// Somebody who is forgotten, as of a block: what later ones tell is news.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Their record.
    pub of: String,
    /// The block in which they were forgotten.
    pub block: u64,
    /// When.
    pub at: Millis,
}

/// The marks of a shard.
#[derive(Debug, Default)]
pub struct Marks {
    users: HashMap<String, u64>,
    accounts: HashMap<String, u64>,
}

impl Marks {
    pub fn add(&mut self, mark: &Mark) {
        let Ok(key) = mark.of.parse::<RecordKey>() else { return };
        let marks = if key.kind == RecordKind::User { &mut self.users } else { &mut self.accounts };
        let block = marks.entry(key.id.to_string()).or_default();
        *block = mark.block.max(*block);
    }

    pub fn is_empty(&self) -> bool {
        self.users.is_empty() && self.accounts.is_empty()
    }

    /// Whether a row of a block tells of somebody who was forgotten then or later.
    pub fn hide(&self, row: &Row, block: u64) -> bool {
        let hides = |marks: &HashMap<String, u64>, id: &str| marks.get(id).is_some_and(|gone| block <= *gone);
        let user = |id: &str| hides(&self.users, id);
        let own = match row.of.kind {
            RecordKind::User => user(&row.of.id),
            _ => hides(&self.accounts, &row.of.id),
        };
        own || !self.users.is_empty()
            && match &row.past {
                Past::Counted { by, event } => {
                    let ids = [&event.user_id, &event.anonymous_id, &event.previous_id].into_iter().flatten();
                    by.as_deref().is_some_and(user) || ids.into_iter().any(|id| user(id))
                }
                Past::Same { from, to } => user(from) || user(to),
                Past::Gone => false,
            }
    }
}
