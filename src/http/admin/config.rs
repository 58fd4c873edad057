//! The versions of the configuration, what a change would lose, and reloading.

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{get, post};
use serde::{Deserialize, Serialize};

use super::reading::{ReadParams, settled};
use crate::config::losses::{Loss, losses};
use crate::config::watch::Outcome;
use crate::http::errors::{ApiError, ErrorBody, ErrorCode};
use crate::http::{AppState, versions};
use crate::record::{ConfigVersion, Meaning, WrittenFile};

/// The configurations that have taken force in this store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VersionList {
    /// The latest first.
    pub versions: Vec<VersionItem>,
    /// The version (its hash) that has force on the server that answers.
    pub in_force: String,
}

/// A configuration that took force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VersionItem {
    /// Its number, from 1.
    pub number: u64,
    /// The beginning of a hash over its files: what leads name as `config_version`.
    pub hash: String,
    /// When it took force, RFC 3339.
    pub at: String,
    /// The server on which it did first.
    pub server: String,
    /// The files that it was read from.
    pub files: Vec<String>,
}

/// A configuration that took force, with what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VersionAnswer {
    /// Which it is.
    pub version: VersionItem,
    /// Its files, `•••` in place of each secret.
    pub files: Vec<WrittenFile>,
    /// What it says, to be compared with another.
    pub meaning: Meaning,
    /// The number of the version before it; `null` when there is none, or it is no longer kept.
    pub before: Option<u64>,
}

/// What a change of the configuration would lose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LossList {
    /// The version (its hash) that it was compared with: the one in force.
    pub in_force: String,
    /// Each thing that would be missed.
    pub losses: Vec<Loss>,
}

/// How to reload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReloadRequest {
    /// Take the files over whatever is lost.
    #[serde(default)]
    pub accept: bool,
}

/// What came of a reload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReloadAnswer {
    /// `in_force`, `unchanged`, `wrong` or `refused`.
    pub outcome: String,
    /// The version that has force now.
    pub version: String,
    /// Why the files have no force, if they don't.
    pub message: Option<String>,
}

/// Lists the configurations that have taken force in this store, the latest first; its servers share them.
#[utoipa::path(operation_id = "list_versions", tag = "system", params(ReadParams), responses((status = 200, body = VersionList)))]
#[get("/config/versions")]
pub async fn list(state: Data<AppState>, params: Query<ReadParams>) -> Result<Json<VersionList>, ApiError> {
    let versions = versions::versions(&*settled(&state, params.consistency).await?.store).await?;
    let in_force = state.config.load().version.to_string();
    Ok(Json(VersionList { versions: versions.versions.iter().rev().map(item).collect(), in_force }))
}

/// Shows one of them, by its number or its hash, or the `latest`.
#[utoipa::path(
    operation_id = "show_version",
    tag = "system",
    params(("version" = String, Path, description = "a number, a hash, or `latest`"), ReadParams),
    responses((status = 200, body = VersionAnswer), (status = 404, body = ErrorBody<'static>)),
)]
#[get("/config/versions/{version}")]
pub async fn show(
    state: Data<AppState>,
    which: Path<String>,
    params: Query<ReadParams>,
) -> Result<Json<VersionAnswer>, ApiError> {
    let versions = versions::versions(&*settled(&state, params.consistency).await?.store).await?;
    let Some(found) = versions.find(Some(&**which).filter(|which| *which != "latest")) else {
        let message = format!("no version `{which}` of the configuration is kept; `handraiser config list` lists them");
        return Err(ApiError::new(ErrorCode::NotFound, message));
    };
    let before = versions.before(found.number).map(|before| before.number);
    let written = found.written.clone();
    Ok(Json(VersionAnswer { version: item(found), files: written.files, meaning: written.meaning, before }))
}

fn item(version: &ConfigVersion) -> VersionItem {
    VersionItem {
        number: version.number,
        hash: version.hash.to_string(),
        at: version.at.rfc3339(),
        server: version.server.to_string(),
        files: version.written.files.iter().map(|file| file.path.clone()).collect(),
    }
}

/// Tells what would be lost if a configuration that says this took the place of the one in force.
#[utoipa::path(
    operation_id = "compare_config",
    tag = "system",
    request_body = Meaning,
    responses((status = 200, body = LossList)),
)]
#[post("/config/compare")]
pub async fn compare(state: Data<AppState>, new: Json<Meaning>) -> Result<Json<LossList>, ApiError> {
    let backend = settled(&state, None).await?;
    let config = state.config.load_full();
    let old = &config.written.meaning;
    let stock = versions::stock(&*backend.store, old.names("sources"), &state.sources).await?;
    let losses = losses(old, &new, &stock, state.clock.now());
    Ok(Json(LossList { in_force: config.version.to_string(), losses }))
}

/// Reads the files again, as a change of them does; with `accept`, whatever is lost. On this server alone: others of the same store
/// take over by themselves what has force on one of them, as soon as their files say it.
#[utoipa::path(
    operation_id = "reload_config",
    tag = "system",
    request_body = ReloadRequest,
    responses((status = 200, body = ReloadAnswer), (status = 404, body = ErrorBody<'static>)),
)]
#[post("/reload")]
pub async fn reload(state: Data<AppState>, request: Json<ReloadRequest>) -> Result<Json<ReloadAnswer>, ApiError> {
    let Some(outcome) = state.status.reload(request.accept).await else {
        return Err(ApiError::new(ErrorCode::NotFound, "this server follows no file"));
    };
    let outcome = match outcome {
        Outcome::Swapped => "in_force",
        Outcome::Started | Outcome::Unchanged => "unchanged",
        Outcome::Failed => "wrong",
        Outcome::Refused => "refused",
    };
    Ok(Json(ReloadAnswer {
        outcome: outcome.to_owned(),
        version: state.config.load().version.to_string(),
        message: state.status.reload_failure().map(|failure| failure.message),
    }))
}
