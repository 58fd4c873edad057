//! Where a subject stands with a definition: qualifying is an edge, not a level, and this is what the edge is told from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hold::LeadHold;
use crate::time::Millis;

/// A subject that qualified for a definition at least once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// How often it qualified so far.
    pub times: u32,
    /// The id of the last lead.
    pub lead_id: String,
    /// The last lead's revision: 1, and one more with each further event of its life.
    pub revision: u32,
    /// The last lead's tier.
    pub tier: u8,
    /// When its tier moved last, if it ever did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier_at: Option<Millis>,
    /// When the last lead was made; the cooldown counts from here.
    pub qualified_at: Millis,
    /// Since when the definition was false after the last lead, so that it can become true again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lapsed_at: Option<Millis>,
    /// Why there is no lead although it qualified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<Quiet>,
    /// Whether its definition was a shadow when the last lead was made: then nobody hears of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    /// Who follows up on the last lead, once that is decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing: Option<Routing>,
    /// Whether the last lead is held, or was let go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<LeadHold>,
    /// Lead events as JSON that are not routed yet, in order; the first is on its way to its team.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queue: Vec<Box<str>>,
}

/// Why somebody who qualified was noted, and not made a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quiet {
    /// They qualified already when the definition appeared, or was loosened.
    Start,
    /// The event that made the difference was too old.
    OldEvent,
}

/// The routing decision and its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
pub struct Routing {
    /// The route that decided.
    pub route: Option<String>,
    /// The team that shared the lead out, or that the owner is in; `null` when there is none.
    pub team: Option<String>,
    /// The rep's e-mail address; `None` for self-serve.
    pub owner: Option<String>,
    /// Why, in a sentence.
    pub reason: String,
}
