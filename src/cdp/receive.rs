//! From a request to events: authentication, the body's shape, and each call on its own.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::admission::{Admission, admit};
use super::auth::{Known, authenticate};
use super::body::{Body, BodyError, Calls, first_of_batch, unwrap_json};
use super::failure::{AuthFailure, ItemCode, ItemError, RequestError};
use super::headers::Headers;
use super::item::message_id_of;
use super::limits::Limits;
use super::normalise::{Normaliser, Verdict};
use super::request::{Endpoint, Request};
use super::signature::{Signed, Vouched, prove};
use super::source::Source;
use super::wanted::WantedProperties;
use crate::event::size::cut;
use crate::event::{Event, Rejected, SourceName};
use crate::time::Millis;

/// How many rejected events of a request are kept for whoever looks into them.
const MAX_REJECTIONS: usize = 100;
/// A body with a signature is read only once that is proven, if it is larger than this: a smaller one may be what the sender of
/// a write key within it sends.
const PROVEN_FIRST_BYTES: usize = 1_000_000;
/// How much of a rejected event is kept.
const EXCERPT_BYTES: usize = 256;
/// How much of its message id is kept: those of SDKs have some 60 bytes.
const MESSAGE_ID_BYTES: usize = 100;

/// What a request holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The source that sent it.
    pub source: SourceName,
    /// What proved that it comes from that source.
    pub vouched: Vouched,
    /// The good calls, in their order.
    pub events: Vec<Arc<Event>>,
    /// The bad ones, in their order: the first hundred, and what stands for those beyond the batch's limit.
    pub rejections: Vec<Rejected>,
    /// How many bad ones there are.
    pub rejected: usize,
    /// Calls that change nothing.
    pub ignored: usize,
    /// Calls left out on the sender's wish: its `integrations` say so.
    pub opted_out: usize,
    /// How many of the events had something that was too large, and are taken without it.
    pub shortened: usize,
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
    receive_if(request, sources, limits, wanted, |_| Ok(()))
}

/// As [`receive`], and asks `may_come` about the source before a call is read.
///
/// # Errors
/// As there, and what `may_come` says.
pub fn receive_if<E: From<RequestError>>(
    request: &Request<'_>,
    sources: &[Source],
    limits: &Limits,
    wanted: &WantedProperties,
    may_come: impl FnOnce(&Source) -> Result<(), E>,
) -> Result<Parsed, E> {
    if request.body.len() > PROVEN_FIRST_BYTES {
        prove_first(request, sources)?;
    }
    let body = Body::parse(request.body, limits.batch_events.max(limits.signed_batch_events));
    let known = authenticate(request, body.as_ref().ok(), sources);
    match (known, body) {
        (Ok(known), Ok(body)) => {
            may_come(known.0)?;
            Ok(read_calls(request, known, &body, limits, wanted))
        }
        (Ok((source, _)), Err(error)) => Err(unreadable(Some(source), error).into()),
        // A key may be inside the body that can't be read.
        (Err(RequestError::Unauthorised { failure: AuthFailure::MissingWriteKey, .. }), Err(error)) => {
            Err(unreadable(None, error).into())
        }
        (Err(error), _) => Err(error.into()),
    }
}

/// Checks the signature of a large body before anything else is done with it: it is there because of that signature.
fn prove_first(request: &Request<'_>, sources: &[Source]) -> Result<(), RequestError> {
    let Request { endpoint, headers, query, received_at, .. } = *request;
    let Admission::Signed(source) = admit(endpoint, headers, query, received_at, sources)? else { return Ok(()) };
    let Some(proof) = &source.proof else { return Ok(()) };
    let first = first_of_batch(request.body);
    let inner = first.map(unwrap_json).filter(|inner| Some(*inner) != first);
    let signed = Signed { body: request.body, first: [first, inner].map(|raw| raw.map(str::as_bytes)), events: 1 };
    let refused = |failure| RequestError::Unauthorised { source_name: Some(source.name.clone()), failure };
    prove(proof, headers, signed, received_at).map(|_| ()).map_err(refused)
}

/// Reads the calls that an operator sends in the name of `source`.
///
/// # Errors
/// When the body holds no calls at all.
pub fn receive_from(
    request: &Request<'_>,
    source: &Source,
    limits: &Limits,
    wanted: &WantedProperties,
) -> Result<Parsed, RequestError> {
    let body = Body::parse(request.body, limits.batch_events.max(limits.signed_batch_events));
    let body = body.map_err(|error| unreadable(Some(source), error))?;
    Ok(read_calls(request, (source, Vouched::Secret), &body, limits, wanted))
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
    let normaliser = Normaliser::new(request, source, vouched, body, limits, wanted);
    let mut parsed = Parsed {
        source: source.name.clone(),
        vouched,
        events: Vec::new(),
        rejections: Vec::new(),
        rejected: 0,
        ignored: 0,
        opted_out: 0,
        shortened: 0,
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
    /// About how many bytes the events take in memory.
    pub fn bytes(&self) -> usize {
        self.events.iter().map(|event| event.bytes()).sum()
    }

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
            self.rejected += self.beyond_limit;
            self.reject(limit, raw, ItemError::new(ItemCode::BatchTooLong, &message), normaliser.received_at);
        }
    }

    fn add(&mut self, index: usize, raw: &str, normaliser: &Normaliser<'_>) {
        match normaliser.normalise(index, raw) {
            Ok(Verdict::Event(event, shortened)) => {
                self.shortened += usize::from(shortened);
                self.unrecognisable += usize::from(event.message.is_none());
                self.events.push(event);
            }
            Ok(Verdict::OptedOut) => self.opted_out += 1,
            Ok(Verdict::Ignored) => self.ignored += 1,
            Err(error) => {
                self.rejected += 1;
                if self.rejections.len() < MAX_REJECTIONS {
                    self.reject(index, raw, error, normaliser.received_at);
                }
            }
        }
    }

    fn reject(&mut self, index: usize, raw: &str, error: ItemError, at: Millis) {
        self.rejections.push(Rejected {
            at,
            source: self.source.to_string(),
            index,
            code: error.code.as_str().to_owned(),
            message: error.message,
            message_id: message_id_of(raw).map(|id| cut(&id, MESSAGE_ID_BYTES).to_owned()),
            excerpt: cut(raw, EXCERPT_BYTES).to_owned(),
        });
    }
}
