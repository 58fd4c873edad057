//! What all questions have in common: how much of what was written before the answer takes into account, and how much it lists.

use serde::Deserialize;

use crate::http::errors::ApiError;
use crate::http::state::{AppState, Backend};

/// What an answer takes into account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Consistency {
    /// Everything that was acknowledged before the question, by whichever server.
    Strong,
    /// What is applied so far; it does not wait for owners that are behind.
    Eventual,
}

/// For what takes nothing else in its query.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ReadParams {
    /// `strong` (default): wait until all that was acknowledged before is applied. `eventual`: don't.
    #[param(value_type = Option<Consistency>, inline)]
    pub consistency: Option<Consistency>,
}

/// Engine and store, once everything that was written before is applied, through whichever server; unless the caller wants to do
/// without that.
pub(super) async fn settled(state: &AppState, consistency: Option<Consistency>) -> Result<&Backend, ApiError> {
    let backend = state.backend()?;
    if consistency != Some(Consistency::Eventual) {
        backend.engine.settle().await?;
    }
    Ok(backend)
}

/// How many rows a list answers with.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Limit(usize);

impl Limit {
    const DEFAULT: usize = 50;
    const MAX: usize = 1000;

    pub(super) fn of(given: Option<Self>) -> usize {
        given.map_or(Self::DEFAULT, |limit| limit.0.clamp(1, Self::MAX))
    }
}
