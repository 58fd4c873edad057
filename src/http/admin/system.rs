//! The server itself: its configuration and its queues.

use actix_web::get;
use actix_web::web::{Data, Json};
use serde::{Deserialize, Serialize};

use super::{AdminState, ApiError};
use crate::config::Config;
use crate::server::ReloadFailure;

/// Depth and age of one queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct QueueItem {
    /// `merge`, `route`, `deliver:<destination>`.
    pub queue: String,
    /// Waiting or under way.
    pub pending: u64,
    /// Given up; can be replayed.
    pub dead: u64,
    /// Age of the oldest pending entry in milliseconds.
    pub oldest_ms: i64,
}

/// Every queue that holds something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct QueueList {
    /// One for each queue that has pending or dead entries.
    pub queues: Vec<QueueItem>,
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
    pub last_reload_error: Option<ReloadFailure>,
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

/// Shows depth and age of every queue that holds something.
#[utoipa::path(tag = "system", responses((status = 200, body = QueueList)))]
#[get("/queues")]
pub async fn list_queues(state: Data<AdminState>) -> Result<Json<QueueList>, ApiError> {
    let stats = state.store.queue_stats(state.clock.now()).await?;
    let queues = stats.into_iter().map(|stats| QueueItem {
        queue: stats.queue.to_string(),
        pending: stats.pending,
        dead: stats.dead,
        oldest_ms: stats.oldest_ms,
    });
    Ok(Json(QueueList { queues: queues.collect() }))
}

/// Shows which configuration is in force, and whether the last reload failed.
#[utoipa::path(tag = "system", responses((status = 200, body = ConfigAnswer)))]
#[get("/config")]
pub async fn show_config(state: Data<AdminState>) -> Json<ConfigAnswer> {
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
        counters: config.counters.len(),
        definitions: config.definitions.len(),
        teams: config.teams.len(),
        routes: config.routes.len(),
        destinations: config.destinations.len(),
    }
}
