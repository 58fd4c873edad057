//! Pixel tracking: a call in the address of an image. The answer is always 200 and the image, because the page or the mail
//! that shows it can do nothing about an error; what was wrong is counted and logged as for any other request.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};

use super::client_address::ClientAddress;
use super::ingest::{RequestHeaders, take};
use super::state::AppState;
use crate::cdp::{self, Endpoint};

/// A transparent image of one pixel.
const GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff\x21\xf9\x04\x01\x00\x00\x00\x00\
    \x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b";

/// Takes the call and answers the image.
pub(super) async fn answer(request: &HttpRequest, state: &AppState, endpoint: Endpoint<'_>) -> HttpResponse {
    let config = state.config.load_full();
    if let Some(_in_work) = state.in_flight.enter(config.server.limits.in_flight) {
        let received = cdp::Request {
            endpoint,
            headers: &RequestHeaders(request.headers()),
            query: request.query_string(),
            body: &cdp::pixel::body_of(request.query_string()),
            received_at: state.clock.now(),
        };
        // Fails open: `take` has noted what went wrong, and nobody is there to read the answer.
        let client = ClientAddress::of(request, &config.server.trusted_proxies);
        let _ = take(state, &config, client, &received).await;
    }
    image()
}

fn image() -> HttpResponse {
    let mut response = HttpResponse::Ok().content_type("image/gif").body(GIF);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-cache, must-revalidate"));
    response
}
