//! The bearer token of the admin API.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::web::Data;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::http::AppState;
use crate::http::errors::{ApiError, ErrorCode};

/// Lets a request through when it carries the configured token.
///
/// Fails closed: without a configured token nobody gets in, because the API shows leads and deletes people.
pub async fn require_token<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    match check(&request) {
        Ok(()) => next.call(request).await.map(ServiceResponse::map_into_left_body),
        Err(error) => Ok(request.error_response(error).map_into_right_body()),
    }
}

fn check(request: &ServiceRequest) -> Result<(), ApiError> {
    let state = request.app_data::<Data<AppState>>().ok_or_else(disabled)?;
    let config = state.config.load();
    let token = config.server.admin_token.as_ref().map_or("", |token| token.expose());
    if token.is_empty() {
        return Err(disabled());
    }
    let given = bearer(request).ok_or_else(refused)?;
    if same(given, token) { Ok(()) } else { Err(refused()) }
}

fn disabled() -> ApiError {
    let fix = "the admin API is off: set `server.admin_token` in the configuration to a long random value";
    ApiError::new(ErrorCode::AdminDisabled, fix)
}

fn refused() -> ApiError {
    let fix = "the admin token is missing or wrong: send `Authorization: Bearer <server.admin_token>`";
    ApiError::new(ErrorCode::AdminToken, fix)
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
