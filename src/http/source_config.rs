//! What SDKs load before they start: RudderStack's `sourceConfig` and Segment's settings. Both say: send everything here,
//! load no further destinations, and keep your figures about yourself.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::client_address::origin;
use super::errors::ApiError;
use super::ingest::{RequestHeaders, refuse};
use super::state::AppState;
use crate::cdp::{Source, identify_source, source_of_write_key};

/// `GET /sourceConfig`: without it, RudderStack's browser SDK does not start.
pub(super) fn rudder(request: &HttpRequest, state: &AppState) -> Result<HttpResponse, ApiError> {
    let config = state.config.load_full();
    let headers = RequestHeaders(request.headers());
    let now = state.clock.now();
    let source = identify_source(&headers, request.query_string(), &config.sources, now);
    let source = source.map_err(|error| refuse(state, now, &error))?;
    Ok(answer(&rudder_config(source, &config.version)))
}

fn rudder_config(source: &Source, version: &str) -> Value {
    let off = json!({ "enabled": false });
    json!({
        "source": {
            "id": source.name.as_str(),
            "name": source.name.as_str(),
            "enabled": true,
            "workspaceId": "handraiser",
            "config": { "statsCollection": { "errors": off, "metrics": off } },
            "destinations": [],
            "dataplanes": {},
        },
        "version": version,
    })
}

/// `GET /v1/projects/{writeKey}/settings`: Segment's browser and mobile SDKs ask where to send.
pub(super) fn segment(
    request: &HttpRequest,
    state: &AppState,
    prefix: &str,
    write_key: &str,
) -> Result<HttpResponse, ApiError> {
    let config = state.config.load_full();
    let now = state.clock.now();
    source_of_write_key(write_key, &RequestHeaders(request.headers()), &config.sources, now)
        .map_err(|error| refuse(state, now, &error))?;
    let (scheme, host) = origin(request, &config.server.trusted_proxies);
    Ok(answer(&segment_settings(write_key, &scheme, &format!("{host}{prefix}/v1"))))
}

fn segment_settings(write_key: &str, protocol: &str, api_host: &str) -> Value {
    json!({
        "integrations": {
            "Segment.io": { "apiKey": write_key, "apiHost": api_host, "protocol": protocol },
        },
        "plan": { "track": { "__default": { "enabled": true, "integrations": {} } } },
        "metrics": { "sampleRate": 0 },
        "edgeFunction": {},
        "enabledMiddleware": {},
        "remotePlugins": [],
    })
}

fn answer(body: &Value) -> HttpResponse {
    let mut response = HttpResponse::Ok().json(body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
