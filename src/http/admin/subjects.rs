//! Subjects: the stored record, and forgetting one.

use std::collections::BTreeMap;

use actix_web::web::{Data, Json, Path};
use actix_web::{delete, get};
use serde::{Deserialize, Serialize};

use super::{AdminState, ApiError, ErrorBody, ErrorCode};
use crate::identity::{RecordKey, SubjectKind};
use crate::lead::SubjectExplanation;
use crate::store::Forgotten;

/// The state of one subject as it is stored, for a person to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SubjectRecord {
    /// `user:<id>` or `account:<id>`.
    pub subject: String,
    /// The partition it lives in.
    pub partition: u16,
    /// Grows by one with each change.
    pub version: u64,
    /// Names and values as stored.
    #[schema(value_type = Object)]
    pub fields: BTreeMap<String, String>,
}

/// What was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ForgetAnswer {
    /// `user:<id>` or `account:<id>`.
    pub subject: String,
    /// Records: the subject's own, and those of ids that were merged into it.
    pub records: u64,
    /// Leads of the subject and of those ids.
    pub leads: u64,
    /// Queue entries, deliveries among them.
    pub entries: u64,
}

/// Shows the stored state of a subject.
#[utoipa::path(
    operation_id = "show_subject",
    tag = "subjects",
    params(
        ("kind" = String, Path, description = "`user` or `account`"),
        ("id" = String, Path, description = "the subject's id"),
    ),
    responses((status = 200, body = SubjectRecord), (status = 404, body = ErrorBody<'static>)),
)]
#[get("/subjects/{kind}/{id:.+}")]
pub async fn show(state: Data<AdminState>, path: Path<(SubjectKind, String)>) -> Result<Json<SubjectRecord>, ApiError> {
    let key = key_of(&path);
    let partition = state.store.partitions().of(&key);
    let record = state.store.load(partition, std::slice::from_ref(&key)).await?.into_iter().next().flatten();
    let record = record.ok_or_else(|| nobody(&key))?;
    let fields = record.fields.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    Ok(Json(SubjectRecord { subject: key.to_string(), partition: partition.0, version: record.version, fields }))
}

/// Shows where a subject stands on every definition of its kind: each condition with what is observed now.
#[utoipa::path(
    operation_id = "explain_subject",
    tag = "subjects",
    params(
        ("kind" = String, Path, description = "`user` or `account`"),
        ("id" = String, Path, description = "the subject's id"),
    ),
    responses((status = 200, body = SubjectExplanation), (status = 404, body = ErrorBody<'static>)),
)]
#[get("/explain/{kind}/{id:.+}")]
pub async fn explain(
    state: Data<AdminState>,
    path: Path<(SubjectKind, String)>,
) -> Result<Json<SubjectExplanation>, ApiError> {
    let key = key_of(&path);
    state.engine.explain(&key).await?.map(Json).ok_or_else(|| nobody(&key))
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
pub async fn forget(
    state: Data<AdminState>,
    path: Path<(SubjectKind, String)>,
) -> Result<Json<ForgetAnswer>, ApiError> {
    let key = key_of(&path);
    let gone = state.engine.forget(&key).await?;
    if gone == Forgotten::default() {
        return Err(nobody(&key));
    }
    let Forgotten { records, leads, entries } = gone;
    tracing::info!(kind = key.kind.as_str(), records, leads, entries, "a subject was forgotten on request");
    Ok(Json(ForgetAnswer { subject: key.to_string(), records, leads, entries }))
}
