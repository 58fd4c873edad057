//! A destination that nothing is sent to for now, and that is asked for nothing: who said so, since when, and why.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// Why nothing is sent to a destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Since when.
    pub since: Millis,
    /// Who says so.
    pub by: PausedBy,
    /// Why, in the words of whoever said so.
    pub why: Option<Box<str>>,
    /// What tells the credentials that were refused from others: see [`Credentials`].
    pub credentials: Option<Credentials>,
}

/// Who says that nothing is sent to a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PausedBy {
    /// An operator, until they say otherwise.
    Hand,
    /// It refuses the credentials: until they change, it takes something after all, or an operator says so.
    Refused,
}

impl PausedBy {
    /// As the API tells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hand => "hand",
            Self::Refused => "refused",
        }
    }
}

/// A few bits of a hash over what a destination is proven to: enough to see that it has changed, and too few to find it out by trying.
pub type Credentials = u16;

impl Pause {
    /// What holds when this is said where `before` held.
    #[must_use]
    pub fn over(self, before: Option<Self>) -> Self {
        match before {
            // What an operator said stands until they say otherwise.
            Some(before) if before.by == PausedBy::Hand && self.by == PausedBy::Refused => before,
            Some(before) => Self { since: before.since.min(self.since), why: self.why.or(before.why), ..self },
            None => self,
        }
    }
}
