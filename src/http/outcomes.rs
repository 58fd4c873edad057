//! Pushes of CRMs: something has changed there. One that is proven makes the next reading of its destination come at once.

use actix_web::{HttpRequest, HttpResponse, web};
use metrics::counter;

use super::body;
use super::errors::{ApiError, ErrorCode};
use super::state::AppState;
use crate::cdp::Admission;
use crate::crm::push::Push;

/// Takes a push of a destination.
pub(super) async fn push(
    request: &HttpRequest,
    payload: web::Payload,
    state: &AppState,
    destination: &str,
) -> Result<HttpResponse, ApiError> {
    let config = state.config.load_full();
    let known = config.destinations.iter().find(|known| *known.name == *destination);
    let Some(pushes) = known.and_then(|known| known.pushes.as_ref()) else {
        body::discard(payload).await;
        return Err(refused(None));
    };
    let body = body::read(request, payload, state, &config.server, Admission::Open).await?;
    let header = |name: &str| request.headers().get(name)?.to_str().ok();
    let (method, query, now) = (request.method().as_str(), request.query_string(), state.clock.now());
    if !pushes.is_proven(&Push { method, query, header: &header, body: &body.bytes, now }) {
        return Err(refused(Some(destination)));
    }
    counter!("handraiser_pushes_total", "destination" => destination.to_owned(), "outcome" => "taken").increment(1);
    let said = pushes.says(&body.bytes).map_err(|error| ApiError::new(ErrorCode::InvalidRequest, error))?;
    if let Some(said) = said {
        for (lead, made) in said {
            state.backend()?.engine.tell(&lead, made).await?;
        }
    } else if state.heard.is_news(destination, now) {
        state.backend()?.engine.nudge(destination).await?;
    }
    let (media, answer) = pushes.answer();
    Ok(HttpResponse::Ok().content_type(media).body(answer))
}

/// Whoever can't prove to be a CRM's hears the same, whether or not there is such a destination.
fn refused(destination: Option<&str>) -> ApiError {
    let name = destination.unwrap_or("unknown").to_owned();
    counter!("handraiser_pushes_total", "destination" => name, "outcome" => "refused").increment(1);
    let message = "the push does not prove whose it is; see docs/crm.md for what each CRM has to be told";
    ApiError::new(ErrorCode::Sender("wrong_signature"), message)
}
