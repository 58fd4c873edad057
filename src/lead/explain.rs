//! The explanation of a subject: where it stands on every definition, with observed values. What `handraiser explain` and
//! the admin API show; the engine fills it from the same evaluation that decides leads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::record::{PointsGiven, Reason, Subject};

/// Everything that is known of a subject and where it stands on every definition that is about its kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SubjectExplanation {
    /// Who is explained.
    pub subject: Subject,
    /// The version of the configuration that explains it.
    pub config_version: String,
    /// Set when the id that was asked for was merged away: the id that holds the history, which is what is explained.
    pub merged_into: Option<String>,
    /// User: their accounts, the latest first. Account: empty.
    pub accounts: Vec<String>,
    /// By canonical name.
    #[schema(value_type = Object)]
    pub traits: BTreeMap<String, Value>,
    /// When the first event happened, RFC 3339.
    pub first_seen: Option<String>,
    /// When the last event happened, RFC 3339.
    pub last_seen: Option<String>,
    /// Every counter of the subject's kind as it stands now.
    #[schema(value_type = Object)]
    pub counters: BTreeMap<String, Value>,
    /// Every signal of the subject as it stands now, and of a user those of their account as well.
    #[schema(value_type = Object)]
    pub signals: BTreeMap<String, Value>,
    /// What the scores among them are made of, by signal: every line that gives something.
    pub points: BTreeMap<String, Vec<PointsGiven>>,
    /// In the order of the configuration.
    pub definitions: Vec<DefinitionExplanation>,
}

/// Where a subject stands on one definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DefinitionExplanation {
    /// Its name, as configured.
    pub name: String,
    /// Who qualifies: `user` or `account`.
    pub of: String,
    /// Changes whenever the definition's meaning changes.
    pub version: String,
    /// Whether it would qualify by its conditions now, cooldown aside; `null`: not known.
    pub qualifies: Option<bool>,
    /// All intent conditions are true.
    pub intent: Option<bool>,
    /// All fit conditions are true.
    pub fit: Option<bool>,
    /// The first tier whose condition is true now.
    pub tier: Option<u8>,
    /// Every condition with what is observed now: intent, fit, then tiers.
    pub conditions: Vec<Reason>,
    /// When it last qualified, RFC 3339.
    pub qualified_at: Option<String>,
    /// The lead of that moment.
    pub lead_id: Option<String>,
    /// Until when no further lead is made, RFC 3339.
    pub cooldown_until: Option<String>,
}
