//! Which ids are one user, who said so, and taking an id out again.

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{delete, get};
use serde::{Deserialize, Serialize};

use super::reading::{ReadParams, settled};
use crate::event::Trust;
use crate::http::AppState;
use crate::http::errors::{ApiError, ErrorBody, ErrorCode};
use crate::ids::{RecordKey, RecordKind};
use crate::record::{Record, Subject, Tie};

/// The ids that were merged into a user, and those that public sources tried to merge the user into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MergeList {
    /// The id that was asked for.
    pub id: String,
    /// Whether it was ever sent as a `userId`, or unlinked: then only a source whose `trust` is `server` may merge it into another.
    pub known: bool,
    /// The user that it was merged into, with what it had until then.
    pub merged_into: Option<MergeItem>,
    /// Ids that were merged into it, the latest first.
    pub merged: Vec<MergeItem>,
    /// Users that public sources tried to merge it into although it is known, the last ones, the latest first.
    pub refused: Vec<MergeItem>,
}

/// That two ids are one user, and who said so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MergeItem {
    /// The other id.
    pub id: String,
    /// When the call that said so arrived, RFC 3339.
    pub at: String,
    /// How far its source was believed.
    pub trust: Trust,
    /// Its source.
    pub source: String,
}

/// An id that is its own again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Unlinked {
    /// The id.
    pub id: String,
    /// The user whom it was merged into. What was counted until then stays with them.
    pub from: String,
}

/// Shows which ids are one user, and who said so.
#[utoipa::path(
    operation_id = "show_merges",
    tag = "subjects",
    params(("id" = String, Path, description = "any id of a user"), ReadParams),
    responses((status = 200, body = MergeList), (status = 404, body = ErrorBody<'static>)),
)]
#[get("/merges/{id:.+}")]
pub async fn show(
    state: Data<AppState>,
    id: Path<String>,
    params: Query<ReadParams>,
) -> Result<Json<MergeList>, ApiError> {
    let store = &settled(&state, params.consistency).await?.store;
    let key = RecordKey::user(&id);
    let text = store.load(std::slice::from_ref(&key)).await?.into_iter().next().flatten();
    match text.map(|text| Record::read(RecordKind::User, &text).0) {
        Some(Record::Subject(user)) => Ok(Json(merges(&id, &user))),
        _ => Err(ApiError::new(ErrorCode::NotFound, format!("nothing is known of user `{id}`"))),
    }
}

fn merges(id: &str, user: &Subject) -> MergeList {
    let ties = &user.ties;
    let latest_first = |mut items: Vec<MergeItem>| {
        items.sort_by(|one, other| other.at.cmp(&one.at));
        items
    };
    MergeList {
        id: id.to_owned(),
        known: ties.known,
        merged_into: ties.merged_into.as_ref().map(|merged| item(&merged.user, &merged.tie)),
        merged: latest_first(ties.aliases.iter().map(|(id, tie)| item(id, tie)).collect()),
        refused: latest_first(ties.refused.iter().map(|(id, tie)| item(id, tie)).collect()),
    }
}

fn item(id: &str, tie: &Tie) -> MergeItem {
    MergeItem { id: id.to_owned(), at: tie.at.rfc3339(), trust: tie.trust, source: tie.source.to_string() }
}

/// Makes an id that was merged into a user its own again. What was counted until then stays with the user; from now on the id's
/// events are its own, and only a source whose `trust` is `server` may merge it again.
#[utoipa::path(
    operation_id = "unlink_id",
    tag = "subjects",
    params(("id" = String, Path, description = "the id that was merged into a user")),
    responses((status = 200, body = Unlinked), (status = 404, body = ErrorBody<'static>)),
)]
#[delete("/merges/{id:.+}")]
pub async fn unlink(state: Data<AppState>, id: Path<String>) -> Result<Json<Unlinked>, ApiError> {
    let Some(from) = state.backend()?.engine.unlink(&id).await? else {
        let message =
            format!("`{id}` was not merged into a user; `handraiser merges {id}` shows what was merged into it");
        return Err(ApiError::new(ErrorCode::NotFound, message));
    };
    tracing::info!("an id was unlinked from its user on request");
    Ok(Json(Unlinked { id: id.into_inner(), from }))
}
