//! `/health`: the process is alive. `/ready`: it can do its work, which is what a load balancer wants to know.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use serde::{Deserialize, Serialize};

use super::admin::AdminState;
use crate::server::ReloadFailure;

/// How long the store may take to answer before the server calls itself not ready.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process is alive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Health {
    /// Always `ok`.
    pub status: String,
    /// The program's version.
    pub version: String,
}

/// Whether the server can do its work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Readiness {
    /// `ready`, `draining` or `unavailable`.
    pub status: String,
    /// `ok`, or what is wrong with the store.
    pub store: String,
    /// Which configuration is in force.
    pub config_version: String,
    /// RFC 3339.
    pub config_loaded_at: String,
    /// Why the last reload was refused. The server is ready all the same: the configuration before it is in force.
    pub last_reload_error: Option<ReloadFailure>,
}

/// Answers as long as the process is alive; asks nothing of the store.
#[utoipa::path(tag = "health", responses((status = 200, body = Health)))]
#[get("/health")]
pub async fn health() -> HttpResponse {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    HttpResponse::Ok().json(Health { status: "ok".to_owned(), version })
}

/// Answers 200 when events can be taken: the store answers, and the server is not stopping.
#[utoipa::path(
    tag = "health",
    responses((status = 200, body = Readiness), (status = 503, description = "not now", body = Readiness)),
)]
#[get("/ready")]
pub async fn ready(state: Data<AdminState>) -> HttpResponse {
    let readiness = readiness(&state).await;
    let code = if readiness.status == "ready" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    HttpResponse::build(code).json(readiness)
}

async fn readiness(state: &AdminState) -> Readiness {
    let store = match tokio::time::timeout(PATIENCE, state.store.ping()).await {
        Ok(Ok(())) => "ok".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("the store did not answer within {} s", PATIENCE.as_secs()),
    };
    let status = if state.status.draining() {
        "draining"
    } else if store == "ok" {
        "ready"
    } else {
        "unavailable"
    };
    Readiness {
        status: status.to_owned(),
        store,
        config_version: state.config.load().version.to_string(),
        config_loaded_at: state.status.loaded().rfc3339(),
        // Open to everyone, so it says only that there is an error; the admin API shows the text, which quotes the file.
        last_reload_error: state.status.reload_failure().map(|failure| ReloadFailure {
            at: failure.at,
            message: "the last reload was refused; see `handraiser status` or the log".to_owned(),
        }),
    }
}
