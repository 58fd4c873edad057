//! One lead's way to one destination: its news, and the attempts that failed.

use actix_web::get;
use actix_web::web::{Data, Json, Path, Query};
use serde::{Deserialize, Serialize};

use super::deliveries::{DeliveryItem, dead_items, done, pending_items};
use super::reading::{ReadParams, settled};
use crate::http::AppState;
use crate::http::errors::{ApiError, ErrorBody, ErrorCode};
use crate::http::queues::{self, PauseItem};
use crate::ids::RecordKey;
use crate::record::Tried;

/// An attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TriedItem {
    /// The lead event that was sent.
    pub event_id: String,
    /// When it had failed, RFC 3339.
    pub at: String,
    /// How long it took, in milliseconds.
    pub took_ms: u32,
    /// What was asked last; `null`: nothing was.
    #[schema(example = "POST /crm/v3/objects/contacts")]
    pub asked: Option<String>,
    /// With which status that was answered; `null`: it was not.
    pub status: Option<u16>,
    /// Why it failed, without credentials and e-mail addresses.
    pub error: String,
    /// The beginning of the answer, without these, where the error doesn't say it.
    pub said: Option<String>,
}

impl From<&Tried> for TriedItem {
    fn from(tried: &Tried) -> Self {
        Self {
            event_id: tried.id.to_string(),
            at: tried.at.rfc3339(),
            took_ms: tried.took_ms,
            asked: tried.asked.as_deref().map(str::to_owned),
            status: tried.status,
            error: tried.error.to_string(),
            said: tried.said.as_deref().map(str::to_owned),
        }
    }
}

/// One lead's way to one destination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeliveryAnswer {
    /// The destination, `/`, the lead's id.
    pub id: String,
    /// Since when and why nothing is sent to the destination.
    pub paused: Option<PauseItem>,
    /// Its news: what is done, as far as the destination remembers it, what was given up, what waits.
    pub news: Vec<DeliveryItem>,
    /// The last attempts at what was given up or waits, that failed; at most five, the newest last.
    pub tried: Vec<TriedItem>,
}

/// Shows one lead's way to one destination: its news, and the last attempts that failed.
#[utoipa::path(
    operation_id = "show_delivery",
    tag = "deliveries",
    params(
        ("destination" = String, Path, description = "the destination's name"),
        ("lead" = String, Path, description = "the lead's id"),
        ReadParams,
    ),
    responses((status = 200, body = DeliveryAnswer), (status = 404, body = ErrorBody<'static>)),
)]
#[get("/deliveries/{destination}/{lead}")]
pub async fn show(
    state: Data<AppState>,
    names: Path<(String, String)>,
    params: Query<ReadParams>,
) -> Result<Json<DeliveryAnswer>, ApiError> {
    let (destination, lead) = names.into_inner();
    let store = &*settled(&state, params.consistency).await?.store;
    let key = RecordKey::delivery(&destination, &lead);
    let mut news = done(store, &destination).await?;
    news.retain(|item| item.lead_id == lead);
    let found = queues::deliveries(store, vec![key.clone()]).await?.pop();
    if found.is_none() && news.is_empty() {
        let id = &key.id;
        return Err(ApiError::new(ErrorCode::NotFound, format!("nothing is known of a delivery `{id}`")));
    }
    let delivery = found.map(|(_, delivery)| delivery).unwrap_or_default();
    news.extend(dead_items(&key, &delivery));
    news.extend(pending_items(&key, &delivery));
    Ok(Json(DeliveryAnswer {
        id: key.id.to_string(),
        paused: queues::pauses(store).await?.remove(&destination),
        news,
        tried: delivery.tried.iter().map(TriedItem::from).collect(),
    }))
}
