//! What each destination knows of a lead.

use std::collections::BTreeMap;

use actix_web::get;
use actix_web::web::{Data, Json, Path, Query};
use serde::{Deserialize, Serialize};

use super::delivery::TriedItem;
use super::reading::{ReadParams, settled};
use crate::http::AppState;
use crate::http::errors::{ApiError, ErrorBody, ErrorCode};
use crate::http::queues::{self, PauseItem};
use crate::ids::RecordKey;
use crate::record::{Delivery, Seen};
use crate::time::Millis;

/// How a lead stands at each destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ToldList {
    /// One for each destination in force, in their order.
    pub destinations: Vec<ToldItem>,
}

/// How a lead stands at one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ToldItem {
    /// The destination.
    pub destination: String,
    /// How much news of the lead waits for it, or is under way.
    pub waiting: usize,
    /// How much was given up; `handraiser replay` tries it again.
    pub given_up: usize,
    /// How often the first of it was tried.
    pub attempts: u32,
    /// Why that failed last.
    pub error: Option<String>,
    /// Since when and why nothing is sent to it.
    pub paused: Option<PauseItem>,
    /// When it took news of the lead last, RFC 3339, where it calls something its own.
    pub took: Option<String>,
    /// The last attempts at what waits or was given up, that failed; the newest last.
    pub tried: Vec<TriedItem>,
    /// What it calls the things that belong to the lead.
    pub there: BTreeMap<String, String>,
    /// What people had made of it there when it was last asked.
    pub seen: Option<SeenItem>,
}

/// What people made of a lead at a destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SeenItem {
    /// `new`, `accepted`, `working`, `won`, `lost` or `rejected`.
    pub stage: String,
    /// Why, in their words.
    pub reason: Option<String>,
    /// Whose it is there: an e-mail address, or where that isn't known what the destination calls them.
    pub owner: Option<String>,
}

impl From<&Seen> for SeenItem {
    fn from(seen: &Seen) -> Self {
        let owner = seen.owner.as_ref();
        Self {
            stage: seen.stage.as_str().to_owned(),
            reason: seen.reason.as_deref().map(str::to_owned),
            owner: owner.map(|owner| owner.email.as_deref().unwrap_or(&owner.id).to_owned()),
        }
    }
}

/// Shows how a lead stands at each destination: what waits or was given up, what it is called there, what people made of it.
#[utoipa::path(
    operation_id = "show_lead_deliveries",
    tag = "leads",
    params(("id" = String, Path, description = "the lead's id"), ReadParams),
    responses((status = 200, body = ToldList), (status = 404, body = ErrorBody<'static>)),
)]
#[get("/leads/{id}/destinations")]
pub async fn show(
    state: Data<AppState>,
    id: Path<String>,
    params: Query<ReadParams>,
) -> Result<Json<ToldList>, ApiError> {
    let store = &settled(&state, params.consistency).await?.store;
    if store.lead(&id).await?.is_none() {
        return Err(ApiError::new(ErrorCode::NotFound, format!("there is no lead `{id}`")));
    }
    let config = state.config.load();
    let keys: Vec<_> = config.destinations.iter().map(|known| RecordKey::delivery(&known.name, &id)).collect();
    let known: BTreeMap<_, _> = queues::deliveries(&**store, keys).await?.into_iter().collect();
    let mut pauses = queues::pauses(&**store).await?;
    let told = config.destinations.iter().map(|destination| {
        let delivery = known.get(&RecordKey::delivery(&destination.name, &id));
        let paused = pauses.remove(&*destination.name);
        ToldItem { destination: destination.name.to_string(), paused, ..delivery.map(told).unwrap_or_default() }
    });
    Ok(Json(ToldList { destinations: told.collect() }))
}

fn told(delivery: &Delivery) -> ToldItem {
    let first = delivery.pending.front().or_else(|| delivery.dead.last());
    ToldItem {
        waiting: delivery.pending.len(),
        given_up: delivery.dead.len(),
        attempts: first.map_or(0, |news| news.attempts),
        error: first.and_then(|news| news.last_error.as_deref()).map(str::to_owned),
        took: delivery.took.map(Millis::rfc3339),
        tried: delivery.tried.iter().map(TriedItem::from).collect(),
        there: delivery.remembered.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect(),
        seen: delivery.seen.as_deref().map(SeenItem::from),
        ..ToldItem::default()
    }
}
