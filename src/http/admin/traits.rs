//! What other systems know of users and accounts, many at once.

use actix_web::web::{Bytes, Data, Json, Query};
use actix_web::{HttpRequest, post};
use serde::{Deserialize, Serialize};

use crate::cdp::{self, Endpoint};
use crate::event::{Call, Trust};
use crate::http::errors::{ApiError, ErrorBody, ErrorCode};
use crate::http::ingest::{RequestHeaders, keep};
use crate::http::{AppState, ClientAddress};

/// In whose name they are.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
pub struct SourceParam {
    /// The source that knows it, as configured; its `trust` is `server`.
    pub source: String,
}

/// One user or account, and what is known of it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TraitsCall {
    /// `traits`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The user; or else `groupId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The account; or else `userId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    /// What is known; `null` takes a trait away.
    #[schema(value_type = Object)]
    pub traits: serde_json::Map<String, serde_json::Value>,
    /// Since when the source knows it, RFC 3339; by default now. With a time, a call that is sent again is recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
}

/// Several at once.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TraitsBatch {
    /// At most `limits.batch_events` of them.
    pub batch: Vec<TraitsCall>,
}

/// What became of them.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TraitsAnswer {
    /// How many could not be used.
    pub rejected_count: usize,
    /// The first of them.
    pub rejected: Vec<TraitsRejection>,
}

/// One that could not be used.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TraitsRejection {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// Why, as a stable code.
    pub code: String,
    /// Why, in words.
    pub message: String,
}

/// Takes what another system knows of users and accounts. It is durable when this answers, and is decided upon soon after.
#[utoipa::path(
    operation_id = "put_traits",
    tag = "subjects",
    params(SourceParam),
    request_body = TraitsBatch,
    responses(
        (status = 200, body = TraitsAnswer),
        (status = 400, body = ErrorBody<'static>),
        (status = 404, body = ErrorBody<'static>),
    ),
)]
#[post("/traits")]
pub async fn put(
    request: HttpRequest,
    state: Data<AppState>,
    params: Query<SourceParam>,
    body: Bytes,
) -> Result<Json<TraitsAnswer>, ApiError> {
    let config = state.config.load_full();
    let source = config.sources.iter().find(|source| source.name.as_str() == params.source);
    let source = source
        .ok_or_else(|| ApiError::new(ErrorCode::UnknownSource, format!("there is no source `{}`", params.source)))?;
    if source.trust != Trust::Server {
        let message = format!("source `{}` is public: give it `trust: server`, or name another one", source.name);
        return Err(ApiError::new(ErrorCode::InvalidRequest, message));
    }
    let (headers, received_at) = (RequestHeaders(request.headers()), state.clock.now());
    let calls = cdp::Request { endpoint: Endpoint::Batch, headers: &headers, query: "", body: &body, received_at };
    let parsed = cdp::receive_from(&calls, source, &config.server.limits, &config.wanted_properties)
        .map_err(|error| ApiError::from(&error))?;
    if parsed.events.iter().any(|event| event.call != Call::Traits) {
        return Err(ApiError::new(ErrorCode::InvalidRequest, "every call here has the type `traits`"));
    }
    let client = ClientAddress::of(&request, &config.server.trusted_proxies);
    let taken = keep(&state, &config, client, parsed, received_at).await?;
    let (rejected_count, rejected) = taken.rejected();
    let rejected = rejected.iter().map(|one| TraitsRejection {
        index: one.index,
        code: one.code.clone(),
        message: one.message.clone(),
    });
    Ok(Json(TraitsAnswer { rejected_count, rejected: rejected.collect() }))
}
