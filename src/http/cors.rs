//! Cross-origin rules for browser SDKs: any site may send events, with any header, and read the answer. A write key says
//! whose the events are, not a cookie, so there is nothing that a foreign site could borrow.

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// How long a browser may remember a preflight.
const MAX_AGE_S: HeaderValue = HeaderValue::from_static("900");
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, OPTIONS");
/// What an SDK needs to read besides the body.
const EXPOSED: HeaderValue = HeaderValue::from_static("Retry-After");
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// Answers a preflight. The headers asked for are named one by one, because `*` does not stand for `Authorization`.
pub(super) fn preflight(request: &HeaderMap) -> HttpResponse {
    let mut response = HttpResponse::NoContent().finish();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_S);
    if let Some(wanted) = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    response
}

/// Lets the page that asked read the answer.
pub(super) fn allow(request: &HeaderMap, response: &mut HttpResponse) {
    let Some(origin) = request.get(header::ORIGIN) else { return };
    let headers = response.headers_mut();
    for (name, value) in answer(origin.clone()) {
        headers.insert(name, value);
    }
}

fn answer(origin: HeaderValue) -> [(HeaderName, HeaderValue); 4] {
    [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin),
        (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED),
        (header::VARY, HeaderValue::from_static("Origin")),
    ]
}
