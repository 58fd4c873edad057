//! The HTTP server: ingestion, admin API, health, metrics, the error table.

pub mod admin;
mod body;
mod cors;
pub mod errors;
pub mod health;
mod in_flight;
mod ingest;
pub mod metrics;
pub mod openapi;
mod pixel;
mod recent;
mod requests;
mod routes;
mod source_config;
pub mod sources;

use actix_web::web::{self, ServiceConfig};

pub use errors::{ApiError, ErrorCode};
pub use in_flight::{InFlight, InFlightGuard};
pub use recent::{Recent, RecentEvent};
pub use requests::Requests;
pub use sources::{SourceBook, SourceReport};

use crate::engine::{Engine, SharedConfig};
use crate::store::SharedStore;
use crate::time::Clock;

/// What every handler works with.
#[derive(Clone)]
pub struct AppState {
    /// What applies the events that arrive.
    pub engine: Engine,
    /// What keeps rejected events, and answers the admin API.
    pub store: SharedStore,
    /// The configuration in force; each request keeps the one that it began with.
    pub config: SharedConfig,
    /// What tells when a request was received.
    pub clock: Clock,
    /// What each source has sent since this process started.
    pub sources: SourceBook,
    /// The last events that arrived.
    pub recent: Recent,
    /// Requests answered.
    pub requests: Requests,
    /// Requests being worked on.
    pub in_flight: InFlight,
}

impl AppState {
    /// The state of a server that has just started.
    #[must_use]
    pub fn new(engine: Engine, store: SharedStore, config: SharedConfig, clock: Clock) -> Self {
        Self {
            engine,
            store,
            config,
            clock,
            sources: SourceBook::default(),
            recent: Recent::default(),
            requests: Requests::default(),
            in_flight: InFlight::default(),
        }
    }
}

/// Assembles the whole server; `serve`, `demo` and the tests share it. Ingestion comes last: it answers every address
/// that nothing else claims, because CDPs and SDKs call many, under prefixes of their users' choice.
pub fn configure(cfg: &mut ServiceConfig, state: web::Data<AppState>) {
    cfg.app_data(state).default_service(web::to(ingest::dispatch));
}
