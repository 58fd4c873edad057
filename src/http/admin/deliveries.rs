//! Deliveries: what waits, what was given up, what is done; and replay of what was given up. Leads on their way to an owner and
//! histories on their way to a user are listed beside them, since they can be given up as well.

use actix_web::web::{Data, Json, Query};
use actix_web::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AdminState, ApiError, ErrorBody, ErrorCode, Limit};
use crate::store::{EntryQuery, EntryRow, EntryState, QueueName, Replay};

/// Queues of deliveries start so; the rest is the destination's name.
const PREFIX: &str = "deliver:";

/// One delivery of one event of a lead's life to one destination; or work that comes before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeliveryItem {
    /// What a replay names it by; of a delivery: the id of the lead's event, `/`, the destination.
    pub id: String,
    /// `deliver:<destination>`; `route`: a lead that wants an owner; `merge`: the history of an anonymous id on its way to its user.
    pub queue: String,
    /// Deliveries only.
    pub destination: Option<String>,
    /// `pending`, `dead` or `done`.
    pub state: String,
    /// `user:<id>` or `account:<id>`.
    pub subject: String,
    /// The lead that it is about; `null` for histories.
    pub lead_id: Option<String>,
    /// The definition that the lead qualified for; `null` for histories.
    pub definition: Option<String>,
    /// `lead.qualified`, …
    pub event: Option<String>,
    /// How often it was tried and failed.
    pub attempts: u32,
    /// Why it failed last, or why it is parked; `null` when neither ever happened.
    pub last_error: Option<String>,
    /// RFC 3339.
    pub created: String,
    /// When it is tried next, RFC 3339; pending ones only.
    pub due: Option<String>,
    /// When it was finished or given up, RFC 3339.
    pub settled: Option<String>,
}

/// Deliveries, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeliveryList {
    /// At most as many as were asked for.
    pub deliveries: Vec<DeliveryItem>,
}

/// Which dead deliveries to try again: exactly one of the three.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// One delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// All of a destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// All of them, and whatever else was given up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// What a replay did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Replayed {
    /// How many are under way again.
    pub replayed: usize,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// `pending` (default), `dead` or `done`.
    #[param(value_type = Option<String>)]
    state: Option<EntryState>,
    /// Only deliveries to this destination.
    destination: Option<String>,
    /// At most so many: 1 to 1000, by default 50.
    #[param(value_type = Option<usize>)]
    limit: Option<Limit>,
}

/// Lists deliveries and what else is queued, newest first.
#[utoipa::path(
    operation_id = "list_deliveries",
    tag = "deliveries",
    params(ListParams),
    responses((status = 200, body = DeliveryList), (status = 400, body = ErrorBody<'static>)),
)]
#[get("/deliveries")]
pub async fn list(state: Data<AdminState>, params: Query<ListParams>) -> Result<Json<DeliveryList>, ApiError> {
    let query = EntryQuery {
        state: params.state.unwrap_or(EntryState::Pending),
        queue: params.destination.as_deref().map(queue_of),
        queue_prefix: None,
        limit: Limit::of(params.limit),
    };
    let rows = state.store.entries(&query).await?;
    Ok(Json(DeliveryList { deliveries: rows.into_iter().map(item).collect() }))
}

/// Tries again what was given up, with a fresh count of attempts.
#[utoipa::path(
    operation_id = "replay_deliveries",
    tag = "deliveries",
    request_body = ReplayRequest,
    responses((status = 200, body = Replayed), (status = 400, body = ErrorBody<'static>)),
)]
#[post("/deliveries/replay")]
pub async fn replay(state: Data<AdminState>, request: Json<ReplayRequest>) -> Result<Json<Replayed>, ApiError> {
    let queues = dead_queues(&state).await?;
    let replayed = state.store.replay(&selection(&request)?, state.clock.now()).await?;
    tracing::info!(replayed, "dead deliveries were put back into their queues");
    for queue in &queues {
        state.store.partitions().all().for_each(|partition| state.wakes.wake(queue, partition));
    }
    Ok(Json(Replayed { replayed }))
}

/// The queues that hold something dead.
async fn dead_queues(state: &AdminState) -> Result<Vec<QueueName>, ApiError> {
    let stats = state.store.queue_stats(state.clock.now()).await?;
    let dead = stats.into_iter().filter(|queue| queue.dead > 0);
    Ok(dead.map(|queue| queue.queue).collect())
}

fn selection(request: &ReplayRequest) -> Result<Replay, ApiError> {
    match request {
        ReplayRequest { id: Some(id), destination: None, all: false } => Ok(Replay::Entry(id.clone())),
        ReplayRequest { id: None, destination: Some(name), all: false } => Ok(Replay::Queue(queue_of(name))),
        ReplayRequest { id: None, destination: None, all: true } => Ok(Replay::All),
        _ => Err(ApiError::new(
            ErrorCode::InvalidRequest,
            "give exactly one of `id`, `destination` and `all: true`".to_owned(),
        )),
    }
}

fn queue_of(destination: &str) -> QueueName {
    QueueName::new(&format!("{PREFIX}{destination}"))
}

fn item(row: EntryRow) -> DeliveryItem {
    let EntryRow { entry, state, settled } = row;
    // Fails open: a payload that can't be read is still listed.
    let payload: Value = serde_json::from_str(&entry.payload).unwrap_or_default();
    let text = |pointer| payload.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let queue = entry.queue.as_str();
    DeliveryItem {
        queue: queue.to_owned(),
        destination: queue.strip_prefix(PREFIX).map(str::to_owned),
        state: state_name(state).to_owned(),
        lead_id: text("/lead/id").or(entry.lane),
        definition: text("/lead/definition"),
        event: text("/type"),
        due: (state == EntryState::Pending).then(|| entry.due.rfc3339()),
        created: entry.created.rfc3339(),
        settled: settled.map(crate::time::Millis::rfc3339),
        id: entry.id,
        subject: entry.subject,
        attempts: entry.attempts,
        last_error: entry.last_error,
    }
}

const fn state_name(state: EntryState) -> &'static str {
    match state {
        EntryState::Pending => "pending",
        EntryState::Dead => "dead",
        EntryState::Done => "done",
    }
}
