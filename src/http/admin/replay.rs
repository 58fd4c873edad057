//! Trying again what was given up.

use actix_web::post;
use actix_web::web::{Data, Json};
use serde::{Deserialize, Serialize};

use super::causes;
use super::reading::settled;
use crate::http::AppState;
use crate::http::errors::{ApiError, ErrorBody, ErrorCode};
use crate::http::queues;
use crate::ids::{RecordKey, RecordKind};
use crate::record::Delivery;
use crate::store::{Store, StoreError};

/// Which dead deliveries to try again: exactly one of the three.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// All news of one lead for one destination: a delivery's `id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// All of a destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// All of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
    /// Of those that were chosen so, only what was given up for this reason, as `/deliveries/causes` names it. Other news of the same lead
    /// goes with it, since it must not be overtaken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// What a replay did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Replayed {
    /// How many deliveries are under way again.
    pub replayed: usize,
}

/// Tries again what was given up, with a fresh count of attempts.
#[utoipa::path(
    operation_id = "replay_deliveries",
    tag = "deliveries",
    request_body = ReplayRequest,
    responses((status = 200, body = Replayed), (status = 400, body = ErrorBody<'static>)),
)]
#[post("/deliveries/replay")]
pub async fn replay(state: Data<AppState>, request: Json<ReplayRequest>) -> Result<Json<Replayed>, ApiError> {
    let mut request = request.into_inner();
    let cause = request.cause.take();
    let selection = Selection::of(request)?;
    let backend = settled(&state, None).await?;
    let mut found = selection.find(&*backend.store).await?;
    if let Some(wanted) = cause {
        found.retain(|(_, delivery)| delivery.dead.iter().any(|news| causes::cause(news) == wanted));
    }
    let replayed = found.iter().map(|(_, delivery)| delivery.dead.len()).sum();
    let keys: Vec<_> = found.into_iter().map(|(key, _)| key).collect();
    if !keys.is_empty() {
        backend.engine.replay(&keys).await?;
    }
    tracing::info!(replayed, "dead deliveries are tried again");
    Ok(Json(Replayed { replayed }))
}

/// What is tried again.
enum Selection {
    One(RecordKey),
    Destination(String),
    All,
}

impl Selection {
    fn of(request: ReplayRequest) -> Result<Self, ApiError> {
        match request {
            ReplayRequest { id: Some(id), destination: None, all: false, .. } => {
                Ok(Self::One(RecordKey::new(RecordKind::Delivery, &id)))
            }
            ReplayRequest { id: None, destination: Some(name), all: false, .. } => Ok(Self::Destination(name)),
            ReplayRequest { id: None, destination: None, all: true, .. } => Ok(Self::All),
            _ => {
                Err(ApiError::new(ErrorCode::InvalidRequest, "give exactly one of `id`, `destination` and `all: true`"))
            }
        }
    }

    async fn find(self, store: &dyn Store) -> Result<Vec<(RecordKey, Delivery)>, StoreError> {
        let mut found = match self {
            Self::One(key) => queues::deliveries(store, vec![key]).await?,
            Self::Destination(name) => queues::with_dead_news(store, &name, usize::MAX).await?,
            Self::All => {
                let mut all = Vec::new();
                for destination in queues::destinations(store).await? {
                    all.extend(queues::with_dead_news(store, &destination, usize::MAX).await?);
                }
                all
            }
        };
        found.retain(|(_, delivery)| !delivery.dead.is_empty());
        Ok(found)
    }
}
