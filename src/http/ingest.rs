//! Ingestion: from a request to durable events, and the answer that its sender understands.
//!
//! A 200 is answered when the events are durable, never before; they are applied soon after. A batch with bad calls is a 200
//! too: its good calls count, and the bad ones are named in the answer and kept in the rejected-events log, as durably. A
//! single bad call is a 400, because then the sender's own log shows it.

use std::sync::Arc;

use actix_web::http::header::{ContentType, HeaderMap, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use metrics::counter;
use serde::Serialize;

use super::body;
use super::client_address::ClientAddress;
use super::errors::{ApiError, ErrorCode};
use super::sources::{Tally, UNKNOWN};
use super::state::AppState;
use crate::cdp::{self, Endpoint, Headers, ItemCode, Parsed, RequestError, Vouched};
use crate::config::Config;
use crate::event::{Event, Rejected, SourceName};
use crate::time::Millis;

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
    let body = body::read(request, payload, state, &config.server, admission).await.inspect_err(|error| {
        note_failure(state, admission.source().map(|source| &source.name), state.clock.now(), error);
    })?;
    // A request that is still arriving holds nobody up, so it takes no place before it is there.
    let _in_work = state.in_flight.enter(limits.in_flight).ok_or_else(|| overloaded(limits.in_flight))?;
    let received =
        cdp::Request { endpoint, headers: &headers, query, body: &body.bytes, received_at: state.clock.now() };
    take(state, &config, ClientAddress::of(request, &config.server.trusted_proxies), &received).await?.answer()
}

fn overloaded(limit: usize) -> ApiError {
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
    let parsed = cdp::receive(request, &config.sources, &config.server.limits, &config.wanted_properties)
        .map_err(|error| refuse(state, request.received_at, &error))?;
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
    within_quotas(state, config, &source, client, (events.len() + rejections.len(), at))
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
    client: ClientAddress,
    (events, now): (usize, Millis),
) -> Result<(), ApiError> {
    let Some(quotas) = config.sources.iter().find(|known| known.name == *source).map(|known| known.quotas) else {
        return Ok(());
    };
    let is_applied = quotas.subjects.is_some() || quotas.merges.is_some();
    let backend = state.backend.get().filter(|_| is_applied);
    let usage = backend.map(|backend| backend.engine.usage(source)).unwrap_or_default();
    state.quotas.take((source, &quotas), client, events, usage, now)
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
