//! The page behind a link by which the owner of a lead takes it on. Opening it changes nothing: whoever scans mail opens every link. Its button does.

use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use url::form_urlencoded;

use super::body;
use super::errors::ApiError;
use super::state::AppState;
use crate::apply::message::Made;
use crate::lead::Lead;
use crate::lead::accept::{AcceptLinks, Proof};
use crate::record::Progress;
use crate::time::Millis;

/// What a link comes to.
enum Link {
    /// It may be used.
    Good,
    /// It is none, or is over.
    Refused(&'static str),
    /// There is nothing to do any more.
    Over(&'static str),
}

/// Shows the page, or does what its button says.
pub(super) async fn answer(
    request: &HttpRequest,
    payload: web::Payload,
    state: &AppState,
    lead: &str,
) -> Result<HttpResponse, ApiError> {
    body::discard(payload).await;
    let config = state.config.load_full();
    let Some(links) = &config.rules.accept_links else {
        return Ok(page(StatusCode::NOT_FOUND, "There is nothing at this address.", false));
    };
    let is_pressed = request.method() == Method::POST;
    let link = known(links, request.query_string(), state, lead).await?;
    Ok(match link {
        Link::Refused(why) => page(StatusCode::FORBIDDEN, why, false),
        Link::Over(what) => page(StatusCode::OK, what, false),
        Link::Good if !is_pressed => page(StatusCode::OK, "Do you take this lead on?", true),
        Link::Good => {
            state.backend()?.engine.tell(lead, Made::Came(Progress::Accepted)).await?;
            page(StatusCode::OK, "It is yours. Thank you.", false)
        }
    })
}

async fn known(links: &AcceptLinks, query: &str, state: &AppState, lead: &str) -> Result<Link, ApiError> {
    let said = |name: &str| form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name);
    let until = said("until").and_then(|(_, until)| until.parse().ok()).map(Millis);
    let (Some(until), Some((_, whom)), Some((_, signature))) = (until, said("for"), said("signature")) else {
        return Ok(Link::Refused("This link is not complete. Open it as it stands in the message."));
    };
    let proof = Proof { until, whom: &whom, signature: &signature };
    // Nothing is read for whoever has no link that was made here.
    if !links.is_ours(lead, proof) {
        return Ok(Link::Refused("This link is not good."));
    }
    if until <= state.clock.now() {
        return Ok(Link::Refused("This link is too old. Accept the lead in the CRM."));
    }
    let row = state.backend()?.store.lead(lead).await?;
    let Some(lead) = row.and_then(|row| serde_json::from_str::<Lead>(&row.json).ok()) else {
        return Ok(Link::Over("This lead is no more."));
    };
    let owner = lead.routing.as_ref().and_then(|routing| routing.owner.as_deref()).unwrap_or_default();
    Ok(if !AcceptLinks::is_for(owner, proof) {
        Link::Over("This lead is somebody else's by now.")
    } else if lead.outcome.is_some() || lead.timestamps.lapsed.is_some() {
        Link::Over("This lead is over.")
    } else if lead.progress.is_some() {
        Link::Over("It is yours already.")
    } else {
        Link::Good
    })
}

fn page(status: StatusCode, text: &str, has_button: bool) -> HttpResponse {
    let button = if has_button { "<form method=\"post\"><button>Accept</button></form>" } else { "" };
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"robots\" content=\"noindex\"><title>Lead</title>\
         <style>body{{font:1.2rem system-ui;margin:20vh auto;max-width:24rem;text-align:center}}button{{font:inherit;padding:.5em 2em}}</style>\
         <p>{text}</p>{button}</html>\n"
    );
    let mut response = HttpResponse::build(status).content_type("text/html; charset=utf-8").body(body);
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
