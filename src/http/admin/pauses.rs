//! Pausing a destination, and having sent to it again what waits.

use actix_web::post;
use actix_web::web::{Data, Json, Path};
use serde::{Deserialize, Serialize};

use super::reading::settled;
use crate::http::AppState;
use crate::http::errors::{ApiError, ErrorBody, ErrorCode};
use crate::http::queues::{self, PauseItem};
use crate::http::state::Backend;

/// The longest reason, in bytes.
const MAX_REASON: usize = 200;

/// Why a destination is paused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseRequest {
    /// Why; at most 200 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Whether a destination is paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PauseAnswer {
    /// The destination.
    pub destination: String,
    /// Since when and why nothing is sent to it; `null`: it is sent what there is.
    pub paused: Option<PauseItem>,
    /// The same before.
    pub before: Option<PauseItem>,
    /// Leads with news that waits.
    pub pending: u64,
}

/// Pauses a destination: nothing is sent to it, and it isn't asked what became of leads, until it is resumed. What is under way ends; what
/// comes waits, and none of it is given up.
#[utoipa::path(
    operation_id = "pause_destination",
    tag = "deliveries",
    params(("destination" = String, Path, description = "its name")),
    request_body = PauseRequest,
    responses((status = 200, body = PauseAnswer), (status = 404, body = ErrorBody<'static>)),
)]
#[post("/destinations/{destination}/pause")]
pub async fn pause(
    state: Data<AppState>,
    name: Path<String>,
    request: Json<PauseRequest>,
) -> Result<Json<PauseAnswer>, ApiError> {
    let why = request.why.as_deref().map(str::trim).filter(|why| !why.is_empty());
    if why.is_some_and(|why| why.len() > MAX_REASON) {
        return Err(ApiError::new(ErrorCode::InvalidRequest, format!("`why` is longer than {MAX_REASON} bytes")));
    }
    let backend = settled(&state, None).await?;
    let before = known(&state, backend, &name).await?;
    backend.engine.pause(&name, why).await?;
    tracing::warn!(destination = %name, "a destination was paused by an operator");
    answer(backend, &name, before).await
}

/// Resumes a destination: it is sent what waits, at once.
#[utoipa::path(
    operation_id = "resume_destination",
    tag = "deliveries",
    params(("destination" = String, Path, description = "its name")),
    responses((status = 200, body = PauseAnswer), (status = 404, body = ErrorBody<'static>)),
)]
#[post("/destinations/{destination}/resume")]
pub async fn resume(state: Data<AppState>, name: Path<String>) -> Result<Json<PauseAnswer>, ApiError> {
    let backend = settled(&state, None).await?;
    let before = known(&state, backend, &name).await?;
    if before.is_some() {
        backend.engine.resume(&name).await?;
        tracing::info!(destination = %name, "a destination was resumed by an operator");
    }
    answer(backend, &name, before).await
}

/// Whether a destination is paused, if there is one of that name: in the configuration, or with something on its way.
async fn known(state: &AppState, backend: &Backend, name: &str) -> Result<Option<PauseItem>, ApiError> {
    let store = &*backend.store;
    let before = queues::pauses(store).await?.remove(name);
    let is_configured = state.config.load().destinations.iter().any(|known| *known.name == *name);
    if before.is_none() && !is_configured && !queues::destinations(store).await?.contains(name) {
        return Err(ApiError::new(ErrorCode::NotFound, format!("there is no destination `{name}`")));
    }
    Ok(before)
}

async fn answer(backend: &Backend, name: &str, before: Option<PauseItem>) -> Result<Json<PauseAnswer>, ApiError> {
    let store = &*backend.store;
    let pending = queues::counts(store).await?.into_iter().find(|queue| queue.destination == name);
    Ok(Json(PauseAnswer {
        destination: name.to_owned(),
        paused: queues::pauses(store).await?.remove(name),
        before,
        pending: pending.map_or(0, |queue| queue.pending),
    }))
}
