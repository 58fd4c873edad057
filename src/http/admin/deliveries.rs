//! Deliveries: what waits, what was given up, what is done; and replay of what was given up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actix_web::get;
use actix_web::web::{Data, Json, Query};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::reading::{Consistency, Limit, settled};
use crate::http::AppState;
use crate::http::errors::{ApiError, ErrorBody};
use crate::http::queues::{self, PauseItem, deliveries};
use crate::ids::{RecordKey, RecordKind};
use crate::record::delivery::Done;
use crate::record::{AgendaList, Delivery, News, Record};
use crate::store::{Store, StoreError};

/// One event of a lead's life on its way to one destination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeliveryItem {
    /// What a replay names it by: the destination, `/`, the lead's id. All news of a lead for a destination has the same.
    pub id: String,
    /// The lead event's own id, which the destination receives as `webhook-id` and `Idempotency-Key`.
    pub event_id: String,
    /// Where it goes.
    pub destination: String,
    /// `pending`, `dead` or `done`.
    pub state: DeliveryState,
    /// `user:<id>` or `account:<id>`.
    pub subject: String,
    /// The lead that it is about.
    pub lead_id: String,
    /// The definition that the lead qualified for.
    pub definition: Option<String>,
    /// `lead.qualified`, …
    pub event: Option<String>,
    /// How often it was tried and failed.
    pub attempts: u32,
    /// Why it failed last; `null` when it never did.
    pub last_error: Option<String>,
    /// When it was handed over for delivery, RFC 3339.
    pub created: String,
    /// When it is tried next, RFC 3339; pending ones only, and only the first of its lead: the others wait for that one.
    pub due: Option<String>,
    /// When it was delivered, or when the last news of its lead was given up, RFC 3339.
    pub settled: Option<String>,
}

/// What has become of a delivery so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It waits, or is under way.
    #[default]
    Pending,
    /// It was given up.
    Dead,
    /// The destination took it.
    Done,
}

impl DeliveryState {
    /// The state as it stands in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Dead => "dead",
            Self::Done => "done",
        }
    }
}

/// Deliveries, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeliveryList {
    /// At most as many as were asked for.
    pub deliveries: Vec<DeliveryItem>,
    /// Destinations, of those that were asked for, that nothing is sent to for now: since when, and why.
    pub paused: BTreeMap<String, PauseItem>,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct DeliveryParams {
    /// `pending` (default), `dead` or `done`.
    #[param(value_type = Option<DeliveryState>, inline)]
    state: Option<DeliveryState>,
    /// Only deliveries to this destination.
    destination: Option<String>,
    /// At most so many: 1 to 1000, by default 50.
    #[param(value_type = Option<usize>)]
    limit: Option<Limit>,
    /// `strong` (default): wait until all that was acknowledged before is applied. `eventual`: don't.
    #[param(value_type = Option<Consistency>, inline)]
    consistency: Option<Consistency>,
}

/// Lists deliveries, newest first. Of those that are done, each destination remembers the last hundred.
#[utoipa::path(
    operation_id = "list_deliveries",
    tag = "deliveries",
    params(DeliveryParams),
    responses((status = 200, body = DeliveryList), (status = 400, body = ErrorBody<'static>)),
)]
#[get("/deliveries")]
pub async fn list(state: Data<AppState>, params: Query<DeliveryParams>) -> Result<Json<DeliveryList>, ApiError> {
    let (wanted, limit) = (params.state.unwrap_or_default(), Limit::of(params.limit));
    let store = &*settled(&state, params.consistency).await?.store;
    let destinations = match &params.destination {
        Some(name) => BTreeSet::from([Arc::from(name.as_str())]),
        None => {
            let configured = state.config.load();
            let configured = configured.destinations.iter().map(|destination| Arc::clone(&destination.name));
            queues::destinations(store).await?.into_iter().chain(configured).collect()
        }
    };
    let mut found = Vec::new();
    for destination in &destinations {
        found.extend(match wanted {
            DeliveryState::Pending => pending(store, destination, limit).await?,
            DeliveryState::Dead => dead(store, destination, limit).await?,
            DeliveryState::Done => done(store, destination).await?,
        });
    }
    let when = |item: &DeliveryItem| item.settled.clone().unwrap_or_else(|| item.created.clone());
    found.sort_by(|a, b| when(b).cmp(&when(a)).then_with(|| b.event_id.cmp(&a.event_id)));
    found.truncate(limit);
    let mut paused = queues::pauses(store).await?;
    paused.retain(|name, _| destinations.contains(name.as_str()));
    Ok(Json(DeliveryList { deliveries: found, paused }))
}

async fn pending(store: &dyn Store, destination: &str, limit: usize) -> Result<Vec<DeliveryItem>, StoreError> {
    let listed = store.listed(&queues::list(AgendaList::Deliver, destination), limit).await?;
    let found = deliveries(store, listed.into_iter().map(|(_, key)| key).collect()).await?;
    Ok(found.iter().flat_map(|(key, delivery)| pending_items(key, delivery)).collect())
}

pub(super) fn pending_items(key: &RecordKey, delivery: &Delivery) -> Vec<DeliveryItem> {
    let due = std::iter::once(Some(delivery.due.rfc3339())).chain(std::iter::repeat(None));
    let items = delivery.pending.iter().zip(due);
    items.map(|(news, due)| DeliveryItem { due, ..item(key, delivery, news, DeliveryState::Pending) }).collect()
}

async fn dead(store: &dyn Store, destination: &str, limit: usize) -> Result<Vec<DeliveryItem>, StoreError> {
    let found = queues::with_dead_news(store, destination, limit).await?;
    Ok(found.iter().flat_map(|(key, delivery)| dead_items(key, delivery)).collect())
}

pub(super) fn dead_items(key: &RecordKey, delivery: &Delivery) -> Vec<DeliveryItem> {
    let settled = Some(delivery.died.rfc3339());
    let item = |news| DeliveryItem { settled: settled.clone(), ..item(key, delivery, news, DeliveryState::Dead) };
    delivery.dead.iter().map(item).collect()
}

pub(super) async fn done(store: &dyn Store, destination: &str) -> Result<Vec<DeliveryItem>, StoreError> {
    let texts = store.load(&[RecordKey::destination(destination)]).await?;
    let text = texts.into_iter().next().flatten().unwrap_or_default();
    match Record::read(RecordKind::Destination, &text) {
        (Record::Destination(history), _) => {
            Ok(history.done.into_iter().map(|done| done_item(destination, done)).collect())
        }
        _ => Ok(Vec::new()),
    }
}

fn done_item(destination: &str, done: Done) -> DeliveryItem {
    DeliveryItem {
        id: format!("{destination}/{}", done.lead),
        event_id: done.id.to_string(),
        destination: destination.to_owned(),
        state: DeliveryState::Done,
        subject: done.subject.into(),
        lead_id: done.lead.into(),
        definition: Some(done.definition.into()),
        event: Some(done.kind.into()),
        attempts: done.attempts,
        last_error: None,
        created: done.created.rfc3339(),
        due: None,
        settled: Some(done.at.rfc3339()),
    }
}

fn item(key: &RecordKey, delivery: &Delivery, news: &News, state: DeliveryState) -> DeliveryItem {
    // Fails open: news that can't be read is still listed.
    let event: Value = serde_json::from_str(&news.json).unwrap_or_default();
    let text = |pointer| event.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let (destination, lead) = key.as_delivery().unwrap_or_default();
    DeliveryItem {
        id: key.id.to_string(),
        event_id: news.id.to_string(),
        destination: destination.to_owned(),
        state,
        subject: delivery.subject.as_ref().map(ToString::to_string).unwrap_or_default(),
        lead_id: lead.to_owned(),
        definition: text("/lead/definition"),
        event: text("/type"),
        attempts: news.attempts,
        last_error: news.last_error.as_deref().map(str::to_owned),
        created: news.created.rfc3339(),
        due: None,
        settled: None,
    }
}
