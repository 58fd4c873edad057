//! Which handler answers an address of the ingestion side.

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};

use super::errors::{ApiError, ErrorCode};
use super::ingest::{ingest, json, success};
use super::routes::{self, Address};
use super::state::AppState;
use super::{accepting, cors, outcomes, pixel, source_config};

/// Answers every address of the ingestion side.
pub(super) async fn dispatch(request: HttpRequest, payload: web::Payload, state: web::Data<AppState>) -> HttpResponse {
    let path = routes::plain(request.path());
    let Some(route) = routes::find(&path) else {
        return ApiError::new(ErrorCode::NotFound, "nothing is at this address").error_response();
    };
    let mut response = answer(&request, payload, &state, route).await.unwrap_or_else(|error| error.error_response());
    state.requests.count(route.label(), response.status());
    cors::allow(request.headers(), &mut response);
    response
}

async fn answer(
    request: &HttpRequest,
    payload: web::Payload,
    state: &AppState,
    route: Address<'_>,
) -> Result<HttpResponse, ApiError> {
    match *request.method() {
        Method::OPTIONS => return Ok(cors::preflight(request.headers())),
        Method::GET | Method::HEAD | Method::POST if matches!(route, Address::Accept(_)) => {}
        Method::POST | Method::PUT | Method::PATCH if route.has_body() => {}
        Method::GET | Method::HEAD if !route.has_body() => {}
        _ => return Ok(method_not_allowed(route)),
    }
    match route {
        Address::Ingest { endpoint, .. } => ingest(request, payload, state, endpoint).await,
        Address::Pixel(endpoint) => Ok(pixel::answer(request, state, endpoint).await),
        Address::Telemetry => Ok(success()),
        Address::SourceConfig => source_config::rudder(request, state),
        Address::Settings { prefix, write_key } => source_config::segment(request, state, prefix, write_key),
        Address::Outcomes(destination) => outcomes::push(request, payload, state, destination).await,
        Address::Accept(lead) => accepting::answer(request, payload, state, lead).await,
        Address::ClusterInfo => Ok(json(r#"{"nodeCount":1}"#)),
    }
}

fn method_not_allowed(route: Address<'_>) -> HttpResponse {
    let allowed = if route.has_body() { "POST, PUT, PATCH, OPTIONS" } else { "GET, HEAD, OPTIONS" };
    let mut response =
        ApiError::new(ErrorCode::MethodNotAllowed, format!("this address wants {allowed}")).error_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}
