//! What holds for every request and answer, whatever it is about: the connection is busy meanwhile, and pages say what a browser
//! may do with them.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;

use super::connections::Busy;

/// Of the viewer at `/docs`: it loads nothing from elsewhere and stands in nobody's frame. Its styles are made as it runs.
const PAGE: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
];

/// Goes around everything that the server answers.
///
/// # Errors
/// As the handler inside.
pub async fn around<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let _busy = Busy::begin(request.request());
    let mut response = next.call(request).await?;
    let path = response.request().path();
    if path == "/docs" || path.starts_with("/docs/") {
        let headers = response.headers_mut();
        for (name, value) in PAGE {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    Ok(response)
}
