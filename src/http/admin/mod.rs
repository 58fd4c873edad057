//! The admin API, `/admin/v1`: what the command line shows and does, for programs. Everything in it needs the bearer token.

mod absences;
mod auth;
mod backfill;
mod causes;
mod config;
mod deliveries;
mod delivery;
mod held;
mod leads;
mod merges;
mod owners;
mod pauses;
mod reading;
mod rejected;
mod replay;
mod reroutes;
mod sources;
mod subjects;
mod system;
mod told;
mod traits;

use actix_web::HttpResponse;
use actix_web::middleware::from_fn;
use actix_web::web::{JsonConfig, PathConfig, QueryConfig};
use utoipa_actix_web::scope;
use utoipa_actix_web::service_config::ServiceConfig;

pub use super::queues::{HeldItem, PauseItem, QueueItem, ShadowItem, WaitingItem};
pub use absences::{AbsenceItem, AbsenceList, AbsenceRequest, UnreadCalendar};
pub use backfill::{BackfillAnswer, BackfillItem, BackfillRequest};
pub use causes::{CauseItem, CauseList};
pub use config::{LossList, ReloadAnswer, ReloadRequest, VersionAnswer, VersionItem, VersionList};
pub use deliveries::{DeliveryItem, DeliveryList, DeliveryState};
pub use delivery::{DeliveryAnswer, TriedItem};
pub use held::{HeldAnswer, HeldRequest};
pub use leads::{LeadItem, LeadList, Outcome, OutcomeRequest};
pub use merges::{MergeItem, MergeList, MergeLogItem, MergeLogList, Unlinked};
pub use owners::{OwnerAnswer, OwnerRequest};
pub use pauses::{PauseAnswer, PauseRequest};
pub use rejected::{RejectedItem, RejectedList};
pub use replay::{ReplayRequest, Replayed};
pub use reroutes::{RerouteItem, RerouteList, moves};
pub use subjects::{ForgetAnswer, RecordLine, SubjectRecord};
pub use system::{ArchiveItem, ConfigAnswer, ConfigCounts, EngineAnswer, QueueList, ServerItem, WalkItem};
pub use told::{SeenItem, ToldItem, ToldList};
pub use traits::{TraitsAnswer, TraitsBatch, TraitsCall, TraitsRejection};

use super::errors::{ApiError, ErrorCode};

/// Where the API lives.
pub const BASE: &str = "/admin/v1";

/// Adds the API to an application whose data hold an [`AppState`](super::AppState).
pub fn configure(config: &mut ServiceConfig) {
    config.service(
        scope::scope(BASE)
            .app_data(JsonConfig::default().error_handler(|error, _| unreadable(&error)))
            .app_data(QueryConfig::default().error_handler(|error, _| unreadable(&error)))
            .app_data(PathConfig::default().error_handler(|error, _| unreadable(&error)))
            .service(held::release)
            .service(held::discard)
            .service(leads::list)
            .service(leads::one)
            .service(leads::outcome)
            .service(told::show)
            .service(owners::assign)
            .service(reroutes::list)
            .service(reroutes::reroute)
            .service(owners::show)
            .service(owners::give)
            .service(absences::list)
            .service(absences::show)
            .service(absences::add)
            .service(absences::back)
            .service(deliveries::list)
            .service(causes::list)
            .service(delivery::show)
            .service(replay::replay)
            .service(pauses::pause)
            .service(pauses::resume)
            .service(rejected::list)
            .service(sources::list_sources)
            .service(sources::list_events)
            .service(subjects::explain)
            .service(subjects::show)
            .service(subjects::forget)
            .service(traits::put)
            .service(merges::list)
            .service(merges::show)
            .service(merges::unlink)
            .service(system::list_queues)
            .service(system::show_config)
            .service(config::list)
            .service(config::show)
            .service(config::compare)
            .service(config::reload)
            .service(system::show_engine)
            .service(backfill::show)
            .service(backfill::begin)
            .default_service(actix_web::web::to(nothing_here))
            .wrap(from_fn(auth::require_token)),
    );
}

async fn nothing_here() -> Result<HttpResponse, ApiError> {
    Err(ApiError::new(ErrorCode::NotFound, "the admin API has nothing at this address; `/docs/` shows what it has"))
}

/// Requests that can't be read are answered in the shape of all errors.
fn unreadable(error: &dyn std::fmt::Display) -> actix_web::Error {
    ApiError::new(ErrorCode::InvalidRequest, format!("the request can't be read: {error}")).into()
}
