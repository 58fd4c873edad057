//! `/health`: the process is alive. `/ready`: it can do its work, which is what a load balancer wants to know.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use serde::{Deserialize, Serialize};

use super::{AppState, Backend, RefusedReload};

/// How long the store may take to answer before the server calls itself not ready.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process is alive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Liveness {
    /// Always `ok`.
    pub status: String,
    /// The program's version.
    pub version: String,
}

/// Whether the server can do its work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Readiness {
    /// `ready`, `starting`, `draining`, `behind` or `unavailable`.
    pub status: String,
    /// `ok`, or what is wrong with the store.
    pub store: String,
    /// Entries of the log that wait to be applied, over all shards; `null` while the store is being opened.
    pub lag_entries: Option<u64>,
    /// For how long the oldest of them has waited, in the shards of this server, in milliseconds.
    pub lag_ms: Option<i64>,
    /// Which configuration is in force.
    pub config_version: String,
    /// RFC 3339.
    pub config_loaded_at: String,
    /// Why the last reload was refused. The server is ready all the same: the configuration before it is in force.
    pub last_reload_error: Option<RefusedReload>,
}

/// Answers as long as the process is alive; asks nothing of the store.
#[utoipa::path(tag = "health", responses((status = 200, body = Liveness)))]
#[get("/health")]
pub async fn health() -> HttpResponse {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    HttpResponse::Ok().json(Liveness { status: "ok".to_owned(), version })
}

/// Answers 200 when events can be taken: the store answers, the logs are not too far behind, and the server is neither starting
/// nor stopping.
#[utoipa::path(
    tag = "health",
    responses((status = 200, body = Readiness), (status = 503, description = "not now", body = Readiness)),
)]
#[get("/ready")]
pub async fn ready(state: Data<AppState>) -> HttpResponse {
    let readiness = readiness(&state).await;
    let code = if readiness.status == "ready" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    HttpResponse::build(code).json(readiness)
}

async fn readiness(state: &AppState) -> Readiness {
    let backend = state.backend.get();
    let store = match backend {
        Some(backend) => state.pinged.ask(ask(backend.clone())).await,
        None => "not open yet".to_owned(),
    };
    let lag = backend.map(|backend| backend.engine.status());
    let status = match backend {
        _ if state.status.draining() => "draining",
        None => "starting",
        Some(_) if store != "ok" => "unavailable",
        Some(backend) if is_behind(state, backend) => "behind",
        Some(_) => "ready",
    };
    Readiness {
        status: status.to_owned(),
        store,
        lag_entries: lag.as_ref().map(|status| status.lag_entries),
        lag_ms: lag.as_ref().map(|status| status.lag_ms),
        config_version: state.config.load().version.to_string(),
        config_loaded_at: state.status.loaded().rfc3339(),
        // Open to everyone, so it says only that there is an error; the admin API shows the text, which quotes the file.
        last_reload_error: state.status.reload_failure().map(|failure| RefusedReload {
            at: failure.at,
            message: "the last reload was refused; see `handraiser status` or the log".to_owned(),
        }),
    }
}

async fn ask(backend: Backend) -> String {
    match tokio::time::timeout(PATIENCE, backend.store.ping()).await {
        Ok(Ok(())) => "ok".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("the store did not answer within {} s", PATIENCE.as_secs()),
    }
}

/// Whether so much waits that every shard's bound is reached on average. One shard alone that is at its bound refuses its own
/// events, and no load balancer could do anything about that.
fn is_behind(state: &AppState, backend: &Backend) -> bool {
    let bound = state.config.load().engine.max_backlog_entries;
    backend.engine.status().lag_entries > bound.saturating_mul(u64::from(backend.store.shards().count()))
}
