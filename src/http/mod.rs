//! The HTTP server: ingestion, admin API, health, metrics, the error table.

mod accepting;
pub mod admin;
pub mod answered;
pub mod aside;
mod body;
pub mod client_address;
pub mod connections;
mod cors;
mod dispatch;
pub mod edge;
pub mod errors;
pub mod guesses;
pub mod health;
mod heard;
mod in_flight;
mod ingest;
mod lately;
pub mod metrics;
mod named;
pub mod openapi;
mod outcomes;
mod pixel;
mod queues;
mod quotas;
mod recent;
mod requests;
mod routes;
mod seldom;
pub mod signers;
mod source_config;
pub mod sources;
mod state;
mod status;
mod under_way;
pub mod versions;

use actix_web::web::{self, ServiceConfig};

pub use client_address::ClientAddress;
pub use errors::{ApiError, ErrorCode};
pub use in_flight::{InFlight, InFlightGuard};
pub use quotas::QuotaBook;
pub use recent::{Recent, RecentEvent};
pub use requests::Requests;
pub use sources::{SourceBook, SourceReport};
pub use state::{AppState, Backend, SharedConfig};
pub use status::{RefusedReload, Status};
pub use under_way::UnderWay;

/// Adds ingestion to an application whose data hold an [`AppState`]. It comes last: it answers every address that nothing else
/// claims, because CDPs and SDKs call many, under prefixes of their users' choice.
pub fn configure(cfg: &mut ServiceConfig) {
    cfg.default_service(web::to(dispatch::dispatch));
}
