//! Leads: the list and one.

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::reading::{Consistency, Limit, ReadParams, settled};
pub use crate::crm::said::Outcome;
use crate::expr::greatest_first;
use crate::http::AppState;
use crate::http::errors::{ApiError, ErrorBody, ErrorCode};
use crate::http::queues;
use crate::http::state::Backend;
use crate::ids::RecordKey;
use crate::store::{LeadQuery, LeadRow, page};
use crate::time::Millis;

/// One lead with what it can be asked for by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LeadItem {
    /// The lead's id, which stays the same for all of its life.
    pub id: String,
    /// `user:<id>` or `account:<id>`.
    #[schema(example = "account:acme.example")]
    pub subject: String,
    /// The definition that it qualified for.
    pub definition: String,
    /// When it changed last, RFC 3339.
    pub updated: String,
    /// The whole lead, as destinations receive it.
    #[schema(value_type = crate::lead::Lead)]
    pub lead: Value,
}

/// Leads, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LeadList {
    /// At most as many as were asked for; there may be fewer and a next page all the same.
    pub leads: Vec<LeadItem>,
    /// Hand this in as `before` for the next page; `null` on the last one.
    pub next_before: Option<i64>,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct LeadParams {
    /// Only leads of this definition.
    definition: Option<String>,
    /// Only leads of this subject: `user:<id>` or `account:<id>`.
    subject: Option<String>,
    /// Only leads that changed before this moment: Unix milliseconds, or RFC 3339.
    #[param(value_type = Option<String>)]
    before: Option<String>,
    /// Only leads that are held because their source made too many; of the other parameters only `limit` counts then.
    #[serde(default)]
    held: bool,
    /// Only leads that wait for somebody of their team to be there, in the order in which they are given one; of the other parameters only
    /// `limit` counts then.
    #[serde(default)]
    waiting: bool,
    /// Of the leads of a page those whose owner has not taken them on in time, the one that is most overdue first: `limit` says how many leads
    /// are looked at, and `next_before` leads on to the others.
    #[serde(default)]
    overdue: bool,
    /// `newest` (default), or `rank`: of the newest 1000 leads that fit and are open, those with the greatest rank first, and those without
    /// one last. There are no further pages then.
    #[param(value_type = Option<SortBy>, inline)]
    sort: Option<SortBy>,
    /// At most so many: 1 to 1000, by default 50.
    #[param(value_type = Option<usize>)]
    limit: Option<Limit>,
    /// `strong` (default): wait until all that was acknowledged before is applied. `eventual`: don't.
    #[param(value_type = Option<Consistency>, inline)]
    consistency: Option<Consistency>,
}

/// The order of a list of leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
enum SortBy {
    /// Those that changed last.
    Newest,
    /// Those that are worth most.
    Rank,
}

/// So many leads are looked at for those with the greatest rank.
const MAX_RANKED: usize = 1_000;

/// Lists leads, newest first, or by rank.
#[utoipa::path(
    operation_id = "list_leads",
    tag = "leads",
    params(LeadParams),
    responses(
        (status = 200, body = LeadList),
        (status = 400, description = "`subject` or `before` can't be read", body = ErrorBody<'static>),
    ),
)]
#[get("/leads")]
pub async fn list(state: Data<AppState>, params: Query<LeadParams>) -> Result<Json<LeadList>, ApiError> {
    let limit = Limit::of(params.limit);
    if params.held || params.waiting {
        let backend = settled(&state, params.consistency).await?;
        let records = if params.held {
            queues::holds(&*backend.store, None, limit).await?
        } else {
            queues::waits(&*backend.store, limit).await?
        };
        return Ok(Json(LeadList { leads: kept_back(backend, &records).await?, next_before: None }));
    }
    let subject = params.subject.as_deref().map(parse_subject).transpose()?;
    let before = params.before.as_deref().map(parse_moment).transpose()?;
    if params.sort == Some(SortBy::Rank) {
        let query = LeadQuery { subject, definition: params.definition.clone(), before, limit: MAX_RANKED };
        let rows = settled(&state, params.consistency).await?.store.leads(&query).await?;
        let leads = ranked(rows.into_iter().map(item).filter(is_open), limit);
        return Ok(Json(LeadList { leads, next_before: None }));
    }
    // One more than asked for tells whether there is another page.
    let query = LeadQuery { subject, definition: params.definition.clone(), before, limit: limit + 1 };
    let backend = settled(&state, params.consistency).await?;
    let (rows, next) = page(backend.store.leads(&query).await?, limit);
    let leads = rows.into_iter().map(item);
    let leads = if params.overdue { overdue(leads.filter(is_open), state.clock.now()) } else { leads.collect() };
    Ok(Json(LeadList { leads, next_before: next }))
}

/// Whether nothing became of a lead yet.
pub(super) fn is_open(item: &LeadItem) -> bool {
    let over = ["/outcome", "/timestamps/lapsed", "/hold", "/shadow"];
    over.iter().all(|path| item.lead.pointer(path).is_none_or(Value::is_null))
}

/// Those that their owners have not taken on in time, the one that is most overdue first.
fn overdue(open: impl Iterator<Item = LeadItem>, now: Millis) -> Vec<LeadItem> {
    let is_late = |item: &LeadItem| item.overdue_since().is_some_and(|by| by <= now);
    let mut late: Vec<LeadItem> = open.filter(is_late).collect();
    late.sort_by_key(LeadItem::overdue_since);
    late
}

impl LeadItem {
    /// Since when it is overdue, or will be, where its owner has not taken it on.
    pub fn overdue_since(&self) -> Option<Millis> {
        let said = |path: &str| self.lead.pointer(path).and_then(Value::as_str).and_then(Millis::parse);
        said("/timestamps/accept_by").filter(|_| said("/timestamps/accepted").is_none())
    }
}

/// Those with the greatest ranks; of those that are worth the same, the newest first.
fn ranked(open: impl Iterator<Item = LeadItem>, limit: usize) -> Vec<LeadItem> {
    let rank = |item: &LeadItem| item.lead.get("rank").and_then(Value::as_f64);
    let mut open: Vec<LeadItem> = open.collect();
    open.sort_by(|a, b| greatest_first(rank(a), rank(b)));
    open.truncate(limit);
    open
}

/// The leads that these records hold, or let wait.
async fn kept_back(backend: &Backend, records: &[RecordKey]) -> Result<Vec<LeadItem>, ApiError> {
    let mut leads = Vec::new();
    for record in records {
        let id = record.as_hold().or_else(|| record.as_wait()).map(|(_, lead)| lead).unwrap_or_default();
        leads.extend(backend.store.lead(id).await?.map(item));
    }
    Ok(leads)
}

/// Shows one lead.
#[utoipa::path(
    operation_id = "show_lead",
    tag = "leads",
    params(("id" = String, Path, description = "the lead's id"), ReadParams),
    responses((status = 200, body = LeadItem), (status = 404, body = ErrorBody<'static>)),
)]
#[get("/leads/{id}")]
pub async fn one(
    state: Data<AppState>,
    id: Path<String>,
    params: Query<ReadParams>,
) -> Result<Json<LeadItem>, ApiError> {
    let row = settled(&state, params.consistency).await?.store.lead(&id).await?;
    row.map(|row| Json(item(row))).ok_or_else(|| ApiError::new(ErrorCode::NotFound, format!("there is no lead `{id}`")))
}

/// What became of a lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OutcomeRequest {
    /// `accepted`, `working`, `won`, `lost` or `rejected`.
    pub outcome: Outcome,
    /// Why, in your words; at most 500 characters are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Says how far people have come with a lead, or what became of it: destinations are told, and after `won`, `lost` or `rejected` nothing
/// more is heard of it. The first who says what became of it is heard; saying something again changes nothing.
#[utoipa::path(
    operation_id = "tell_outcome",
    tag = "leads",
    params(("id" = String, Path, description = "the lead's id")),
    request_body = OutcomeRequest,
    responses((status = 200, description = "the lead as it stands", body = LeadItem), (status = 404, body = ErrorBody<'static>)),
)]
#[post("/leads/{id}/outcome")]
pub async fn outcome(
    state: Data<AppState>,
    id: Path<String>,
    request: Json<OutcomeRequest>,
) -> Result<Json<LeadItem>, ApiError> {
    let OutcomeRequest { outcome, reason } = request.into_inner();
    let row = state.backend()?.engine.became(&id, outcome.made(reason.as_deref())).await?;
    row.map(|row| Json(item(row))).ok_or_else(|| ApiError::new(ErrorCode::NotFound, format!("there is no lead `{id}`")))
}

fn parse_subject(text: &str) -> Result<RecordKey, ApiError> {
    text.parse().map_err(|error: crate::ids::BadRecordKey| ApiError::new(ErrorCode::InvalidRequest, error.to_string()))
}

pub(super) fn parse_moment(text: &str) -> Result<Millis, ApiError> {
    text.parse().ok().map(Millis).or_else(|| Millis::parse(text)).ok_or_else(|| {
        ApiError::new(ErrorCode::InvalidRequest, format!("`before={text}` is neither Unix milliseconds nor RFC 3339"))
    })
}

pub(super) fn item(row: LeadRow) -> LeadItem {
    // Fails open: a lead that can't be read as JSON is still listed, as text.
    let lead = serde_json::from_str(&row.json).unwrap_or(Value::String(row.json));
    LeadItem {
        id: row.id,
        subject: row.subject.to_string(),
        definition: row.definition,
        updated: row.updated.rfc3339(),
        lead,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, updated: i64) -> LeadRow {
        let subject = RecordKey::account("a");
        LeadRow { id: id.into(), subject, definition: "d".into(), updated: Millis(updated), json: "{}".into() }
    }

    #[test]
    fn the_greatest_rank_comes_first_and_what_is_over_is_left_out() {
        let lead = |id: &str, json: &str| item(LeadRow { json: json.into(), ..row(id, 1) });
        let leads = [
            lead("none", r#"{"timestamps":{}}"#),
            lead("two", r#"{"rank":2,"timestamps":{}}"#),
            lead("won", r#"{"rank":9,"outcome":"won","timestamps":{}}"#),
            lead("lapsed", r#"{"rank":9,"timestamps":{"lapsed":"2026-11-21T09:30:00Z"}}"#),
            lead("ten", r#"{"rank":10.5,"timestamps":{}}"#),
        ];
        let ids = |limit| {
            ranked(leads.clone().into_iter().filter(is_open), limit).into_iter().map(|item| item.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(9), ["ten", "two", "none"]);
        assert_eq!(ids(1), ["ten"]);
    }

    #[test]
    fn moments_are_milliseconds_or_rfc3339() {
        assert_eq!(parse_moment("1500").unwrap(), Millis(1500));
        assert_eq!(parse_moment("1970-01-01T00:00:01.5Z").unwrap(), Millis(1500));
        assert!(parse_moment("yesterday").unwrap_err().to_string().contains("`before=yesterday`"));
    }
}
