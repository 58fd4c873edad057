//! Pushes of CRMs: something has changed there. One that is proven makes the next reading of its destination come at once.

use actix_web::{HttpRequest, HttpResponse, web};
use metrics::counter;

use super::body;
use super::errors::{ApiError, ErrorCode};
use super::ingest::overloaded;
use super::state::AppState;
use crate::cdp::Admission;
use crate::crm::push::{Push, Pushes};

/// What destinations are called that there are none of.
const UNKNOWN: &str = "unknown";

/// Takes a push of a destination.
pub(super) async fn push(
    request: &HttpRequest,
    payload: web::Payload,
    state: &AppState,
    destination: &str,
) -> Result<HttpResponse, ApiError> {
    let config = state.config.load_full();
    let known = config.destinations.iter().find(|known| *known.name == *destination);
    let header = |name: &str| request.headers().get(name)?.to_str().ok();
    let (method, query) = (request.method().as_str(), request.query_string());
    let push = |body| Push { method, query, header: &header, body, now: state.clock.now() };
    let pushes = known.and_then(|known| known.pushes.as_ref());
    // Nothing is read of a sender whose head can't be a CRM's, whether or not there is such a destination.
    let Some(pushes) = pushes.filter(|pushes| pushes.is_offered(&push(b""))) else {
        body::discard(payload).await;
        return Err(refused(state, pushes.map(|_| destination)));
    };
    let sender = body::Sender::new(request, state, &config.server, Admission::Open);
    let body = body::read(request, payload, state, &config.server, sender).await.inspect_err(|error| {
        note(state, destination, error);
    })?;
    let limit = config.server.limits.in_flight;
    let _in_work = state.in_flight.enter(limit).ok_or_else(|| overloaded(limit))?;
    let push = push(&body.bytes);
    if !pushes.is_proven(&push) {
        return Err(refused(state, Some(destination)));
    }
    take(state, destination, pushes, &push).await?;
    counter!("handraiser_pushes_total", "destination" => destination.to_owned(), "outcome" => "taken").increment(1);
    let (media, answer) = pushes.answer();
    Ok(HttpResponse::Ok().content_type(media).body(answer))
}

/// Hears what a proven push says.
async fn take(state: &AppState, destination: &str, pushes: &Pushes, push: &Push<'_>) -> Result<(), ApiError> {
    let name = pushes.name_of(push);
    if name.is_some_and(|name| state.heard.is_taken(destination, name, push.now)) {
        return Ok(());
    }
    let said = pushes.says(push.body).map_err(|error| ApiError::new(ErrorCode::InvalidRequest, error))?;
    if let Some(said) = said {
        for (lead, made) in said {
            state.backend()?.engine.tell(&lead, made).await?;
        }
    } else if state.heard.is_news(destination, push.now) {
        state.backend()?.engine.nudge(destination).await?;
    }
    // Only now: what failed is sent again, under the same name.
    if let Some(name) = name {
        state.heard.take(destination, name, push.now);
    }
    Ok(())
}

/// Whoever can't prove to be a CRM's hears the same, whether or not there is such a destination.
fn refused(state: &AppState, destination: Option<&str>) -> ApiError {
    let message = "the push does not prove whose it is; see docs/crm.md for what each CRM has to be told";
    let error = ApiError::new(ErrorCode::Sender("wrong_signature"), message);
    note(state, destination.unwrap_or(UNKNOWN), &error);
    error
}

/// Counts a push that is refused; the log says so seldom.
fn note(state: &AppState, destination: &str, error: &ApiError) {
    counter!("handraiser_pushes_total", "destination" => destination.to_owned(), "outcome" => "refused").increment(1);
    if let Some(unsaid) = state.heard.refuse(destination, state.clock.now()) {
        let code = error.code.row().code;
        tracing::warn!(destination, code, reason = %error.message, unsaid, "pushes are being refused");
    }
}
