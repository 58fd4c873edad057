//! The lead record: what a CRM and a rep receive. Versioned JSON; `docs/lead.schema.json` is made from these types.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use crate::event::Trust;
use crate::expr::Observation;
use crate::ids::SubjectKind;
pub use crate::record::{Ending, Happening, Joiner, LeadHold, LeadWaits, Progress, Routing};

/// The version of the lead event's shape. It grows when a field changes its meaning or leaves; new fields may come any time.
pub const SCHEMA: &str = "handraiser.lead/1";

/// Why a lead event is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
pub enum LeadEventType {
    /// The subject has just qualified; the lead is routed, its owner is in it.
    #[serde(rename = "lead.qualified")]
    Qualified,
    /// A qualified lead moved to another tier.
    #[serde(rename = "lead.tier_changed")]
    TierChanged,
    /// A qualified lead's conditions are true no longer. They may become true again, which makes another lead.
    #[serde(rename = "lead.lapsed")]
    Lapsed,
    /// Somebody else of the account qualified, or for another definition, and became part of the lead.
    #[serde(rename = "lead.joined")]
    Joined,
    /// The lead was given to another owner: by hand, in a CRM, or since its owner did not take it on in time.
    #[serde(rename = "lead.assigned")]
    Assigned,
    /// They bought, as `outcomes` or the CRM says. Nothing more is heard of the lead.
    #[serde(rename = "lead.won")]
    Won,
    /// They won't buy, as `outcomes` or the CRM says. Nothing more is heard of the lead.
    #[serde(rename = "lead.lost")]
    Lost,
    /// Its owner turned it down or put it away, as the CRM says. Nothing more is heard of the lead.
    #[serde(rename = "lead.rejected")]
    Rejected,
    /// Its owner took it on.
    #[serde(rename = "lead.accepted")]
    Accepted,
    /// Somebody is working it, as the CRM says.
    #[serde(rename = "lead.working")]
    Working,
    /// Its owner has not taken it on yet, and soon should have.
    #[serde(rename = "lead.reminded")]
    Reminded,
}

/// What a destination receives: one event in the life of a lead, with the whole lead as it stands then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
pub struct LeadEvent {
    /// `handraiser.lead/1`.
    pub schema: String,
    /// Stable over retries: the idempotency key. Also sent as `webhook-id` and `Idempotency-Key`.
    pub id: String,
    /// What happened to the lead.
    #[serde(rename = "type")]
    pub kind: LeadEventType,
    /// When this event of the lead's life was decided, RFC 3339.
    pub occurred_at: String,
    /// The whole lead as it stands then.
    pub lead: Lead,
}

/// A product-qualified lead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
pub struct Lead {
    /// Deterministic: the same subject qualifying for the same definition for the n-th time always has the same id.
    pub id: String,
    /// Grows by one with each event of the lead's life, from 1. A receiver keeps the highest.
    pub revision: u32,
    /// The name of the definition that the subject qualified for.
    pub definition: String,
    /// What the lead is for, as the definition says: its `goal`.
    #[serde(default)]
    pub goal: Option<String>,
    /// Changes whenever the definition's meaning changes.
    pub definition_version: String,
    /// The version of the configuration that it was decided under; `handraiser config show` shows it.
    #[serde(default)]
    pub config_version: String,
    /// 1 is the best.
    pub tier: u8,
    /// What the definition's `rank` came to: the greater, the sooner. Absent where there is none, or it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub rank: Option<Number>,
    /// Who qualified.
    pub subject: Subject,
    /// The user, when a user qualified; whom to talk to at an account is `contact`.
    #[serde(default)]
    pub user: Option<UserPart>,
    /// The account: the subject itself, or the account of the user.
    pub account: Option<AccountPart>,
    /// Whom to talk to first.
    pub contact: Option<Person>,
    /// The most active people of the account, most active first.
    pub people: Vec<Person>,
    /// One or two sentences, ready to send.
    pub summary: String,
    /// What the subject qualified by, each thing in words: `12 tasks created in the last 30 days`. Only what is true. Empty where that
    /// is so no longer, as of a lead that lapsed.
    #[serde(default)]
    pub because: Vec<String>,
    /// Every condition with what was observed, intent first.
    pub reasons: Vec<Reason>,
    /// Who became part of the lead after it was made, the latest 10, the newest last. Absent when nobody did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<Joiner>,
    /// How many became part of it. Absent when nobody did.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub joined_count: u32,
    /// What happened to it so far, in the order of time: how it began and at most 39 more, the latest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Happening>,
    /// How far its owner has come with it. Absent while nobody has taken it on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// What became of it: `won`, `lost` or `rejected`. Absent while nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Ending>,
    /// Why, as whoever said so put it; absent where nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome_reason: Option<String>,
    /// Every counter of the subject as it stood, and every other figure that a condition read, as written: `tasks.within(7d)`.
    pub usage: BTreeMap<String, Value>,
    /// Every signal of the subject as it stood, and of a user those of their account as well.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub signals: BTreeMap<String, Value>,
    /// What the scores among them are made of, by signal: every line that gave something.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub points: BTreeMap<String, Vec<PointsGiven>>,
    /// Which sources the subject's events came from, by name. A lead that rests on public sources alone may be made up.
    #[serde(default)]
    pub sources: Vec<LeadSource>,
    /// Destinations that don't get the last news of it, since their `when` isn't true of it. Absent when all do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld_from: Vec<String>,
    /// Traits that were left out because the lead would be larger than receivers take, such as `user.bio`. Absent when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub truncated: Vec<String>,
    /// When the subject's first event happened, RFC 3339.
    pub first_seen: Option<String>,
    /// When the subject's last event happened, RFC 3339.
    pub last_seen: Option<String>,
    /// Who follows up; `None` until routed.
    pub routing: Option<Routing>,
    /// The source of the event that made the difference; `null` where it was no event, but time or a change of the account.
    #[serde(default)]
    pub source: Option<String>,
    /// Whether its definition is a shadow (`mode: shadow`): the lead is counted and shown, and nobody is told of it. Destinations
    /// receive no lead that has it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    /// Why it is not on its way; absent when it is. Destinations receive no lead that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<LeadHold>,
    /// Which team it waits for, while nobody of that is there, or that more has to be known of it. Absent when it doesn't: no destination ever sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<LeadWaits>,
    /// A link by which its owner says that they take it on, without being signed in anywhere; absent where none are configured
    /// (`leads.accept_links`), and where they have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept_url: Option<String>,
    /// When things happened on the way from the event to the owner.
    pub timestamps: Timestamps,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// One line of a score that gave something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
pub struct PointsGiven {
    /// Its label, or what it hangs on as written.
    pub label: String,
    /// How often it was given.
    #[schema(value_type = f64)]
    pub times: Number,
    /// How many points that made.
    #[schema(value_type = f64)]
    pub points: Number,
}

/// A source of a subject's events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
pub struct LeadSource {
    /// Its name in the configuration.
    pub name: String,
    /// `public`: anybody who reads the page could have sent them; or `server`.
    pub trust: Trust,
}

/// Who qualified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
pub struct Subject {
    /// Whether a user or an account qualified.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: SubjectKind,
    /// The user's id, or the account's.
    pub id: String,
    /// The subject's `name` trait, when there is one.
    pub name: Option<String>,
}

/// The account of a lead, with all that is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
pub struct AccountPart {
    /// The account's id; of an account that was found by e-mail address, the domain.
    pub id: String,
    /// The account's `name` trait, when there is one.
    pub name: Option<String>,
    /// Its traits by canonical name, such as `trial_ends_at`.
    #[schema(value_type = Object)]
    pub traits: BTreeMap<String, Value>,
}

/// The user who qualified, with all that is known of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
pub struct UserPart {
    /// The user's id: a `userId`, or an anonymous id as long as no other is known.
    pub id: String,
    /// The user's `name` trait, or first and last name, when known.
    pub name: Option<String>,
    /// Their traits by canonical name, such as `trial_ends_at`.
    #[schema(value_type = Object)]
    pub traits: BTreeMap<String, Value>,
}

/// A person of the account, or the user themself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
pub struct Person {
    /// Their id: a `userId`, or an anonymous id as long as no other is known.
    pub user_id: String,
    /// Their `email` trait, when there is one.
    pub email: Option<String>,
    /// Their `name` trait, or first and last name, when known.
    pub name: Option<String>,
    /// Their `title` trait, when there is one: what they do in the company.
    pub title: Option<String>,
    /// How many events of theirs were counted for the account.
    pub events: u64,
    /// When their last event happened, RFC 3339; of an account's people, the last one for that account.
    pub last_seen: Option<String>,
}

/// Which list of the definition a reason comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Axis {
    /// `intent`: what they do.
    Intent,
    /// `fit`: who they are.
    Fit,
    /// `when`: how both go together, where that is written.
    When,
    /// `tiers`: how good a lead they are.
    Tier,
}

/// One condition and what was observed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
pub struct Reason {
    /// Which list of the definition it stands in.
    pub axis: Axis,
    /// The condition as written.
    pub condition: String,
    /// `true`, `false` or unknown (`null`).
    pub met: Option<bool>,
    /// Every comparison in it; after a signal, what its own conditions compare.
    pub observed: Vec<Observation>,
    /// How far along: 0 to 1, where it can be said.
    pub progress: Option<f64>,
}

/// RFC 3339 in UTC; together they tell the delay from the event to the CRM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
pub struct Timestamps {
    /// When the event that made the difference happened.
    pub event: String,
    /// When the server received it.
    pub received: String,
    /// When the lead was decided.
    pub qualified: String,
    /// When it was routed; `null` before.
    pub routed: Option<String>,
    /// Since when its conditions are true no longer; absent while they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lapsed: Option<String>,
    /// Until when its owner has to have taken it on, where its team says so; absent once they have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept_by: Option<String>,
    /// When its owner took it on; absent before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
    /// When somebody first worked it; absent before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worked: Option<String>,
    /// When it was won, lost or rejected; absent while it is neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

impl LeadEventType {
    /// What happened, in a word: the end of its name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Qualified => "qualified",
            Self::TierChanged => "tier_changed",
            Self::Lapsed => "lapsed",
            Self::Joined => "joined",
            Self::Assigned => "assigned",
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Rejected => "rejected",
            Self::Accepted => "accepted",
            Self::Working => "working",
            Self::Reminded => "reminded",
        }
    }

    /// Whether nobody has to follow up on the lead any more.
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Lapsed | Self::Won | Self::Lost | Self::Rejected)
    }
}

impl Lead {
    /// Takes a user out of the people that the lead names; returns whether they were there.
    pub fn scrub(&mut self, user: &str) -> bool {
        let named = self.people.iter().chain(&self.contact).any(|person| person.user_id == user);
        self.people.retain(|person| person.user_id != user);
        if self.contact.as_ref().is_some_and(|contact| contact.user_id == user) {
            self.contact = self.people.first().cloned();
        }
        let joined = self.joined.len();
        self.joined.retain(|joiner| !joiner.is_user(user));
        if named {
            // The sentence may name them, too.
            let who = self.subject.name.as_deref().unwrap_or(&self.subject.id);
            self.summary = format!("{who} matches “{}”.", self.definition);
        }
        named || self.joined.len() < joined
    }
}
