//! Until when the owner of a lead takes it on.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Waits;
use crate::time::Millis;

/// What was promised of a lead that nobody has taken on yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sla {
    /// The team that promised it.
    pub team: Arc<str>,
    /// Since when its owner has it.
    pub since: Millis,
    /// Until when its owner has to have taken it on.
    pub due: Millis,
    /// When they are reminded, as long as they were not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind: Option<Millis>,
    /// Whose it was, one after the other; the last one's it is.
    pub had: Vec<Arc<str>>,
    /// Whether an operator takes it from them, though they may have taken it on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken: bool,
    /// The question to the team who else may get it, as long as it has not answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<Arc<str>>,
    /// Whether its time is over and nobody else gets it: nothing follows but that somebody takes it on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spent: bool,
    /// Where that waits for somebody else of the team, how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<Waits>,
}

impl Sla {
    /// When something has to be done about it.
    pub fn next(&self) -> Option<Millis> {
        if self.spent {
            return None;
        }
        if self.asks.is_some() {
            return self.waits.as_ref()?.until;
        }
        Some(self.remind.map_or(self.due, |remind| remind.min(self.due)))
    }
}
