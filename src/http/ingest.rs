//! Ingestion: from a request to durable events, and the answer that its sender understands.
//!
//! A 200 is answered when the events are durable, never before; they are applied soon after. A batch with bad calls is a 200
//! too: its good calls count, and the bad ones are named in the answer and kept in the rejected-events log, as durably. A
//! single bad call is a 400, because then the sender's own log shows it.

use std::sync::Arc;

use actix_web::http::header::{ContentType, HeaderMap, HeaderValue};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use metrics::counter;
use serde::Serialize;

use super::body;
use super::client_address::ClientAddress;
use super::errors::{ApiError, ErrorCode};
use super::quotas::{self, QuotaBook};
use super::sources::{Tally, UNKNOWN};
use super::state::{AppState, Backend};
use super::under_way::Lane;
use crate::cdp::{self, Endpoint, Headers, ItemCode, Parsed, RequestError, Source, Vouched};
use crate::config::Config;
use crate::event::{Event, Rejected, SourceName};
use crate::time::Millis;

/// A body that is larger is read beside the threads that answer requests.
const LARGE_BYTES: usize = 256 << 10;

/// How many rejected calls one answer names; the log has more.
const REPORTED: usize = 100;

/// What every SDK takes for success. The body must be a JSON object: the Ruby and Java libraries parse it.
const SUCCESS: &str = r#"{"success":true}"#;

/// The headers of a request, as the pure part sees them.
pub(super) struct RequestHeaders<'r>(pub &'r HeaderMap);

impl Headers for RequestHeaders<'_> {
    fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(HeaderValue::as_bytes)
    }
}

/// Takes the calls in a request's body.
pub(super) async fn ingest(
    request: &HttpRequest,
    payload: web::Payload,
    state: &AppState,
    endpoint: Endpoint<'_>,
) -> Result<HttpResponse, ApiError> {
    let config = state.config.load_full();
    let limits = &config.server.limits;
    let (headers, query) = (RequestHeaders(request.headers()), request.query_string());
    let admission = match cdp::admit(endpoint, &headers, query, state.clock.now(), &config.sources) {
        Ok(admission) => admission,
        Err(error) => {
            body::discard(payload).await;
            return Err(refuse(state, state.clock.now(), &error));
        }
    };
    let sender = body::Sender::new(request, state, &config.server, admission);
    let note = |error: &ApiError| {
        note_failure(state, admission.source().map(|source| &source.name), state.clock.now(), error);
    };
    let gate = Gate::new(state, sender.address);
    if let (Some(source), Lane::Proven) = (admission.source(), sender.lane())
        && let Err(error) = gate.is_open(source, state.clock.now())
    {
        body::discard_more(payload).await;
        note(&error);
        return Err(error);
    }
    let mut body = body::read(request, payload, state, &config.server, sender).await.inspect_err(|error| {
        note(error);
        if sender.is_signed() && error.code == ErrorCode::TooLarge {
            state.signers.wrong(sender.address, state.clock.now());
        }
    })?;
    // A request that is still arriving holds nobody up, so it takes no place before it is there.
    let _in_work = state.in_flight.enter(limits.in_flight).ok_or_else(|| overloaded(limits.in_flight))?;
    let received =
        cdp::Request { endpoint, headers: &headers, query, body: &body.bytes, received_at: state.clock.now() };
    let parsed = if body.bytes.len() <= LARGE_BYTES {
        parse(&config, &received, &gate)
    } else {
        let (config, bytes, lane) = (Arc::clone(&config), body.bytes.clone(), sender.lane());
        parse_aside(state, (config, gate), lane, (request, bytes), &received).await
    };
    note_signature(state, sender, body.bytes.len(), &parsed);
    let parsed = parsed.map_err(|unread| unread.refuse(state, received.received_at))?;
    let at = received.received_at;
    body.become_bytes(|| parsed.bytes()).inspect_err(note)?;
    keep(state, &config, sender.address, parsed, at).await?.answer()
}

/// Whether a client has used up its quotas, or its source's, before anybody knows what it brings.
struct Gate {
    quotas: QuotaBook,
    backend: Option<Backend>,
    client: ClientAddress,
}

/// Why the calls of a request are not read.
enum Unread {
    Refused(RequestError),
    OverQuota(SourceName, ApiError),
}

impl Gate {
    fn new(state: &AppState, client: ClientAddress) -> Self {
        Self { quotas: state.quotas.clone(), backend: state.backend.get().cloned(), client }
    }

    fn is_open(&self, source: &Source, now: Millis) -> Result<(), ApiError> {
        let backend = self.backend.as_ref().filter(|_| quotas::is_applied(&source.quotas));
        let usage = backend.map(|backend| backend.engine.usage(&source.name)).unwrap_or_default();
        self.quotas.is_open((&source.name, &source.quotas), self.client, usage, now)
    }
}

impl From<RequestError> for Unread {
    fn from(error: RequestError) -> Self {
        Self::Refused(error)
    }
}

impl Unread {
    /// Notes it; returns what the sender is answered.
    fn refuse(self, state: &AppState, at: Millis) -> ApiError {
        match self {
            Self::Refused(error) => refuse(state, at, &error),
            Self::OverQuota(source, error) => {
                note_failure(state, Some(&source), at, &error);
                error
            }
        }
    }
}

fn parse(config: &Config, request: &cdp::Request<'_>, gate: &Gate) -> Result<Parsed, Unread> {
    let may_come = |source: &Source| {
        gate.is_open(source, request.received_at).map_err(|error| Unread::OverQuota(source.name.clone(), error))
    };
    cdp::receive_if(request, &config.sources, &config.server.limits, &config.wanted_properties, may_come)
}

/// Reads a large body where nobody waits for the thread.
async fn parse_aside(
    state: &AppState,
    (config, gate): (Arc<Config>, Gate),
    lane: Lane,
    (request, body): (&HttpRequest, Bytes),
    received: &cdp::Request<'_>,
) -> Result<Parsed, Unread> {
    let (endpoint, name) = (received.endpoint.named(""), received.endpoint.name().to_owned());
    let (headers, query, received_at) = (request.headers().clone(), received.query.to_owned(), received.received_at);
    let work = move || {
        let headers = RequestHeaders(&headers);
        let (endpoint, query) = (endpoint.named(&name), query.as_str());
        parse(&config, &cdp::Request { endpoint, headers: &headers, query, body: &body, received_at }, &gate)
    };
    state.aside.work(lane, work).await
}

/// Remembers whether the signature that a body came with was right.
fn note_signature(state: &AppState, sender: body::Sender<'_>, bytes: usize, parsed: &Result<Parsed, Unread>) {
    let now = state.clock.now();
    match parsed {
        Ok(_) if sender.is_signed() => state.signers.right(sender.address, now),
        // A small one costs no more than any other request that is refused.
        Err(Unread::Refused(RequestError::Unauthorised { .. })) if sender.is_signed() && bytes > LARGE_BYTES => {
            state.signers.wrong(sender.address, now);
        }
        _ => {}
    }
}

pub(super) fn overloaded(limit: usize) -> ApiError {
    ApiError::new(ErrorCode::Overloaded, format!("{limit} requests are being worked on already; try again in a second"))
        .retry_after(1)
}

fn note_failure(state: &AppState, source: Option<&SourceName>, at: Millis, error: &ApiError) {
    let code = error.code.row().code;
    let name = source.map_or(UNKNOWN, SourceName::as_str);
    let due = if matches!(error.code, ErrorCode::Sender(_) | ErrorCode::UnknownSource) {
        counter!("handraiser_auth_failures_total", "source" => name.to_owned(), "reason" => code).increment(1);
        state.sources.unauthorised(source, at, code, &error.message)
    } else {
        state.sources.failed(source, at, code, &error.message)
    };
    if let Some(unsaid) = due {
        tracing::warn!(source = name, code, reason = %error.message, unsaid, "requests are being refused");
    }
}

/// What became of a request's calls.
pub(super) struct Taken {
    single: bool,
    rejections: Vec<Rejected>,
    rejected: usize,
}

/// Reads a request and makes its events durable.
pub(super) async fn take(
    state: &AppState,
    config: &Config,
    client: ClientAddress,
    request: &cdp::Request<'_>,
) -> Result<Taken, ApiError> {
    let parsed = parse(config, request, &Gate::new(state, client));
    let parsed = parsed.map_err(|unread| unread.refuse(state, request.received_at))?;
    keep(state, config, client, parsed, request.received_at).await
}

/// Makes what a request holds durable.
pub(super) async fn keep(
    state: &AppState,
    config: &Config,
    client: ClientAddress,
    parsed: Parsed,
    at: Millis,
) -> Result<Taken, ApiError> {
    let Parsed { source, vouched, events, rejections, rejected, .. } = parsed;
    within_quotas(state, config, &source, (client, &events), (events.len() + rejections.len(), at))
        .inspect_err(|error| note_failure(state, Some(&source), at, error))?;
    let samples = state.recent.sample(&events);
    let tally = Tally {
        accepted: events.len(),
        unrecognisable: parsed.unrecognisable,
        shortened: parsed.shortened,
        rejected,
        ignored: parsed.ignored,
        opted_out: parsed.opted_out,
        unasked: events.iter().filter(|event| config.rules.plan.is_unasked(event)).count(),
        first_element_signature: vouched == Vouched::FirstElement,
    };
    if !events.is_empty() || !rejections.is_empty() {
        // Fails closed: what could not be used is as durable as the rest when the sender hears that it need not come back.
        let submitted = submit(state, events, rejections.clone()).await;
        submitted.inspect_err(|error| note_failure(state, Some(&source), at, error))?;
    }
    state.recent.keep(samples);
    state.sources.taken(&source, at, tally);
    Ok(Taken { single: parsed.single, rejections, rejected })
}

/// Takes what a request holds of the quotas of its source and of its client.
fn within_quotas(
    state: &AppState,
    config: &Config,
    source: &SourceName,
    (client, named): (ClientAddress, &[Arc<Event>]),
    (events, now): (usize, Millis),
) -> Result<(), ApiError> {
    let Some(own) = config.sources.iter().find(|known| known.name == *source).map(|known| known.quotas) else {
        return Ok(());
    };
    let backend = state.backend.get().filter(|_| quotas::is_applied(&own));
    let usage = backend.map(|backend| backend.engine.usage(source)).unwrap_or_default();
    let ids = named.iter().flat_map(|event| [&event.user_id, &event.anonymous_id, &event.group_id]);
    state.quotas.take((source, &own), (client, ids.flatten().map(|id| &**id)), events, usage, now)
}

/// Notes that a request is refused; returns what it is answered.
pub(super) fn refuse(state: &AppState, at: Millis, error: &RequestError) -> ApiError {
    let answer = ApiError::from(error);
    note_failure(state, error.source_name(), at, &answer);
    answer
}

async fn submit(state: &AppState, events: Vec<Arc<Event>>, rejected: Vec<Rejected>) -> Result<(), ApiError> {
    Ok(state.backend()?.engine.submit(events, rejected).await?)
}

#[derive(Serialize)]
struct Partly<'a> {
    success: bool,
    rejected_count: usize,
    /// The first of them.
    rejected: Vec<RejectedCall<'a>>,
}

#[derive(Serialize)]
struct RejectedCall<'a> {
    index: usize,
    code: &'a str,
    message: &'a str,
}

impl Taken {
    /// The calls that could not be used: how many, and the first of them.
    pub(super) fn rejected(&self) -> (usize, &[Rejected]) {
        (self.rejected, self.rejections.get(..REPORTED).unwrap_or(&self.rejections))
    }

    fn answer(self) -> Result<HttpResponse, ApiError> {
        match self.rejections.first() {
            None => Ok(success()),
            Some(rejection) if self.single => Err(single_rejected(rejection)),
            Some(_) => Ok(self.partly()),
        }
    }

    fn partly(&self) -> HttpResponse {
        let rejected = self.rejections.iter().take(REPORTED);
        let rejected = rejected.map(|r| RejectedCall { index: r.index, code: &r.code, message: &r.message }).collect();
        HttpResponse::Ok().json(Partly { success: true, rejected_count: self.rejected, rejected })
    }
}

fn single_rejected(rejection: &Rejected) -> ApiError {
    let code = ItemCode::ALL.into_iter().find(|code| code.as_str() == rejection.code);
    ApiError::new(code.map_or(ErrorCode::InvalidRequest, ErrorCode::Item), rejection.message.clone())
}

pub(super) fn success() -> HttpResponse {
    json(SUCCESS)
}

pub(super) fn json(body: &'static str) -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(body)
}
