//! Whose the leads of an account are, and giving an account or a lead to somebody by hand.

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{get, post};
use serde::{Deserialize, Serialize};

use super::leads::{LeadItem, item};
use super::reading::{ReadParams, settled};
use crate::apply::message::Made;
use crate::http::AppState;
use crate::http::errors::{ApiError, ErrorBody, ErrorCode};
use crate::ids::{RecordKey, RecordKind};
use crate::record::{Ownership, Record};
use crate::routing::is_known;
use crate::store::Store;

/// Whose the leads of an account are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OwnerAnswer {
    /// The account.
    pub account: String,
    /// The rep's e-mail address; `null` when nobody owns its leads.
    pub owner: Option<String>,
    /// When they were given its last lead, or the account, RFC 3339; `null` when nobody owns them.
    pub since: Option<String>,
    /// Whether they were given the account by hand.
    pub pinned: bool,
    /// How many of its leads wait until it is decided whose they are.
    pub asking: usize,
}

/// Whom an account or a lead is given to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnerRequest {
    /// The rep's e-mail address; `null`: of an account whoever the routes say, of a lead whoever else of its team is next.
    pub owner: Option<String>,
}

/// Shows whose the leads of an account are, where a route leads to `account_owner`.
#[utoipa::path(
    operation_id = "show_owner",
    tag = "subjects",
    params(("id" = String, Path, description = "the account's id"), ReadParams),
    responses((status = 200, body = OwnerAnswer)),
)]
#[get("/accounts/{id}/owner")]
pub async fn show(
    state: Data<AppState>,
    id: Path<String>,
    params: Query<ReadParams>,
) -> Result<Json<OwnerAnswer>, ApiError> {
    owner_of(&*settled(&state, params.consistency).await?.store, id.into_inner()).await
}

async fn owner_of(store: &dyn Store, account: String) -> Result<Json<OwnerAnswer>, ApiError> {
    let text = store.load(&[RecordKey::account(&account)]).await?.into_iter().next().flatten();
    let ownership = match text.map(|text| Record::read(RecordKind::Account, &text).0) {
        Some(Record::Subject(subject)) => subject.ownership.map(|ownership| *ownership).unwrap_or_default(),
        _ => Ownership::default(),
    };
    let asking = ownership.asking.len();
    let owner = ownership.owner;
    Ok(Json(OwnerAnswer {
        account,
        since: owner.as_ref().map(|owner| owner.at.rfc3339()),
        pinned: owner.as_ref().is_some_and(|owner| owner.pinned),
        owner: owner.map(|owner| owner.rep.to_string()),
        asking,
    }))
}

/// Gives an account to a rep: its next leads are theirs where a route leads to `account_owner`, until they leave or it is given to somebody
/// else. Leads that are somebody's already stay theirs.
#[utoipa::path(
    operation_id = "give_account",
    tag = "subjects",
    params(("id" = String, Path, description = "the account's id")),
    request_body = OwnerRequest,
    responses((status = 200, body = OwnerAnswer), (status = 400, body = ErrorBody<'static>)),
)]
#[post("/accounts/{id}/owner")]
pub async fn give(
    state: Data<AppState>,
    id: Path<String>,
    request: Json<OwnerRequest>,
) -> Result<Json<OwnerAnswer>, ApiError> {
    let owner = request.into_inner().owner.map(|owner| rep(&state, &owner)).transpose()?;
    state.backend()?.engine.give_account(&id, owner.as_deref()).await?;
    tracing::info!(cleared = owner.is_none(), "an account was given to a rep on request");
    owner_of(&*state.backend()?.store, id.into_inner()).await
}

/// Gives a lead to a rep: destinations are told (`lead.assigned`), whoever had it before. A lead that waits for its team waits no longer.
/// With `null` it is taken from its owner, and whoever else of the same team has the next turn gets it; where nobody is there it stays.
#[utoipa::path(
    operation_id = "assign_lead",
    tag = "leads",
    params(("id" = String, Path, description = "the lead's id")),
    request_body = OwnerRequest,
    responses(
        (status = 200, description = "the lead as it stands", body = LeadItem),
        (status = 400, body = ErrorBody<'static>),
        (status = 404, body = ErrorBody<'static>),
    ),
)]
#[post("/leads/{id}/owner")]
pub async fn assign(
    state: Data<AppState>,
    id: Path<String>,
    request: Json<OwnerRequest>,
) -> Result<Json<LeadItem>, ApiError> {
    let made = match request.into_inner().owner {
        Some(owner) => Made::given(&rep(&state, &owner)?),
        None => Made::Taken,
    };
    let row = state.backend()?.engine.became(&id, made).await?;
    row.map(|row| Json(item(row))).ok_or_else(|| ApiError::new(ErrorCode::NotFound, format!("there is no lead `{id}`")))
}

/// The address of a rep who is known and has not left.
pub(super) fn rep(state: &AppState, address: &str) -> Result<String, ApiError> {
    let (config, address) = (state.config.load(), address.trim());
    let by = config.rules.routes();
    let left = by.reps.get(address).and_then(|one| one.left).is_some_and(|left| left <= state.clock.now());
    if left || !is_known(by, address) {
        let message = format!(
            "`{address}` is no rep, or has left; write the address of one whom `teams`, `reps`, a route or a territory names"
        );
        return Err(ApiError::new(ErrorCode::InvalidRequest, message));
    }
    Ok(address.to_owned())
}
