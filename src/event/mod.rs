//! One call of the Segment spec, normalised: what the log keeps, and what is counted. Pure.

pub mod facts;
pub mod size;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::RecordKey;
pub use crate::ids::SourceName;
use crate::time::Millis;

/// The calls of the Segment spec (<https://www.twilio.com/docs/segment/connections/spec>), and Segment's `delete`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Call {
    /// Something happened: it has a name, and properties.
    Track,
    /// Who a user is: it ties an anonymous id to a `userId`, and carries the user's traits.
    Identify,
    /// Which account a user belongs to, and the account's traits.
    Group,
    /// A page of a website was seen.
    Page,
    /// A screen of an app was seen.
    Screen,
    /// Two ids are one user: `previousId` becomes `userId`.
    Alias,
    /// A deletion request (GDPR), as Segment's classic webhook sends it: `{"type":"delete","userId":…}`.
    Delete,
    /// What another system knows of a user or an account: no call of the spec, and no sign of use.
    Traits,
}

impl Call {
    /// Every call.
    pub const ALL: [Self; 8] =
        [Self::Track, Self::Identify, Self::Group, Self::Page, Self::Screen, Self::Alias, Self::Delete, Self::Traits];

    /// The call's `type` as it stands in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::Identify => "identify",
            Self::Group => "group",
            Self::Page => "page",
            Self::Screen => "screen",
            Self::Alias => "alias",
            Self::Delete => "delete",
            Self::Traits => "traits",
        }
    }

    /// The call of a `type`, whatever its case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|call| call.as_str().eq_ignore_ascii_case(name))
    }
}

/// A message id as it is remembered: 64 bits of XXH3 over the source's name and the `messageId`.
///
/// The source is part of it because two sources may number their messages alike. Of a hundred million remembered ids, a new one
/// is mistaken for one of them with a probability of 5 in 10^12.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(pub u64);

impl MessageId {
    /// The hash of `id` within `source`.
    pub fn of(source: &SourceName, id: &[u8]) -> Self {
        let mut hasher = xxhash_rust::xxh3::Xxh3::new();
        hasher.update(source.as_str().as_bytes());
        hasher.update(&[0]);
        hasher.update(id);
        Self(hasher.digest())
    }
}

/// How far a sender is believed. A public one is what anybody can send with a write key that stands in a web page; of two things
/// that are said, what a server said stands.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// Whoever reads the page has its write key, and can say anything.
    #[default]
    Public,
    /// Only the operator's own servers, or a CDP that signs, can send it.
    Server,
}

impl Trust {
    /// `public` or `server`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Server => "server",
        }
    }

    /// What [`Self::as_str`] wrote.
    pub fn read(text: &str) -> Option<Self> {
        [Self::Public, Self::Server].into_iter().find(|trust| trust.as_str() == text)
    }
}

/// One event, ready to be counted. Everything in it is already checked and normalised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The source that sent it.
    pub source: SourceName,
    /// How far that source was believed when it came. It is the same for all events of a source, whatever each came in: else what was
    /// said in one way could never be changed by what is said in the other.
    pub trust: Trust,
    /// Whether what proves the source covers this very event. Of the events behind a signature over the first one alone, anybody who
    /// saw that one could have written the others: they tie no known users.
    pub covered: bool,
    /// Which call it was; it decides which of the fields below are filled.
    pub call: Call,
    /// The sender's `messageId`, or a stand-in made from the raw bytes.
    pub message_id: Box<str>,
    /// What the event is remembered by, so that a repeated one is counted once; `None` for one that came with neither an id nor
    /// a time of its own, which nothing tells from another one like it.
    pub message: Option<MessageId>,
    /// Non-empty, trimmed; numbers were written as strings. At least one of `user_id` and `anonymous_id` is there,
    /// except for a group call, which may name only its group.
    pub user_id: Option<Box<str>>,
    /// The id of a device or a browser from before its user was known; of the same form as `user_id`.
    pub anonymous_id: Option<Box<str>>,
    /// Alias only: the identity that becomes `user_id`.
    pub previous_id: Option<Box<str>>,
    /// Group: the account. Traits: the account that they are of; without one they are of the user.
    pub group_id: Option<Box<str>>,
    /// `context.groupId`: the account that a call other than group belongs to.
    pub context_group_id: Option<Box<str>>,
    /// Track: the event's name. Page and screen: the page's name, when there is one.
    pub name: Option<Box<str>>,
    /// When it happened, skew-corrected; never later than `received_at`.
    pub timestamp: Millis,
    /// When this server received the request, by its own clock.
    pub received_at: Millis,
    /// Track, page and screen.
    pub properties: Map<String, Value>,
    /// Identify: the user's traits (from the root, else `context.traits`). Group: the account's traits. Traits: see `group_id`.
    pub traits: Map<String, Value>,
    /// `context.traits` of calls other than identify: what the sender knows of the user, and `company.id`.
    pub context_traits: Map<String, Value>,
}

/// An event that could not be used, as the operator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// When it arrived.
    pub at: Millis,
    /// The source that sent it.
    pub source: String,
    /// Position in its request, from 0.
    pub index: usize,
    /// A stable code, such as `missing_id`.
    pub code: String,
    /// What is wrong and how to fix it.
    pub message: String,
    /// Its `messageId`, when that could be read.
    pub message_id: Option<String>,
    /// The beginning of the raw item.
    pub excerpt: String,
}

impl Event {
    /// The record that it is for first: its user, or for a group call without one the account.
    pub fn first_record(&self) -> RecordKey {
        match (self.user_id.as_deref().or(self.anonymous_id.as_deref()), self.group_id.as_deref()) {
            (None, Some(group)) => RecordKey::account(group),
            (user, _) => RecordKey::user(user.unwrap_or_default()),
        }
    }
}

#[cfg(test)]
impl Event {
    /// A track call of nobody, with nothing in it, for tests that are not about requests.
    pub(crate) fn blank(id: &str, at: Millis) -> Self {
        let source = SourceName::new("app");
        Self {
            message: Some(MessageId::of(&source, id.as_bytes())),
            source,
            trust: Trust::Server,
            covered: true,
            call: Call::Track,
            message_id: id.into(),
            user_id: None,
            anonymous_id: None,
            previous_id: None,
            group_id: None,
            context_group_id: None,
            name: None,
            timestamp: at,
            received_at: at,
            properties: Map::new(),
            traits: Map::new(),
            context_traits: Map::new(),
        }
    }
}
