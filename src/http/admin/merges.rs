//! Which ids are one user, who said so, and taking an id out again.

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{delete, get};
use serde::{Deserialize, Serialize};

use super::reading::{Consistency, Limit, ReadParams, settled};
use crate::event::Trust;
use crate::http::AppState;
use crate::http::errors::{ApiError, ErrorBody, ErrorCode};
use crate::ids::{RecordKey, RecordKind};
use crate::record::merge_log::OPERATOR;
use crate::record::{MergeNote, MergeOutcome, Record, Subject, Tie};

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

/// What sources said lately about known ids being others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MergeLogList {
    /// The latest first.
    pub merges: Vec<MergeLogItem>,
}

/// That a source said that a known id is another user, or that a tie was undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MergeLogItem {
    /// When, RFC 3339.
    pub at: String,
    /// What came of it.
    pub outcome: MergeOutcome,
    /// The id.
    pub id: String,
    /// The user whose it became, or would have become, or is no longer.
    pub user: String,
    /// The source; `(operator)` for whoever unlinked it by hand.
    pub source: String,
    /// How far the source was believed; of what was undone, the source that had tied it.
    pub trust: Trust,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct MergeLogParams {
    /// At most so many: 1 to 1000, by default 50.
    #[param(value_type = Option<usize>)]
    limit: Option<Limit>,
    /// Only what this source said.
    source: Option<String>,
    /// `strong` (default): wait until all that was acknowledged before is applied. `eventual`: don't.
    #[param(value_type = Option<Consistency>, inline)]
    consistency: Option<Consistency>,
}

/// Lists what sources said lately about known ids being others: merged by a server, refused to a public source, undone by an event or an
/// operator. Of each source the last hundred that were refused are kept, and the last hundred others. An anonymous id that became a user's
/// is no news, and is shown with the user.
#[utoipa::path(operation_id = "list_merges", tag = "subjects", params(MergeLogParams), responses((status = 200, body = MergeLogList)))]
#[get("/merges")]
pub async fn list(state: Data<AppState>, params: Query<MergeLogParams>) -> Result<Json<MergeLogList>, ApiError> {
    let store = &settled(&state, params.consistency).await?.store;
    let names: Vec<String> = match &params.source {
        Some(source) => vec![source.clone()],
        None => {
            let config = state.config.load();
            config.sources.iter().map(|source| source.name.to_string()).chain([OPERATOR.to_owned()]).collect()
        }
    };
    let keys: Vec<_> = names.iter().map(|name| RecordKey::source(name)).collect();
    let mut merges = Vec::new();
    for (source, text) in names.into_iter().zip(store.load(&keys).await?) {
        if let Some(Record::Source(said)) = text.map(|text| Record::read(RecordKind::Source, &text).0) {
            merges.extend(said.merges.0.into_iter().map(|note| (note, source.clone())));
        }
    }
    merges.sort_by_key(|(note, _)| std::cmp::Reverse(note.at));
    let item = |(note, source): (MergeNote, String)| MergeLogItem {
        at: note.at.rfc3339(),
        outcome: note.outcome,
        id: note.id.to_string(),
        user: note.user.to_string(),
        source,
        trust: note.trust,
    };
    Ok(Json(MergeLogList { merges: merges.into_iter().take(Limit::of(params.limit)).map(item).collect() }))
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
