//! The server itself: its configuration, its deliveries at a glance, and how far the logs are applied.

use std::collections::BTreeMap;

use actix_web::get;
use actix_web::web::{Data, Json, Query};
use serde::{Deserialize, Serialize};

use super::reading::{ReadParams, settled};
use crate::config::Config;
use crate::engine::{ArchivingStatus, EngineStatus};
use crate::http::AppState;
use crate::http::errors::ApiError;
use crate::http::queues::{self, HeldItem, QueueItem, ShadowItem, WaitingItem};
use crate::http::status::RefusedReload;
use crate::routing::Present;

/// Every destination that something is on its way to, or was given up for, or that is paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct QueueList {
    /// By the destination's name.
    pub queues: Vec<QueueItem>,
    /// Leads that are held, by the source that made too many.
    pub held: Vec<HeldItem>,
    /// Leads that wait for somebody to be there, by team.
    #[serde(default)]
    pub waiting: Vec<WaitingItem>,
    /// Definitions whose leads nobody is told of (`mode: shadow`), with how many there are.
    #[serde(default)]
    pub shadows: Vec<ShadowItem>,
}

/// The configuration in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConfigAnswer {
    /// The beginning of a hash over all files.
    pub version: String,
    /// The file that it was loaded from; `null` when it came from no file.
    pub path: Option<String>,
    /// RFC 3339.
    pub loaded_at: String,
    /// Why the last reload was refused; `null` when it was not.
    pub last_reload_error: Option<RefusedReload>,
    /// What is legal in it, but surely not what was meant.
    pub warnings: Vec<String>,
    /// When the process started, RFC 3339.
    pub started_at: String,
    /// The program's version.
    pub program: String,
    /// How much it declares.
    pub counts: ConfigCounts,
}

/// How many of each the configuration declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConfigCounts {
    /// Sources of events.
    pub sources: usize,
    /// Counters of users and of accounts.
    pub counters: usize,
    /// Definitions of leads.
    pub definitions: usize,
    /// Teams of reps.
    pub teams: usize,
    /// Routes to teams, reps and self-serve.
    pub routes: usize,
    /// Destinations of leads.
    pub destinations: usize,
}

/// How far the logs are applied, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EngineAnswer {
    /// The server that answers.
    pub server: String,
    /// How many shards the store has.
    pub shards: u16,
    /// Those whose logs this server applies.
    pub owned: Vec<u16>,
    /// Entries that wait to be applied, over all shards.
    pub lag_entries: u64,
    /// For how long the oldest of them has waited, in the shards of this server, in milliseconds.
    pub lag_ms: i64,
    /// Every server that lives.
    pub servers: Vec<ServerItem>,
    /// Messages that this server skipped since it started, because applying them failed; they are among the rejected events.
    pub poisoned: u64,
    /// Bytes of records that this server keeps in memory.
    pub memory_bytes: usize,
    /// How its archive is doing; `null` without `history`.
    pub archive: Option<ArchiveItem>,
    /// Its shards in which users and accounts are being looked at for what is new in the configuration; `null` when there are none.
    #[serde(default)]
    pub backfill: Option<WalkItem>,
}

/// Users and accounts that are being looked at for what is new in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WalkItem {
    /// In how many shards not everybody was.
    pub shards: usize,
    /// How many were, in those.
    pub seen: u64,
    /// Whether it waits until counters are filled from the archive.
    pub waits: bool,
}

/// How a server's archive is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ArchiveItem {
    /// Bytes that wait in the store until they become a segment.
    pub waiting_bytes: usize,
    /// Segments that were written since the server started.
    pub segments: u64,
    /// Why it can't be written now; `null` when it can.
    pub error: Option<String>,
    /// Whether nothing is applied until it can, since as much waits as may.
    pub blocked: bool,
    /// Counters that are being filled from the archive, with how many commits they lack, over all shards. Nobody is decided about
    /// meanwhile by definitions that read them.
    pub lacking: BTreeMap<String, u64>,
}

impl From<ArchivingStatus> for ArchiveItem {
    fn from(status: ArchivingStatus) -> Self {
        let ArchivingStatus { waiting_bytes, segments, error, blocked, lacking } = status;
        let lacking = lacking.into_iter().map(|(key, commits)| (key.into(), commits)).collect();
        Self { waiting_bytes, segments, error: error.map(|error| error.to_string()), blocked, lacking }
    }
}

/// A server that lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ServerItem {
    /// Its name: unique for each process.
    pub name: String,
    /// What its settings come to. They should be the same everywhere.
    pub settings: String,
}

/// Shows what is on its way to each destination.
#[utoipa::path(tag = "system", params(ReadParams), responses((status = 200, body = QueueList)))]
#[get("/queues")]
pub async fn list_queues(state: Data<AppState>, params: Query<ReadParams>) -> Result<Json<QueueList>, ApiError> {
    let backend = settled(&state, params.consistency).await?;
    let queues = queues::of_store(&*backend.store, state.clock.now()).await?;
    let (store, rules) = (&*backend.store, &state.config.load().rules);
    let shadows = queues::shadows(store, rules).await?;
    let roster = backend.engine.roster().await?;
    let present = Present { now: state.clock.now(), roster: &roster };
    let waiting = queues::waiting(store, rules, present).await?;
    Ok(Json(QueueList { queues, held: queues::held(store).await?, waiting, shadows }))
}

/// Shows which configuration is in force, and whether the last reload failed.
#[utoipa::path(tag = "system", responses((status = 200, body = ConfigAnswer)))]
#[get("/config")]
pub async fn show_config(state: Data<AppState>) -> Json<ConfigAnswer> {
    let config = state.config.load();
    Json(ConfigAnswer {
        version: config.version.to_string(),
        path: state.status.config_path().map(|path| path.display().to_string()),
        loaded_at: state.status.loaded().rfc3339(),
        last_reload_error: state.status.reload_failure(),
        warnings: state.status.warnings().iter().map(|finding| finding.render(false)).collect(),
        started_at: state.status.started().rfc3339(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        counts: counts(&config),
    })
}

fn counts(config: &Config) -> ConfigCounts {
    ConfigCounts {
        sources: config.sources.len(),
        counters: config.rules.plan.counters.len(),
        definitions: config.rules.definitions.len(),
        teams: config.rules.teams.len(),
        routes: config.rules.routes.len(),
        destinations: config.destinations.len(),
    }
}

/// Shows how far the logs are applied, and by which servers.
#[utoipa::path(tag = "system", responses((status = 200, body = EngineAnswer)))]
#[get("/engine")]
pub async fn show_engine(state: Data<AppState>) -> Result<Json<EngineAnswer>, ApiError> {
    let backend = state.backend()?;
    let EngineStatus { owned, lag_entries, lag_ms, servers, poisoned, memory_bytes, archiving, walking } =
        backend.engine.status();
    let servers = servers.into_iter().map(|info| ServerItem { name: info.name, settings: info.settings });
    Ok(Json(EngineAnswer {
        server: state.status.server().to_owned(),
        shards: backend.store.shards().count(),
        owned: owned.into_iter().map(|shard| shard.0).collect(),
        lag_entries,
        lag_ms,
        servers: servers.collect(),
        poisoned,
        memory_bytes,
        archive: archiving.map(ArchiveItem::from),
        backfill: (walking.open > 0).then_some(WalkItem {
            shards: walking.open,
            seen: walking.seen,
            waits: walking.waits,
        }),
    }))
}
