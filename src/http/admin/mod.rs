//! The admin API, `/admin/v1`: what the command line shows and does, for programs. Everything in it needs the bearer token.

mod auth;
mod deliveries;
mod leads;
mod rejected;
mod sources;
mod subjects;
mod system;

use std::ops::Deref;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::middleware::from_fn;
use actix_web::web::{JsonConfig, PathConfig, QueryConfig};
use serde::Deserialize;
use utoipa_actix_web::scope;
use utoipa_actix_web::service_config::ServiceConfig;

pub use deliveries::{DeliveryItem, DeliveryList, ReplayRequest, Replayed};
pub use leads::{LeadItem, LeadList};
pub use rejected::{RejectedItem, RejectedList};
pub use subjects::{ForgetAnswer, SubjectRecord};
pub use system::{ConfigAnswer, ConfigCounts, QueueItem, QueueList};

use super::errors::ErrorBody;
use super::{ApiError, AppState, ErrorCode};
use crate::engine::Wakes;
use crate::server::Status;

/// Where the API lives.
pub const BASE: &str = "/admin/v1";

/// What the handlers work with: what ingestion has, and what only an operator asks for.
#[derive(Clone)]
pub struct AdminState {
    /// What ingestion works with.
    pub app: AppState,
    /// Where the queues' workers hear of what a replay put back.
    pub wakes: Wakes,
    /// What there is to tell about this process.
    pub status: Arc<Status>,
}

impl Deref for AdminState {
    type Target = AppState;

    fn deref(&self) -> &AppState {
        &self.app
    }
}

/// Adds the API to an application whose data hold an [`AdminState`].
pub fn configure(config: &mut ServiceConfig) {
    config.service(
        scope::scope(BASE)
            .app_data(JsonConfig::default().error_handler(|error, _| unreadable(&error)))
            .app_data(QueryConfig::default().error_handler(|error, _| unreadable(&error)))
            .app_data(PathConfig::default().error_handler(|error, _| unreadable(&error)))
            .service(leads::list)
            .service(leads::one)
            .service(deliveries::list)
            .service(deliveries::replay)
            .service(rejected::list)
            .service(sources::list_sources)
            .service(sources::list_events)
            .service(subjects::explain)
            .service(subjects::show)
            .service(subjects::forget)
            .service(system::list_queues)
            .service(system::show_config)
            .default_service(actix_web::web::to(nothing_here))
            .wrap(from_fn(auth::require_token)),
    );
}

async fn nothing_here() -> Result<HttpResponse, ApiError> {
    let mend = "the admin API has nothing at this address; `/docs/` shows what it has";
    Err(ApiError::new(ErrorCode::NotFound, mend))
}

/// Requests that can't be read are answered in the shape of all errors.
fn unreadable(error: &dyn std::fmt::Display) -> actix_web::Error {
    ApiError::new(ErrorCode::InvalidRequest, format!("the request can't be read: {error}")).into()
}

/// How many rows a list answers with.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(transparent)]
struct Limit(usize);

impl Limit {
    const DEFAULT: usize = 50;
    const MAX: usize = 1000;

    fn of(given: Option<Self>) -> usize {
        given.map_or(Self::DEFAULT, |limit| limit.0.clamp(1, Self::MAX))
    }
}
