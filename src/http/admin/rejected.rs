//! Rejected events: what arrived and could not be used, so that nothing is lost silently.

use actix_web::get;
use actix_web::web::{Data, Json, Query};
use serde::{Deserialize, Serialize};

use super::reading::{Consistency, Limit, settled};
use crate::event::Rejected;
use crate::http::AppState;
use crate::http::errors::ApiError;

/// One event that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RejectedItem {
    /// RFC 3339.
    pub at: String,
    /// The source that sent it.
    pub source: String,
    /// Position in its request, from 0.
    pub index: usize,
    /// A stable code, such as `missing_id`.
    pub code: String,
    /// What is wrong and how to fix it.
    pub message: String,
    /// Its `messageId`, when that could be read.
    pub message_id: Option<String>,
    /// The beginning of the raw item.
    pub excerpt: String,
}

/// Rejected events, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RejectedList {
    /// At most as many as were asked for.
    pub rejected: Vec<RejectedItem>,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct RejectedParams {
    /// At most so many: 1 to 1000, by default 50.
    #[param(value_type = Option<usize>)]
    limit: Option<Limit>,
    /// Only those of this source.
    source: Option<String>,
    /// `strong` (default): wait until all that was acknowledged before is applied. `eventual`: don't.
    #[param(value_type = Option<Consistency>, inline)]
    consistency: Option<Consistency>,
}

/// Lists events that could not be used, newest first. The log is bounded: the oldest leave, those of the source that has the most
/// first. Of each request the first hundred are kept.
#[utoipa::path(operation_id = "list_rejected", tag = "events", params(RejectedParams), responses((status = 200, body = RejectedList)))]
#[get("/rejected")]
pub async fn list(state: Data<AppState>, params: Query<RejectedParams>) -> Result<Json<RejectedList>, ApiError> {
    let store = &settled(&state, params.consistency).await?.store;
    let limit = Limit::of(params.limit);
    let Some(source) = &params.source else {
        let rows = store.rejected(limit).await?;
        return Ok(Json(RejectedList { rejected: rows.into_iter().map(RejectedItem::from).collect() }));
    };
    // The log is bounded: all of it can be looked through.
    let rows = store.rejected(usize::MAX).await?.into_iter().filter(|row| row.source == *source);
    Ok(Json(RejectedList { rejected: rows.take(limit).map(RejectedItem::from).collect() }))
}

impl From<Rejected> for RejectedItem {
    fn from(row: Rejected) -> Self {
        let Rejected { at, source, index, code, message, message_id, excerpt } = row;
        Self { at: at.rfc3339(), source, index, code, message, message_id, excerpt }
    }
}
