//! The bearer token of the admin API.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use metrics::counter;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::http::errors::{ApiError, ErrorCode};
use crate::http::{AppState, ClientAddress};

/// Lets a request through when it carries the configured token. What is answered is for nobody else to keep.
///
/// Fails closed: without a configured token nobody gets in, because the API shows leads and deletes people.
pub async fn require_token<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let mut response = match check(&request) {
        Ok(()) => next.call(request).await?.map_into_left_body(),
        Err(error) => request.error_response(error).map_into_right_body(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

fn check(request: &ServiceRequest) -> Result<(), ApiError> {
    let state = request.app_data::<Data<AppState>>().ok_or_else(disabled)?;
    let config = state.config.load();
    let token = config.server.admin_token.as_ref().map_or("", |token| token.expose());
    if token.is_empty() {
        return Err(disabled());
    }
    let client = ClientAddress::of(request.request(), &config.server.trusted_proxies);
    let now = state.clock.now();
    // A right token waits as well, or the answer would tell a guess that came too soon whether it was right.
    if let Some(wait_s) = state.guesses.wait_s(client, now) {
        count("slowed");
        return Err(slowed(wait_s));
    }
    let Some(given) = bearer(request) else {
        count("missing");
        return Err(refused());
    };
    if same(given, token) {
        return Ok(());
    }
    count("wrong");
    if let Some(unsaid) = state.guesses.wrong(client, now) {
        tracing::warn!(unsaid, "a wrong token was presented to the admin API");
    }
    Err(refused())
}

fn count(reason: &'static str) {
    counter!("handraiser_admin_auth_failures_total", "reason" => reason).increment(1);
}

fn disabled() -> ApiError {
    let fix = "the admin API is off: set `server.admin_token` in the configuration to a long random value";
    ApiError::new(ErrorCode::AdminDisabled, fix)
}

fn refused() -> ApiError {
    let fix = "the admin token is missing or wrong: send `Authorization: Bearer <server.admin_token>`";
    ApiError::new(ErrorCode::AdminToken, fix)
}

fn slowed(wait_s: u32) -> ApiError {
    let message = "too many wrong tokens came from this address: wait, and compare the token with `server.admin_token`";
    ApiError::new(ErrorCode::AdminSlowed, message).retry_after(wait_s)
}

fn bearer(request: &ServiceRequest) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Compares digests, so that neither content nor length shows in the time taken.
fn same(given: &str, token: &str) -> bool {
    Sha256::digest(given.as_bytes()).ct_eq(&Sha256::digest(token.as_bytes())).into()
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn tokens_are_compared_whole() {
        assert!(same("s3cret", "s3cret"));
        assert!(!same("s3cre", "s3cret"));
        assert!(!same("s3cret ", "s3cret"));
        assert!(!same("", "s3cret"));
    }
}
