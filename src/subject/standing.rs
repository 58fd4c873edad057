//! Where a subject stands with a definition: qualifying is an edge, not a level, and this is what the edge is told from.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Subject;
use crate::identity::SubjectKind;
use crate::lead::LeadEventType;
use crate::lead::build::lead_id;
use crate::qualify::{Decision, Definition};
use crate::time::Millis;

/// A subject that qualified for a definition at least once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// How often it qualified so far; part of the lead's id.
    pub times: u32,
    /// The id of the last lead.
    pub lead_id: String,
    /// The last lead's revision: 1, and one more with each change of its tier.
    pub revision: u32,
    /// The last lead's tier.
    pub tier: u8,
    /// When the last lead was made; the cooldown counts from here.
    pub qualified_at: Millis,
    /// Whether the definition was false since the last lead, so that it can become true again.
    pub lapsed: bool,
    /// Whether anything above differs from what is stored.
    #[serde(skip)]
    pub dirty: bool,
}

/// Notes a decision about `subject`; answers what it means for the lead, if anything.
pub fn take(
    subject: &mut Subject,
    definition: &Definition,
    of: SubjectKind,
    id: &str,
    decision: Decision,
    now: Millis,
) -> Option<(LeadEventType, Standing)> {
    let before = subject.standings.get(&definition.name);
    let (kind, after) = match (decision, before) {
        (Decision::Qualify { tier }, before) => {
            let times = before.map_or(0, |standing| standing.times) + 1;
            let lead_id = lead_id(&definition.name, of, id, times);
            let fresh = Standing { times, lead_id, revision: 1, tier, qualified_at: now, lapsed: false, dirty: true };
            (Some(LeadEventType::Qualified), fresh)
        }
        (Decision::Retier { tier }, Some(before)) => {
            let moved = Standing { tier, revision: before.revision + 1, dirty: true, ..before.clone() };
            (Some(LeadEventType::TierChanged), moved)
        }
        (Decision::Lapse, Some(before)) => (None, Standing { lapsed: true, dirty: true, ..before.clone() }),
        _ => return None,
    };
    subject.standings.insert(Arc::clone(&definition.name), after.clone());
    kind.map(|kind| (kind, after))
}
