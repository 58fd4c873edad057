//! Leads that would go elsewhere by the routes and territories of now, and sending one there.

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{get, post};
use serde::{Deserialize, Serialize};

use super::leads::{LeadItem, is_open, item, parse_moment};
use super::reading::{Consistency, Limit, settled};
use crate::apply::message::Made;
use crate::http::AppState;
use crate::http::errors::{ApiError, ErrorBody, ErrorCode};
use crate::lead::{Lead, LeadEvent, LeadEventType, SCHEMA};
use crate::routing::{Decision, Routes, elsewhere};
use crate::store::{LeadQuery, page};
use crate::time::Millis;

/// A lead that would go elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RerouteItem {
    /// The lead, as it stands.
    pub lead: LeadItem,
    /// The team that would share it out.
    pub team: Option<String>,
    /// The rep who would get it, where no team's turn says who; `null` with no team either: nobody.
    pub owner: Option<String>,
    /// Why, in a sentence.
    pub reason: String,
}

/// Leads that would go elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RerouteList {
    /// They, the newest first, of the leads of this page.
    pub leads: Vec<RerouteItem>,
    /// Hand this in as `before` for the next page; `null` on the last one.
    pub next_before: Option<i64>,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct RerouteParams {
    /// Also those that their owners have accepted.
    #[serde(default)]
    accepted: bool,
    /// Only leads that changed before this moment: Unix milliseconds, or RFC 3339.
    #[param(value_type = Option<String>)]
    before: Option<String>,
    /// How many leads are looked at: 1 to 1000, by default 50.
    #[param(value_type = Option<usize>)]
    limit: Option<Limit>,
    /// `strong` (default): wait until all that was acknowledged before is applied. `eventual`: don't.
    #[param(value_type = Option<Consistency>, inline)]
    consistency: Option<Consistency>,
}

/// Lists open leads that the routes and territories of now would send elsewhere: to another team, another rep, or nobody. Leads that
/// were given to somebody by hand are none of them.
#[utoipa::path(
    operation_id = "list_reroutes",
    tag = "leads",
    params(RerouteParams),
    responses((status = 200, body = RerouteList), (status = 400, body = ErrorBody<'static>)),
)]
#[get("/reroutes")]
pub async fn list(state: Data<AppState>, params: Query<RerouteParams>) -> Result<Json<RerouteList>, ApiError> {
    let limit = Limit::of(params.limit);
    let before = params.before.as_deref().map(parse_moment).transpose()?;
    let query = LeadQuery { before, limit: limit + 1, ..LeadQuery::default() };
    let backend = settled(&state, params.consistency).await?;
    let (rows, next_before) = page(backend.store.leads(&query).await?, limit);
    let (config, roster) = (state.config.load(), backend.engine.roster().await?);
    let by = Routes { roster: &roster, ..config.rules.routes() };
    let moves = |lead| moves(by, lead, params.accepted, state.clock.now());
    let leads = rows.into_iter().map(item).filter_map(moves).collect();
    Ok(Json(RerouteList { leads, next_before }))
}

/// Where an open lead would go, if it is one that goes elsewhere.
pub fn moves(by: Routes<'_>, item: LeadItem, with_accepted: bool, now: Millis) -> Option<RerouteItem> {
    if !is_open(&item) {
        return None;
    }
    let lead: Lead = serde_json::from_value(item.lead.clone()).ok()?;
    if lead.waits.is_some() || lead.progress.is_some() && !with_accepted {
        return None;
    }
    let (kind, occurred_at) = (LeadEventType::Qualified, lead.timestamps.qualified.clone());
    let event = LeadEvent { schema: SCHEMA.to_owned(), id: String::new(), kind, occurred_at, lead };
    Some(match elsewhere(by, &event, now)? {
        Decision::Settled(routing) => {
            RerouteItem { lead: item, team: None, owner: routing.owner, reason: routing.reason }
        }
        Decision::Turn(pending) => {
            let reason = format!("{}; whoever's turn it is in team {}", pending.because, pending.team);
            RerouteItem { lead: item, team: Some(pending.team.to_string()), owner: None, reason }
        }
    })
}

/// Sends a lead where the routes and territories of now say: destinations are told (`lead.assigned`). Where that is a team of which nobody
/// is there it stays whose it is until somebody is.
#[utoipa::path(
    operation_id = "reroute_lead",
    tag = "leads",
    params(("id" = String, Path, description = "the lead's id")),
    responses(
        (status = 200, description = "the lead as it stands", body = LeadItem),
        (status = 404, body = ErrorBody<'static>),
    ),
)]
#[post("/leads/{id}/reroute")]
pub async fn reroute(state: Data<AppState>, id: Path<String>) -> Result<Json<LeadItem>, ApiError> {
    let row = state.backend()?.engine.became(&id, Made::Rerouted { untouched: false }).await?;
    row.map(|row| Json(item(row))).ok_or_else(|| ApiError::new(ErrorCode::NotFound, format!("there is no lead `{id}`")))
}
