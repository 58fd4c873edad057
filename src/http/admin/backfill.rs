//! How far the past was looked at for what is new in the configuration: figures that are filled from the archive, and users and
//! accounts that do nothing.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::web::{Data, Json};
use actix_web::{get, post};
use serde::{Deserialize, Serialize};

use crate::engine::ShardWalk;
use crate::http::AppState;
use crate::http::errors::{ApiError, ErrorBody, ErrorCode};
use crate::http::state::Backend;
use crate::record::{Walk, Walked};

/// How far each shard is, whichever server works it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BackfillAnswer {
    /// Whether everybody was looked at, and nothing is being filled.
    pub done: bool,
    /// By number.
    pub shards: Vec<BackfillItem>,
}

/// How far a shard is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BackfillItem {
    /// Its number.
    pub shard: u16,
    /// Counters that are being filled from the archive, with how many commits they lack. Users and accounts are looked at afterwards.
    pub lacking: BTreeMap<String, u64>,
    /// Definitions that are new, or say something else than before, and for which not everybody was looked at; `(outcomes)`: what ends
    /// leads.
    pub open: BTreeSet<String>,
    /// How many users and accounts were looked at for them so far.
    pub seen: u64,
    /// When that began, RFC 3339; `null` when it has not, or is done.
    pub began_at: Option<String>,
    /// When everybody was looked at last, RFC 3339.
    pub done_at: Option<String>,
    /// How many users and accounts there were.
    pub total: Option<u64>,
}

/// Who is to be looked at again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackfillRequest {
    /// For which definitions; all of them where none are named.
    #[serde(default)]
    pub definitions: BTreeSet<String>,
}

/// Shows how far users and accounts that do nothing were looked at for what is new in the configuration, shard by shard.
#[utoipa::path(operation_id = "show_backfill", tag = "system", responses((status = 200, body = BackfillAnswer)))]
#[get("/backfill")]
pub async fn show(state: Data<AppState>) -> Result<Json<BackfillAnswer>, ApiError> {
    answer(state.backend()?).await
}

/// Has every user and account looked at again, at low priority. Nobody becomes a lead who was noted quietly, or is one already.
#[utoipa::path(
    operation_id = "begin_backfill",
    tag = "system",
    request_body = BackfillRequest,
    responses((status = 200, body = BackfillAnswer), (status = 404, body = ErrorBody<'static>)),
)]
#[post("/backfill")]
pub async fn begin(state: Data<AppState>, request: Json<BackfillRequest>) -> Result<Json<BackfillAnswer>, ApiError> {
    let backend = state.backend()?;
    let config = state.config.load();
    let is_known = |name: &&String| config.rules.definitions.iter().any(|one| *one.name == ***name);
    if let Some(unknown) = request.definitions.iter().find(|name| !is_known(name)) {
        return Err(ApiError::new(ErrorCode::NotFound, format!("there is no definition `{unknown}`")));
    }
    backend.engine.walk_again(&request.definitions.iter().map(|name| name.as_str().into()).collect()).await?;
    answer(backend).await
}

async fn answer(backend: &Backend) -> Result<Json<BackfillAnswer>, ApiError> {
    let shards: Vec<BackfillItem> = backend.engine.walks().await?.into_iter().map(item).collect();
    let done = shards.iter().all(|shard| shard.open.is_empty() && shard.lacking.is_empty());
    Ok(Json(BackfillAnswer { done, shards }))
}

fn item(of: ShardWalk) -> BackfillItem {
    let ShardWalk { shard, walk: Walk { now, last, .. }, open, lacking } = of;
    let now = now.filter(|_| !open.is_empty());
    let name = |name: &str| if name.is_empty() { "(outcomes)".to_owned() } else { name.to_owned() };
    BackfillItem {
        shard: shard.0,
        lacking: lacking.into_iter().map(|(series, commits)| (series.into(), commits)).collect(),
        open: open.iter().map(|open| name(open)).collect(),
        seen: now.as_ref().map_or(0, |walking| walking.seen),
        began_at: now.map(|walking| walking.began.rfc3339()),
        done_at: last.map(|Walked { at, .. }| at.rfc3339()),
        total: last.map(|Walked { seen, .. }| seen),
    }
}
