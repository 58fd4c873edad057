//! The page behind a link by which the owner of a lead takes it on. Opening it changes nothing: whoever scans mail opens every link. Its button does.

use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use url::form_urlencoded;

use super::body;
use super::errors::ApiError;
use super::state::AppState;
use crate::apply::message::Made;
use crate::expr::duration_text;
use crate::lead::Lead;
use crate::lead::accept::{AcceptLinks, Proof};
use crate::record::Progress;
use crate::time::Millis;
use crate::visible::is_unsafe;

const STYLE: &str = ":root{color-scheme:light dark}\
    body{font:1.05rem/1.5 system-ui,sans-serif;margin:0;padding:12vh 1.25rem 2rem;background:#f4f5f7;color:#1c2024}\
    main{max-width:30rem;margin:auto;padding:2rem;border-radius:.75rem;background:#fff;box-shadow:0 1px 3px #0002;overflow-wrap:anywhere}\
    .tier{color:#60646c}\
    h1{font-size:1.3rem;line-height:1.35;margin:.25rem 0 1rem}ul{margin:0 0 1rem;padding-left:1.2rem;color:#43484e}\
    .said{margin:0;font-weight:600}form{margin:1.25rem 0 0}\
    button{font:inherit;font-weight:600;padding:.7rem 2rem;border:0;border-radius:.5rem;background:#1f5fd0;color:#fff;cursor:pointer}\
    button:hover{background:#184da8}button:focus-visible{outline:3px solid #8db4ff;outline-offset:2px}\
    @media(prefers-color-scheme:dark){body{background:#111315;color:#edeef0}main{background:#1b1e21;box-shadow:none}\
    .tier{color:#b0b4ba}}";

/// What a link comes to.
enum Link {
    /// It may be used.
    Good(Box<Lead>),
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
        return Ok(page(StatusCode::NOT_FOUND, "There is nothing at this address.", None, false));
    };
    let (is_pressed, now) = (request.method() == Method::POST, state.clock.now());
    let link = known(links, request.query_string(), state, lead).await?;
    Ok(match link {
        Link::Refused(why) => page(StatusCode::FORBIDDEN, why, None, false),
        Link::Over(what) => page(StatusCode::OK, what, None, false),
        Link::Good(shown) if !is_pressed => {
            page(StatusCode::OK, "Do you take this lead on?", Some((&shown, now)), true)
        }
        Link::Good(_) => {
            state.backend()?.engine.tell(lead, Made::Came(Progress::Accepted)).await?;
            page(StatusCode::OK, "It is yours. Thank you.", None, false)
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
        Link::Good(Box::new(lead))
    })
}

/// Which lead it is, without a name: whoever scans mail sees this page, and whoever is handed the link.
fn shown(lead: &Lead, now: Millis) -> String {
    let by =
        lead.timestamps.accept_by.as_deref().and_then(Millis::parse).filter(|by| *by > now && lead.progress.is_none());
    #[expect(clippy::cast_precision_loss, reason = "it is shown in two units")]
    let left = by.map_or_else(String::new, |by| {
        format!("<p>It is held for you for another {}.</p>", duration_text(by.since(now) as f64))
    });
    format!("<p class=\"tier\">Tier {} · {}</p>{left}", lead.tier, escaped(&lead.definition))
}

/// Text of a page.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // What turns the order of letters around hides what stands there.
            c if is_unsafe(c) => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn page(status: StatusCode, text: &str, lead: Option<(&Lead, Millis)>, has_button: bool) -> HttpResponse {
    let button = if has_button { "<form method=\"post\"><button>Accept</button></form>" } else { "" };
    let lead = lead.map_or_else(String::new, |(lead, now)| shown(lead, now));
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"robots\" content=\"noindex\"><title>Lead</title><style>{STYLE}</style>\
         <main><h1>{text}</h1>{lead}{button}</main></html>\n"
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_strangers_are_text() {
        assert_eq!(
            escaped("<b onclick='x'>A & \"B\"</b>"),
            "&lt;b onclick=&#39;x&#39;&gt;A &amp; &quot;B&quot;&lt;/b&gt;"
        );
        assert_eq!(escaped("Acme\u{202e}moc"), "Acme moc");
    }
}
