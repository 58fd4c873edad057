//! One lead for each account: which it is, and who became part of it.

use std::collections::VecDeque;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{DefinitionName, RecordKey, SubjectKind};
use crate::time::Millis;

/// A lead that others of its account become part of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenLead {
    /// The account.
    pub account: Arc<str>,
    /// Who qualified.
    pub subject: RecordKey,
    /// For which definition.
    pub definition: DefinitionName,
    /// The lead.
    pub lead: Arc<str>,
    /// When the account let it be its lead.
    pub since: Millis,
}

/// So many of those who became part of a lead are kept, the latest.
pub const MAX_JOINERS: usize = 10;

/// Who became part of a lead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joiners {
    /// How many there were.
    pub count: u32,
    /// The latest, at most [`MAX_JOINERS`].
    pub latest: VecDeque<Joiner>,
}

impl Joiners {
    /// Takes in another one.
    pub fn add(&mut self, joiner: Joiner) {
        self.count = self.count.saturating_add(1);
        if self.latest.len() >= MAX_JOINERS {
            self.latest.pop_front();
        }
        self.latest.push_back(joiner);
    }

    /// Takes a user out; the count stays.
    pub fn forget(&mut self, user: &str) {
        self.latest.retain(|joiner| !joiner.is_user(user));
    }
}

/// Somebody of an account who qualified while it had a lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
pub struct Joiner {
    /// The name of the definition that they qualified for.
    pub definition: String,
    /// Whether a user or an account qualified.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: SubjectKind,
    /// The user's id, or the account's.
    pub id: String,
    /// The `name` trait, when there is one.
    pub name: Option<String>,
    /// The tier in that definition.
    pub tier: u8,
    /// When they qualified, RFC 3339.
    pub qualified: String,
    /// What they did, in a sentence.
    pub summary: String,
    /// What they qualified by, each thing in words.
    pub because: Vec<String>,
}

impl Joiner {
    /// Whether it is this user.
    pub fn is_user(&self, user: &str) -> bool {
        self.kind == SubjectKind::User && self.id == user
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joiner(id: usize) -> Joiner {
        let text = String::new;
        Joiner {
            definition: text(),
            kind: SubjectKind::User,
            id: id.to_string(),
            name: None,
            tier: 1,
            qualified: text(),
            summary: text(),
            because: Vec::new(),
        }
    }

    #[test]
    fn the_latest_are_kept_and_all_are_counted() {
        let mut joiners = Joiners::default();
        (0..MAX_JOINERS + 3).for_each(|id| joiners.add(joiner(id)));
        let ids: Vec<_> = joiners.latest.iter().map(|joiner| joiner.id.clone()).collect();
        assert_eq!((joiners.count, &*ids[0], &**ids.last().unwrap(), ids.len()), (13, "3", "12", MAX_JOINERS));
        joiners.forget("5");
        assert_eq!((joiners.count, joiners.latest.len()), (13, MAX_JOINERS - 1));
    }
}
