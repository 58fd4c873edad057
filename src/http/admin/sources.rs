//! Sources: what each has sent since this process started, why one was refused last, and the newest events.

use actix_web::get;
use actix_web::web::{Data, Json};
use serde::Serialize;

use crate::event::SourceName;
use crate::http::{AppState, RecentEvent, SourceReport};

/// Every configured source, and `(unknown)` for requests that named none.
#[derive(Serialize, utoipa::ToSchema)]
pub struct SourceList {
    sources: Vec<SourceReport>,
}

/// The newest events that arrived at this process, a bounded sample.
#[derive(Serialize, utoipa::ToSchema)]
pub struct EventList {
    events: Vec<RecentEvent>,
}

/// Shows what each source has sent since this process started, and why one of its requests was refused last.
#[utoipa::path(tag = "events", responses((status = 200, body = SourceList)))]
#[get("/sources")]
pub async fn list_sources(state: Data<AppState>) -> Json<SourceList> {
    let config = state.config.load();
    let engine = state.backend.get().map(|backend| &backend.engine);
    let usage = |name: &SourceName| engine.map(|engine| engine.usage(name)).unwrap_or_default();
    let duplicates = state.backend.get().map(|backend| backend.engine.duplicates()).unwrap_or_default();
    let sources = state.sources.report(config.sources.iter().map(|source| &source.name), &duplicates, usage);
    Json(SourceList { sources })
}

/// Shows the newest events that arrived at this process, without their properties and traits: a bounded sample, for
/// whoever connects a source and wants to see that it works.
#[utoipa::path(tag = "events", responses((status = 200, body = EventList)))]
#[get("/events")]
pub async fn list_events(state: Data<AppState>) -> Json<EventList> {
    Json(EventList { events: state.recent.newest_first() })
}
