//! The explanation of a subject: where it stands on every definition, with observed values. What `handraiser explain` and
//! the admin API show; the engine fills it from the same evaluation that decides leads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::record::{Ending, PointsGiven, Reason, Subject};
use crate::record::LetGo;

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
    /// Whether a counter that it reads is being filled from the archive: nobody is decided about by it meanwhile.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waits: bool,
    /// Whether it would qualify by its conditions now, cooldown aside; `null`: not known.
    pub qualifies: Option<bool>,
    /// All intent conditions are true.
    pub intent: Option<bool>,
    /// All fit conditions are true.
    pub fit: Option<bool>,
    /// The first tier whose condition is true now.
    pub tier: Option<u8>,
    /// What its `rank` comes to now; absent where there is none, or it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub rank: Option<serde_json::Number>,
    /// Every condition with what is observed now: intent, fit, when, then tiers.
    pub conditions: Vec<Reason>,
    /// What somebody qualifies by, in words; empty for those who don't.
    #[serde(default)]
    pub because: Vec<String>,
    /// All that lacks for the nearest way to qualify; empty for those who do. Of several ways that would do, the one is told that
    /// lacks least.
    #[serde(default)]
    pub missing: Vec<Missing>,
    /// The same as one sentence: `2 more invites, and account.employees is 180; 200 would do`.
    #[serde(default)]
    pub nearest_miss: Option<String>,
    /// When somebody who doesn't qualify does so by time alone, RFC 3339, if nothing happens until then.
    #[serde(default)]
    pub qualifies_at: Option<String>,
    /// When it last qualified, RFC 3339.
    pub qualified_at: Option<String>,
    /// The lead of that moment.
    pub lead_id: Option<String>,
    /// What became of it: `won` or `lost`; absent while nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Ending>,
    /// Until when no further lead is made, RFC 3339.
    pub cooldown_until: Option<String>,
    /// Why somebody who qualifies is no lead that somebody is told of; `null` when nothing holds it back.
    #[serde(default)]
    pub held_back: Option<HeldBack>,
}

/// One thing that somebody lacks to qualify.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Missing {
    /// What was looked at, as written: `account.employees`.
    pub what: String,
    /// `>`, `==`, `in`, … Where a condition is negated, the operator says the opposite of what is written.
    pub operator: String,
    /// The value found; `null` when it is not known.
    pub value: Value,
    /// What it is compared with; `null` for a bare flag.
    pub threshold: Value,
    /// What it would take.
    pub kind: MissingKind,
    /// The nearest number that would do, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub enough: Option<Value>,
    /// How far the number found is from that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub gap: Option<Value>,
    /// When it comes by time alone, RFC 3339, if nothing happens until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// All of it in words: `2 more invites in the last 30 days`.
    pub text: String,
}

/// What it takes that something becomes true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissingKind {
    /// A greater number, or more members.
    More,
    /// A smaller number, or fewer members.
    Fewer,
    /// Another value.
    Value,
    /// That something becomes known.
    Unknown,
    /// Time alone.
    Time,
    /// An event, since the condition reads the one at hand.
    Event,
}

/// What holds a lead back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HeldBack {
    /// What it is.
    pub by: HeldBackBy,
    /// Until when, RFC 3339, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The condition that excludes, the counter that is waited for, the source that made too many, the account that is asked, the lead
    /// that they are part of, or what became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
}

/// What may hold a lead back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HeldBackBy {
    /// A condition of `never` is true.
    Never,
    /// The definition is a shadow: there is a lead, and nobody is told.
    Shadow,
    /// The last lead is too recent.
    Cooldown,
    /// They qualified already when the definition appeared, or was loosened.
    QuietStart,
    /// Nothing was heard of them since the definition appeared or changed; the next time, they are looked at.
    Unheard,
    /// The event that made the difference was too old.
    OldEvent,
    /// The definition makes a lead of each new event of a counter, and there was none.
    Each,
    /// The lead is held, since its source made too many, or was let go by an operator.
    Held,
    /// The lead was let go, since its source made too many and as many are held as may be: what they do from `until` on makes another.
    Full,
    /// The lead was held, and let go since nobody released it in time: what they do from `until` on makes another.
    Expired,
    /// The account is asked whether it has a lead already.
    Asking,
    /// The account has a lead already, which they are part of.
    Joined,
    /// The lead was won or lost; they are none again until the conditions were false in between.
    Ended,
}

impl From<LetGo> for HeldBackBy {
    fn from(because: LetGo) -> Self {
        match because {
            LetGo::Full => Self::Full,
            LetGo::Expired => Self::Expired,
        }
    }
}
