//! From a request to events: authentication, the body's shape, and each call on its own.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::auth::{Known, authenticate};
use super::body::{Body, BodyError, Calls, unwrap_json};
use super::failure::{AuthFailure, ItemCode, ItemError, RequestError};
use super::headers::Headers;
use super::item::message_id_of;
use super::normalise::{Normaliser, Verdict};
use super::request::{Endpoint, Request};
use super::signature::Vouched;
use super::source::Source;
use super::wanted::WantedProperties;
use crate::event::{Event, Rejected, SourceName};
use crate::time::Millis;

/// How much of a rejected event is kept for whoever looks into it.
const EXCERPT_BYTES: usize = 256;

/// Bounds on what a request may be.
#[derive(Clone, Debug)]
pub struct Limits {
    /// One event: 32 KiB in Segment's and RudderStack's documentation.
    pub event_bytes: usize,
    /// A request, decompressed: Segment 500 KB, RudderStack 4,000 KB.
    pub request_bytes: usize,
    /// Events in a batch: 2,500.
    pub batch_events: usize,
    /// A request to a source with a proof. Segment does not send again what is answered with 413, so this is more than any CDP
    /// sends: its webhooks can be set to batches of 4,000 events.
    pub signed_request_bytes: usize,
    /// Events in a batch to a source with a proof: what is beyond it would be lost for good.
    pub signed_batch_events: usize,
    /// Requests being worked at once; beyond it the answer is 429.
    pub in_flight: usize,
}

impl Limits {
    /// What holds where nothing is configured.
    pub const DEFAULT: Self = Self {
        event_bytes: 32 << 10,
        request_bytes: 4_000_000,
        batch_events: 2_500,
        signed_request_bytes: 64_000_000,
        signed_batch_events: 10_000,
        in_flight: 1_024,
    };

    /// How large a request of `source` may be.
    pub fn request_bytes_of(&self, source: &Source) -> usize {
        if source.proof.is_some() { self.signed_request_bytes } else { self.request_bytes }
    }

    /// How many events a batch of `source` may hold.
    pub fn batch_events_of(&self, source: &Source) -> usize {
        if source.proof.is_some() { self.signed_batch_events } else { self.batch_events }
    }
}

/// What a request holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The source that sent it.
    pub source: SourceName,
    /// What proved that it comes from that source.
    pub vouched: Vouched,
    /// The good calls, in their order.
    pub events: Vec<Arc<Event>>,
    /// The bad ones, in their order.
    pub rejections: Vec<Rejected>,
    /// Calls left out on the sender's wish (`integrations`), or because they change nothing.
    pub ignored: usize,
    /// Calls beyond the batch's limit; one rejection stands for all of them.
    pub beyond_limit: usize,
    /// How many of the events came with neither a `messageId` nor a time of their own, so that a retry can't be told from
    /// another event like it: each arrival counts.
    pub unrecognisable: usize,
    /// Whether the request was one call, not a batch.
    pub single: bool,
}

/// Reads a request.
///
/// # Errors
/// When the whole request must be refused: its sender is not believed, or its body holds no calls at all. A call that
/// can't be used is no error: it is one of [`Parsed::rejections`].
pub fn receive(
    request: &Request<'_>,
    sources: &[Source],
    limits: &Limits,
    wanted: &WantedProperties,
) -> Result<Parsed, RequestError> {
    let body = Body::parse(request.body, limits.batch_events.max(limits.signed_batch_events));
    let known = authenticate(request, body.as_ref().ok(), sources);
    match (known, body) {
        (Ok(known), Ok(body)) => Ok(read_calls(request, known, &body, limits, wanted)),
        (Ok((source, _)), Err(error)) => Err(unreadable(Some(source), error)),
        // A key may be inside the body that can't be read.
        (Err(RequestError::Unauthorised { failure: AuthFailure::MissingWriteKey, .. }), Err(error)) => {
            Err(unreadable(None, error))
        }
        (Err(error), _) => Err(error),
    }
}

/// The source that a request without a body comes from: by the write key in its headers or query, and the proof if the source
/// has one.
///
/// # Errors
/// When the sender is not believed.
pub fn identify_source<'c>(
    headers: &dyn Headers,
    query: &str,
    sources: &'c [Source],
    received_at: Millis,
) -> Result<&'c Source, RequestError> {
    let request = Request { endpoint: Endpoint::Batch, headers, query, body: b"", received_at };
    authenticate(&request, None, sources).map(|(source, _)| source)
}

fn unreadable(source: Option<&Source>, error: BodyError) -> RequestError {
    let source_name = source.map(|source| source.name.clone());
    match error {
        BodyError::NotJson(message) => RequestError::InvalidJson { source_name, message },
        BodyError::NotCalls(message) => RequestError::InvalidShape { source_name, message },
    }
}

fn read_calls(
    request: &Request<'_>,
    (source, vouched): Known<'_>,
    body: &Body<'_>,
    limits: &Limits,
    wanted: &WantedProperties,
) -> Parsed {
    let single = matches!(body.calls, Calls::Single(_));
    let normaliser = Normaliser::new(request, source, vouched, body, limits.event_bytes, wanted);
    let mut parsed = Parsed {
        source: source.name.clone(),
        vouched,
        events: Vec::new(),
        rejections: Vec::new(),
        ignored: 0,
        beyond_limit: 0,
        unrecognisable: 0,
        single,
    };
    match &body.calls {
        Calls::Single(raw) => parsed.add(0, unwrap_json(raw), &normaliser),
        Calls::Batch { first, total } => parsed.add_batch(first, *total, limits.batch_events_of(source), &normaliser),
    }
    parsed
}

impl Parsed {
    fn add_batch(&mut self, first: &[&RawValue], total: usize, limit: usize, normaliser: &Normaliser<'_>) {
        let taken = first.get(..limit).unwrap_or(first);
        self.events.reserve_exact(taken.len());
        for (index, raw) in taken.iter().enumerate() {
            self.add(index, unwrap_json(raw.get()), normaliser);
        }
        self.beyond_limit = total.saturating_sub(limit);
        if self.beyond_limit > 0 {
            let message = format!("the batch has {total} events; of a batch {limit} are taken: send smaller ones");
            let raw = first.get(limit).map_or("", |raw| raw.get());
            self.reject(limit, raw, ItemError::new(ItemCode::BatchTooLong, message), normaliser.received_at);
        }
    }

    fn add(&mut self, index: usize, raw: &str, normaliser: &Normaliser<'_>) {
        match normaliser.normalise(index, raw) {
            Ok(Verdict::Event(event)) => {
                self.unrecognisable += usize::from(event.message.is_none());
                self.events.push(event);
            }
            Ok(Verdict::Ignored) => self.ignored += 1,
            Err(error) => self.reject(index, raw, error, normaliser.received_at),
        }
    }

    fn reject(&mut self, index: usize, raw: &str, error: ItemError, at: Millis) {
        self.rejections.push(Rejected {
            at,
            source: self.source.to_string(),
            index,
            code: error.code.as_str().to_owned(),
            message: error.message,
            message_id: message_id_of(raw),
            excerpt: raw.get(..raw.floor_char_boundary(EXCERPT_BYTES)).unwrap_or_default().to_owned(),
        });
    }
}
