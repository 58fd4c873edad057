//! Leads that are held because their source made too many: letting them go on their way, or letting them go for good.

use actix_web::post;
use actix_web::web::{Data, Json};
use serde::{Deserialize, Serialize};

use super::reading::settled;
use crate::http::AppState;
use crate::http::errors::{ApiError, ErrorBody, ErrorCode};
use crate::http::queues;
use crate::http::state::Backend;
use crate::ids::RecordKey;
use crate::lead::Lead;

/// Which held leads: exactly one of the three.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldRequest {
    /// One lead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// All that are held because of a source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// All of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// What became of held leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HeldAnswer {
    /// How many there were.
    pub leads: usize,
}

/// Lets held leads go on their way: they are routed and delivered.
#[utoipa::path(
    operation_id = "release_leads",
    tag = "leads",
    request_body = HeldRequest,
    responses((status = 200, body = HeldAnswer), (status = 400, body = ErrorBody<'static>)),
)]
#[post("/leads/release")]
pub async fn release(state: Data<AppState>, request: Json<HeldRequest>) -> Result<Json<HeldAnswer>, ApiError> {
    decide(&state, request.into_inner(), false).await
}

/// Lets held leads go for good: no destination hears of them. Their subjects count as qualified.
#[utoipa::path(
    operation_id = "discard_leads",
    tag = "leads",
    request_body = HeldRequest,
    responses((status = 200, body = HeldAnswer), (status = 400, body = ErrorBody<'static>)),
)]
#[post("/leads/discard")]
pub async fn discard(state: Data<AppState>, request: Json<HeldRequest>) -> Result<Json<HeldAnswer>, ApiError> {
    decide(&state, request.into_inner(), true).await
}

async fn decide(state: &AppState, request: HeldRequest, for_good: bool) -> Result<Json<HeldAnswer>, ApiError> {
    let backend = settled(state, None).await?;
    let found = match request {
        HeldRequest { id: Some(id), source: None, all: false } => one(backend, &id).await?,
        HeldRequest { id: None, source: Some(source), all: false } => {
            queues::holds(&*backend.store, Some(&source), usize::MAX).await?
        }
        HeldRequest { id: None, source: None, all: true } => queues::holds(&*backend.store, None, usize::MAX).await?,
        _ => {
            return Err(ApiError::new(ErrorCode::InvalidRequest, "give exactly one of `id`, `source` and `all: true`"));
        }
    };
    if !found.is_empty() {
        backend.engine.release(&found, for_good).await?;
    }
    tracing::info!(leads = found.len(), for_good, "held leads were let go");
    Ok(Json(HeldAnswer { leads: found.len() }))
}

/// The hold of one lead, if it is held.
async fn one(backend: &Backend, id: &str) -> Result<Vec<RecordKey>, ApiError> {
    let row = backend.store.lead(id).await?;
    let lead: Option<Lead> = row.and_then(|row| serde_json::from_str(&row.json).ok());
    let hold = lead.and_then(|lead| lead.hold).filter(|hold| !hold.discarded);
    Ok(hold.map(|hold| RecordKey::hold(&hold.source, id)).into_iter().collect())
}
