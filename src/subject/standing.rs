//! Where a subject stands with a definition: qualifying is an edge, not a level, and this is what the edge is told from.

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// A subject that qualified for a definition at least once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// How often it qualified so far; part of the lead's id.
    pub times: u32,
    pub lead_id: String,
    pub revision: u32,
    pub tier: u8,
    pub qualified_at: Millis,
    /// Whether the definition was false since the last lead, so that it can become true again.
    pub lapsed: bool,
    #[serde(skip)]
    pub dirty: bool,
}
