//! One call as it stands in JSON, read in one pass: only what is needed is kept, the rest is skipped unread.
//!
//! Of a field that occurs twice the last value counts, as in JavaScript. An empty list stands for an empty object, because
//! PHP writes it so.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::bounded::{Bounded, Budget, Whole};
use super::ids::{IdField, TextField};
use super::limits::ValueLimits;
use super::mend::mended;
use super::object::{Entries, FromEntries, Object, read_object};
use super::wanted::{Wanted, WantedProperties};
use super::when::{TimeField, Times};
use crate::event::Call;

/// A call of the Segment spec as sent.
#[derive(Debug, Default)]
pub(super) struct Item {
    pub kind: Kind,
    pub message_id: IdField,
    pub user_id: IdField,
    pub anonymous_id: IdField,
    pub previous_id: IdField,
    pub group_id: IdField,
    pub event: TextField,
    pub name: TextField,
    pub category: TextField,
    pub times: Times,
    pub properties: Map<String, Value>,
    pub traits: Map<String, Value>,
    pub context: Option<Context>,
    pub integrations: Integrations,
}

/// The `type` of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    #[default]
    Missing,
    Known(Call),
    /// A type that is no call of the Segment spec.
    Other(Box<str>),
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(text) = TextField::deserialize(deserializer)?.0 else { return Ok(Self::Missing) };
        Ok(Call::from_name(&text).map_or(Self::Other(text), Self::Known))
    }
}

/// What is needed of `context`.
#[derive(Clone, Debug, Default)]
pub(super) struct Context {
    pub traits: Map<String, Value>,
    pub group_id: Option<Box<str>>,
}

/// What `integrations` says about all destinations, and about this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Integrations {
    pub all: Option<bool>,
    pub ours: Option<bool>,
}

impl Integrations {
    /// Whether the sender wants this destination left out; what `self` leaves open, `envelope` decides.
    pub fn opted_out(self, envelope: Self) -> bool {
        let ours = self.ours.or(envelope.ours);
        ours == Some(false) || (ours.is_none() && self.all.or(envelope.all) == Some(false))
    }
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Key {
    #[serde(rename = "type")]
    Kind,
    #[serde(alias = "message_id")]
    MessageId,
    #[serde(alias = "user_id")]
    UserId,
    #[serde(alias = "anonymous_id")]
    AnonymousId,
    #[serde(alias = "previous_id")]
    PreviousId,
    #[serde(alias = "group_id")]
    GroupId,
    Event,
    Name,
    Category,
    Timestamp,
    #[serde(alias = "original_timestamp")]
    OriginalTimestamp,
    #[serde(alias = "sent_at")]
    SentAt,
    #[serde(alias = "received_at")]
    ReceivedAt,
    Properties,
    Traits,
    Context,
    Integrations,
    #[serde(other)]
    Other,
}

impl Item {
    /// Reads a call with the properties that are wanted of it, as far as the budget goes.
    pub fn read(raw: &str, wanted: &WantedProperties, budget: &Budget) -> serde_json::Result<Self> {
        // A cut emoji or a number beyond all bounds in one field is no reason to lose the event. Hardly any has one.
        Self::read_as_sent(raw, wanted, budget).or_else(|error| match mended(raw) {
            Some(mended) => Self::read_as_sent(&mended, wanted, budget),
            None => Err(error),
        })
    }

    fn read_as_sent(raw: &str, wanted: &WantedProperties, budget: &Budget) -> serde_json::Result<Self> {
        let mut deserializer = serde_json::Deserializer::from_str(raw);
        let item = deserializer.deserialize_map(ItemVisitor(Wanted(wanted, budget)))?;
        deserializer.end()?;
        Ok(item)
    }
}

struct ItemVisitor<'w>(Wanted<'w>);

impl<'de> Visitor<'de> for ItemVisitor<'_> {
    type Value = Item;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event (a JSON object)")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Item, A::Error> {
        let Wanted(wanted, budget) = self.0;
        let mut item = Item::default();
        while let Some(key) = map.next_key::<Key>()? {
            match key {
                Key::Kind => item.kind = map.next_value()?,
                Key::MessageId => item.message_id = field(&mut map, "messageId", PhantomData)?,
                Key::UserId => item.user_id = field(&mut map, "userId", PhantomData)?,
                Key::AnonymousId => item.anonymous_id = field(&mut map, "anonymousId", PhantomData)?,
                Key::PreviousId => item.previous_id = field(&mut map, "previousId", PhantomData)?,
                Key::GroupId => item.group_id = field(&mut map, "groupId", PhantomData)?,
                Key::Event => item.event = map.next_value()?,
                Key::Name => item.name = map.next_value()?,
                Key::Category => item.category = map.next_value()?,
                Key::Timestamp => item.times.timestamp = map.next_value::<TimeField>()?.0,
                Key::OriginalTimestamp => item.times.original = map.next_value::<TimeField>()?.0,
                Key::SentAt => item.times.sent_at = map.next_value::<TimeField>()?.0,
                Key::ReceivedAt => item.times.received = map.next_value::<TimeField>()?.0,
                Key::Properties => item.properties = field(&mut map, "properties", Object(Wanted(wanted, budget)))?,
                Key::Traits => item.traits = field(&mut map, "traits", Object(Whole(budget)))?,
                Key::Context => item.context = Some(field(&mut map, "context", Object(ContextOf(budget)))?),
                Key::Integrations => item.integrations = field(&mut map, "integrations", Object(PhantomData))?,
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(item)
    }
}

/// Reads a field's value; an error names the field.
fn field<'de, S: DeserializeSeed<'de>, A: MapAccess<'de>>(
    map: &mut A,
    name: &str,
    seed: S,
) -> Result<S::Value, A::Error> {
    map.next_value_seed(seed).map_err(|error| A::Error::custom(format_args!("`{name}`: {error}")))
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum ContextKey {
    Traits,
    #[serde(alias = "group_id")]
    GroupId,
    #[serde(other)]
    Other,
}

/// A context within a budget.
pub(super) struct ContextOf<'b>(pub &'b Budget);

impl Entries for ContextOf<'_> {
    type Value = Context;

    fn read<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<Context, A::Error> {
        let mut context = Context::default();
        while let Some(key) = map.next_key::<ContextKey>()? {
            match key {
                ContextKey::Traits => context.traits = field(&mut map, "traits", Object(Whole(self.0)))?,
                ContextKey::GroupId => context.group_id = field(&mut map, "groupId", PhantomData::<IdField>)?.0,
                ContextKey::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(context)
    }
}

#[derive(serde::Deserialize)]
#[serde(field_identifier)]
enum IntegrationKey {
    #[serde(rename = "All", alias = "all")]
    All,
    /// The name by which senders may include or exclude this destination.
    #[serde(rename = "Handraiser")]
    Ours,
    #[serde(other)]
    Other,
}

impl FromEntries for Integrations {
    fn from_entries<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut integrations = Self::default();
        while let Some(key) = map.next_key::<IntegrationKey>()? {
            match key {
                IntegrationKey::All => integrations.all = map.next_value::<Flag>()?.0,
                IntegrationKey::Ours => integrations.ours = map.next_value::<Flag>()?.0,
                IntegrationKey::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(integrations)
    }
}

/// `true`, `false`, or options for a destination, which mean `true`.
struct Flag(Option<bool>);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Of options nothing is needed but that they are there.
        let budget = Budget::of_event(ValueLimits::DEFAULT, 0);
        Ok(Self(match Bounded::whole(&budget).deserialize(deserializer)? {
            Some(Value::Bool(flag)) => Some(flag),
            Some(Value::Object(_)) => Some(true),
            _ => None,
        }))
    }
}

/// Only the `messageId`, for saying which event was rejected.
#[derive(Default)]
struct MessageIdOnly(Option<Box<str>>);

impl FromEntries for MessageIdOnly {
    fn from_entries<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut found = Self::default();
        while let Some(key) = map.next_key::<Key>()? {
            if matches!(key, Key::MessageId) {
                found.0 = map.next_value::<TextField>()?.0;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// The `messageId` of an event that is otherwise unusable, when it can be read.
pub(super) fn message_id_of(raw: &str) -> Option<String> {
    read_object(raw, PhantomData::<MessageIdOnly>)?.0.map(String::from)
}
