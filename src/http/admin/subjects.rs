//! Subjects: the stored record, and forgetting one.

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{delete, get};
use serde::{Deserialize, Serialize};

use super::reading::{ReadParams, settled};
use crate::engine::Forgotten;
use crate::http::AppState;
use crate::http::errors::{ApiError, ErrorBody, ErrorCode};
use crate::ids::{RecordKey, SubjectKind};
use crate::lead::SubjectExplanation;
use crate::record::Record;

/// The state of one subject as it is stored, for a person to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SubjectRecord {
    /// `user:<id>` or `account:<id>`.
    pub subject: String,
    /// The shard it lives in.
    pub shard: u16,
    /// Line by line, as stored; a name may come several times.
    pub lines: Vec<RecordLine>,
}

/// A line of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RecordLine {
    /// What it is about: `seen`, `t:<trait>`, `c:<counter>`, …
    pub name: String,
    /// What is known; tabs and line breaks are written as `\\t` and `\\n`.
    pub value: String,
}

/// What was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ForgetAnswer {
    /// `user:<id>` or `account:<id>`.
    pub subject: String,
    /// The ids whose records were deleted: the subject's own, and those that were merged into it.
    pub ids: Vec<String>,
    /// How many leads they had.
    pub leads: usize,
}

/// Shows the stored state of a subject.
#[utoipa::path(
    operation_id = "show_subject",
    tag = "subjects",
    params(
        ("kind" = String, Path, description = "`user` or `account`"),
        ("id" = String, Path, description = "the subject's id"),
        ReadParams,
    ),
    responses((status = 200, body = SubjectRecord), (status = 404, body = ErrorBody<'static>)),
)]
#[get("/subjects/{kind}/{id:.+}")]
pub async fn show(
    state: Data<AppState>,
    path: Path<(SubjectKind, String)>,
    params: Query<ReadParams>,
) -> Result<Json<SubjectRecord>, ApiError> {
    let key = key_of(&path);
    let store = &settled(&state, params.consistency).await?.store;
    let text = store.load(std::slice::from_ref(&key)).await?.into_iter().next().flatten();
    let text = text.filter(|text| is_known(&key, text)).ok_or_else(|| nobody(&key))?;
    let line = |line: &str| {
        let (name, value) = line.split_once('\t').unwrap_or((line, ""));
        RecordLine { name: name.to_owned(), value: value.to_owned() }
    };
    let lines = text.lines().map(line).collect();
    Ok(Json(SubjectRecord { subject: key.to_string(), shard: store.shards().of(&key).0, lines }))
}

/// Shows where a subject stands on every definition of its kind: each condition with what is observed now.
#[utoipa::path(
    operation_id = "explain_subject",
    tag = "subjects",
    params(
        ("kind" = String, Path, description = "`user` or `account`"),
        ("id" = String, Path, description = "the subject's id"),
        ReadParams,
    ),
    responses((status = 200, body = SubjectExplanation), (status = 404, body = ErrorBody<'static>)),
)]
#[get("/explain/{kind}/{id:.+}")]
pub async fn explain(
    state: Data<AppState>,
    path: Path<(SubjectKind, String)>,
    params: Query<ReadParams>,
) -> Result<Json<SubjectExplanation>, ApiError> {
    let key = key_of(&path);
    settled(&state, params.consistency).await?.engine.explain(&key).await?.map(Json).ok_or_else(|| nobody(&key))
}

/// Whether anything is left of a subject beyond the mark that it was forgotten.
fn is_known(key: &RecordKey, text: &str) -> bool {
    match Record::read(key.kind, text).0 {
        Record::Subject(subject) => subject.has_history() || subject.forgotten.is_none(),
        _ => false,
    }
}

fn key_of((kind, id): &(SubjectKind, String)) -> RecordKey {
    RecordKey::new((*kind).into(), id)
}

fn nobody(key: &RecordKey) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("nothing is known of {} `{}`", key.kind.as_str(), key.id))
}

/// Deletes a subject: state, leads and deliveries. A user goes with every id that was merged into them.
#[utoipa::path(
    operation_id = "forget_subject",
    tag = "subjects",
    params(
        ("kind" = String, Path, description = "`user` or `account`"),
        ("id" = String, Path, description = "the subject's id"),
    ),
    responses((status = 200, body = ForgetAnswer), (status = 404, body = ErrorBody<'static>)),
)]
#[delete("/subjects/{kind}/{id:.+}")]
pub async fn forget(state: Data<AppState>, path: Path<(SubjectKind, String)>) -> Result<Json<ForgetAnswer>, ApiError> {
    let key = key_of(&path);
    let Some(Forgotten { ids, leads }) = state.backend()?.engine.forget(&key).await? else { return Err(nobody(&key)) };
    tracing::info!(kind = key.kind.as_str(), ids = ids.len(), leads, "a subject was forgotten on request");
    Ok(Json(ForgetAnswer { subject: key.to_string(), ids, leads }))
}
