//! From a call as sent to an [`Event`]: what must be there is there, and everything has one form.

use std::marker::PhantomData;
use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::body::{Body, Calls, unwrap_json};
use super::bounded::Budget;
use super::failure::{ItemCode, ItemError};
use super::ids::IdField;
use super::item::{Context, ContextOf, Integrations, Item, Kind};
use super::limits::{Limits, ValueLimits};
use super::mend::mended;
use super::object::{Entries, read_object};
use super::request::{Endpoint, Request};
use super::signature::Vouched;
use super::source::{Proof, Source};
use super::wanted::WantedProperties;
use super::when::{Times, event_time};
use crate::event::size::cut;
use crate::event::{Call, Event, MessageId, Trust};
use crate::ids::SubjectKind;
use crate::time::Millis;

/// The name of an event, a page or a screen is cut to so many bytes.
const MAX_EVENT_NAME_BYTES: usize = 256;

/// What became of a call that could be read.
pub(super) enum Verdict {
    /// An event, and whether something of it was too large and is missing.
    Event(Arc<Event>, bool),
    /// The sender wants it left out here.
    OptedOut,
    /// It changes nothing.
    Ignored,
}

/// What holds for all calls of a request.
pub(super) struct Normaliser<'r> {
    source: &'r Source,
    endpoint: Endpoint<'r>,
    vouched: Vouched,
    single: bool,
    pub received_at: Millis,
    event_bytes: usize,
    values: ValueLimits,
    wanted: &'r WantedProperties,
    /// Whether the event that vouches for the others of its batch is too old to do so.
    stale_voucher: bool,
    sent_at: Option<Millis>,
    context: Context,
    integrations: Integrations,
}

/// How old a signed deletion may be, unless the source says otherwise: as long as message ids are remembered by default, so that
/// one that somebody recorded is known until it is too old.
const DELETION_MAX_AGE_MS: i64 = 2 * Millis::DAY;

impl<'r> Normaliser<'r> {
    pub fn new(
        request: &Request<'r>,
        source: &'r Source,
        vouched: Vouched,
        body: &Body<'_>,
        limits: &Limits,
        wanted: &'r WantedProperties,
    ) -> Self {
        let single = matches!(body.calls, Calls::Single(_));
        // Whoever has one signed event could write anything around it: another account for it, or another time.
        let envelope_counts = !single && vouched.covers_envelope();
        let budget = Budget::of_envelope(limits.values);
        let this = Self {
            source,
            endpoint: request.endpoint,
            vouched,
            single,
            received_at: request.received_at,
            event_bytes: limits.event_bytes,
            values: limits.values,
            wanted,
            stale_voucher: false,
            sent_at: body.sent_at.filter(|_| vouched.covers_envelope()),
            context: envelope(body.context.filter(|_| envelope_counts), || ContextOf(&budget)),
            integrations: envelope(body.integrations.filter(|_| envelope_counts), || PhantomData),
        };
        let voucher = body.first_of_batch().filter(|_| vouched == Vouched::FirstElement && source.max_age_ms.is_some());
        let voucher = voucher.and_then(|raw| this.read(unwrap_json(raw)).ok());
        Self { stale_voucher: voucher.is_some_and(|(item, _)| this.is_older(&item, source.max_age_ms)), ..this }
    }

    /// Reads and checks the call at `index`.
    pub fn normalise(&self, index: usize, raw: &str) -> Result<Verdict, ItemError> {
        if raw.len() > self.event_bytes {
            let message = format!("the event has {} bytes; {} are allowed", raw.len(), self.event_bytes);
            return Err(ItemError::new(ItemCode::EventTooLarge, &message));
        }
        let (mut item, budget) = self.read(raw).map_err(|error| unreadable(&error))?;
        if let Endpoint::Traits(of, id) = self.endpoint {
            let id = IdField::from_text(id)
                .ok_or_else(|| ItemError::new(ItemCode::MissingId, "the address names nobody"))?;
            (item.user_id, item.group_id) = match of {
                SubjectKind::User => (id, IdField::default()),
                SubjectKind::Account => (IdField::default(), id),
            };
        }
        let call = self.call(&item.kind)?;
        self.allow(call)?;
        self.check(call, index, &item)?;
        self.check_age(call, &item)?;
        // A CDP has followed `integrations` before it sends to a webhook, where we go by the webhook's name.
        if self.source.proof.is_none() && item.integrations.opted_out(self.integrations) {
            return Ok(Verdict::OptedOut);
        }
        if call == Call::Alias && previous(&item) == item.user_id.0.as_deref() {
            return Ok(Verdict::Ignored);
        }
        let event = self.event(call, index, item, raw, &budget);
        Ok(Verdict::Event(Arc::new(event), budget.is_shortened()))
    }

    /// A call, and what is left of the room for its values.
    fn read(&self, raw: &str) -> serde_json::Result<(Item, Budget)> {
        let budget = Budget::of_event(self.values, raw.len());
        let item = Item::read(raw, self.wanted, &budget)?;
        Ok((item, budget))
    }

    fn allow(&self, call: Call) -> Result<(), ItemError> {
        if self.source.allow.as_ref().is_none_or(|allowed| allowed.contains(&call)) {
            return Ok(());
        }
        let message = format!("source `{}` doesn't `allow` {} calls", self.source.name, call.as_str());
        Err(ItemError::new(ItemCode::CallNotAllowed, &message))
    }

    /// The kind of a call. An address of one kind decides for SDKs, as it does in RudderStack; webhook senders post every
    /// kind to one address, so that there, and in lists, the call's own `type` decides.
    fn call(&self, kind: &Kind) -> Result<Call, ItemError> {
        match (self.endpoint, kind) {
            (Endpoint::Traits(..), _) => Ok(Call::Traits),
            (Endpoint::Unsupported(name), Kind::Missing) => Err(unsupported(name)),
            (Endpoint::Unsupported(name), _) if self.single && self.source.proof.is_none() => Err(unsupported(name)),
            (Endpoint::Call(call), _) if self.single && self.source.proof.is_none() => Ok(call),
            (Endpoint::Call(call), Kind::Missing) => Ok(call),
            (_, Kind::Known(call)) => Ok(*call),
            (_, Kind::Other(name)) => Err(unsupported(name)),
            (_, Kind::Missing) => Err(ItemError::new(
                ItemCode::MissingType,
                "`type` is missing; it must be one of track, identify, group, page, screen, alias",
            )),
        }
    }

    fn check(&self, call: Call, index: usize, item: &Item) -> Result<(), ItemError> {
        let named = item.user_id.0.is_some() || item.anonymous_id.0.is_some();
        let fail = |code, message: &str| Err(ItemError::new(code, message));
        match call {
            Call::Group if item.group_id.0.is_none() => fail(ItemCode::MissingGroup, "`groupId` is missing or empty"),
            Call::Group => Ok(()),
            Call::Alias if item.user_id.0.is_none() => {
                fail(ItemCode::MissingId, "`userId` is missing or empty; an alias ties `previousId` to it")
            }
            Call::Alias if item.previous_id.0.is_none() && item.anonymous_id.0.is_none() => {
                fail(ItemCode::MissingPrevious, "`previousId` is missing or empty; an alias ties it to `userId`")
            }
            Call::Traits if item.user_id.0.is_some() == item.group_id.0.is_some() => {
                fail(ItemCode::MissingId, "name the user (`userId`) or the account (`groupId`) that the traits are of")
            }
            Call::Traits if !self.is_proven(index) => fail(
                ItemCode::TraitsNotProven,
                "`traits` calls are taken only from sources whose `trust` is `server`, and only where their signature covers them",
            ),
            Call::Traits => Ok(()),
            _ if !named => {
                fail(ItemCode::MissingId, "neither `userId` nor `anonymousId` is there; one of them is needed")
            }
            Call::Track if item.event.0.is_none() => {
                fail(ItemCode::MissingEvent, "`event`, the name of what happened, is missing or empty")
            }
            Call::Delete if !self.is_proven(index) => fail(
                ItemCode::DeleteNotProven,
                "deletions are taken only from sources whose `trust` is `server`, and only where their signature covers them",
            ),
            _ => Ok(()),
        }
    }

    /// Fails closed: behind a signature over the first event only, anybody who saw one signed event could add others.
    const fn is_proven(&self, index: usize) -> bool {
        matches!(self.source.trust, Trust::Server) && self.vouched.covers(index)
    }

    /// Refuses what was signed too long ago, where a request that somebody recorded would be believed again.
    fn check_age(&self, call: Call, item: &Item) -> Result<(), ItemError> {
        if !self.source.proof.as_ref().is_some_and(Proof::is_replayable) {
            return Ok(());
        }
        let fail = |message: &str| Err(ItemError::new(ItemCode::StaleEvent, message));
        let bound = self.source.max_age_ms;
        if self.stale_voucher {
            fail("the first event of the batch, which alone is signed, is older than `signature.max_age`")
        } else if self.is_older(item, bound) {
            fail("the event is older than `signature.max_age`, or names no time")
        } else if call == Call::Delete && self.is_older(item, bound.or(Some(DELETION_MAX_AGE_MS))) {
            fail(
                "a signed deletion must name its time, and be no older than 2 days (or than `signature.max_age`); delete the user \
                 with `handraiser forget`",
            )
        } else {
            Ok(())
        }
    }

    /// Whether a call is older than `bound`, or names no time by which that could be told. Fails closed.
    fn is_older(&self, item: &Item, bound: Option<i64>) -> bool {
        bound.is_some_and(|bound| item.times.distance_ms(self.received_at).is_none_or(|age| age > bound))
    }

    fn event(&self, call: Call, index: usize, item: Item, raw: &str, budget: &Budget) -> Event {
        let previous_id = (call == Call::Alias).then(|| previous(&item).map(Into::into)).flatten();
        // Segment gives each event an id and a time. One that has neither was never meant to count twice: whoever recorded it could
        // send it again and again.
        let by_segment = matches!(self.source.proof, Some(Proof::Segment { .. }));
        let dated = by_segment || item.times.timestamp.is_some() || item.times.original.is_some();
        let (message_id, message) = self.message(item.message_id.0, dated, raw);
        let times = Times { sent_at: item.times.sent_at.or(self.sent_at), ..item.times };
        let context = self.context_of(item.context);
        let (traits, context_traits) = traits(call, item.traits, context.traits);
        Event {
            source: self.source.name.clone(),
            trust: self.source.trust,
            covered: self.vouched.covers(index),
            call,
            message_id,
            message,
            user_id: item.user_id.0,
            anonymous_id: item.anonymous_id.0,
            previous_id,
            group_id: item.group_id.0.filter(|_| matches!(call, Call::Group | Call::Traits)),
            context_group_id: context.group_id,
            name: name(call, item.event.0, item.name.0, &item.properties).map(|name| short(name, budget)),
            timestamp: event_time(times, self.received_at, self.source.correct_time),
            received_at: self.received_at,
            properties: properties(call, item.properties, item.category.0),
            traits,
            context_traits,
        }
    }

    /// The event's id for people, and what it is remembered by. Without a `messageId` it is the text of the call, which tells
    /// a repeated call from another one only where the call says when it happened (`dated`): five logins are five.
    fn message(&self, id: Option<Box<str>>, dated: bool, raw: &str) -> (Box<str>, Option<MessageId>) {
        if let Some(id) = id {
            let message = MessageId::of(&self.source.name, id.as_bytes());
            return (id, Some(message));
        }
        let message = match self.endpoint {
            // The text says the same of everybody; who it is about stands in the address.
            Endpoint::Traits(of, id) => MessageId::of(&self.source.name, format!("{of} {id} {raw}").as_bytes()),
            _ => MessageId::of(&self.source.name, raw.as_bytes()),
        };
        (format!("raw-{:016x}", message.0).into(), dated.then_some(message))
    }

    /// A call's context, completed from the envelope's.
    fn context_of(&self, own: Option<Context>) -> Context {
        let mut context = own.unwrap_or_default();
        if context.group_id.is_none() {
            context.group_id.clone_from(&self.context.group_id);
        }
        if context.traits.is_empty() && !self.context.traits.is_empty() {
            context.traits.clone_from(&self.context.traits);
        }
        context
    }
}

/// Reads a part of the envelope; a single call is its own. An odd one holds nothing that is needed: the calls stand.
fn envelope<E: Entries>(raw: Option<&RawValue>, entries: impl Fn() -> E) -> E::Value {
    let read = |raw: &RawValue| {
        read_object(raw.get(), entries()).or_else(|| mended(raw.get()).and_then(|raw| read_object(&raw, entries())))
    };
    raw.and_then(read).unwrap_or_default()
}

/// An event's name as far as it is kept: each subject counts by a hundred of them.
fn short(name: Box<str>, budget: &Budget) -> Box<str> {
    let kept = cut(&name, MAX_EVENT_NAME_BYTES);
    if kept.len() == name.len() {
        return name;
    }
    budget.shorten();
    kept.trim_end().into()
}

fn unreadable(error: &serde_json::Error) -> ItemError {
    let message = error.to_string();
    let code =
        if error.is_data() && message.starts_with('`') { ItemCode::InvalidField } else { ItemCode::InvalidEvent };
    ItemError::new(code, &message)
}

fn unsupported(kind: &str) -> ItemError {
    let kind: String = kind.chars().take(32).collect();
    let message =
        format!("`{kind}` is no call that is counted here; track, identify, group, page, screen and alias are");
    ItemError::new(ItemCode::UnsupportedType, &message)
}

/// What an alias call ties to its `userId`: `previousId`, or else the anonymous id that it carries.
fn previous(item: &Item) -> Option<&str> {
    item.previous_id.0.as_deref().or(item.anonymous_id.0.as_deref())
}

/// Which traits are the call's subject's, and which are what the sender knows of the user besides.
fn traits(
    call: Call,
    own: Map<String, Value>,
    context: Map<String, Value>,
) -> (Map<String, Value>, Map<String, Value>) {
    match call {
        // RudderStack's SDKs put the user's traits into the context only.
        Call::Identify if own.is_empty() => (context, Map::new()),
        Call::Identify => (own, Map::new()),
        Call::Group | Call::Traits => (own, context),
        Call::Track | Call::Page | Call::Screen | Call::Alias | Call::Delete => (Map::new(), context),
    }
}

fn name(
    call: Call,
    event: Option<Box<str>>,
    name: Option<Box<str>>,
    properties: &Map<String, Value>,
) -> Option<Box<str>> {
    match call {
        Call::Track => event,
        Call::Page | Call::Screen => name.or_else(|| {
            let name = properties.get("name").and_then(Value::as_str).map(str::trim);
            name.filter(|name| !name.is_empty()).map(Into::into)
        }),
        Call::Identify | Call::Group | Call::Alias | Call::Delete | Call::Traits => None,
    }
}

/// The call's properties. A page's `category` is among them, where Segment's own SDKs put it too.
fn properties(call: Call, mut properties: Map<String, Value>, category: Option<Box<str>>) -> Map<String, Value> {
    match call {
        Call::Track => properties,
        Call::Page | Call::Screen => {
            if let Some(category) = category {
                properties.entry("category").or_insert_with(|| Value::from(category.into_string()));
            }
            properties
        }
        Call::Identify | Call::Group | Call::Alias | Call::Delete | Call::Traits => Map::new(),
    }
}
