//! Why deliveries were given up: what failed for one reason, together.

use std::collections::BTreeMap;

use actix_web::get;
use actix_web::web::{Data, Json, Query};
use serde::{Deserialize, Serialize};

use super::reading::settled;
use crate::http::AppState;
use crate::http::errors::ApiError;
use crate::http::queues;
use crate::record::News;

/// Deliveries to one destination that were given up for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CauseItem {
    /// Where they were to go.
    pub destination: String,
    /// Why they failed last, without what is different from one to the next: numbers, ids and addresses are `…`. A replay names it so.
    #[schema(example = "400 Bad Request: Property hs_tier does not exist")]
    pub cause: String,
    /// How many there are.
    pub deliveries: usize,
    /// One of them, by the id that a replay names it by.
    pub example: String,
}

/// Why deliveries were given up, the most frequent first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CauseList {
    /// By destination and cause.
    pub causes: Vec<CauseItem>,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct CauseParams {
    /// Only deliveries to this destination.
    destination: Option<String>,
}

/// Lists why deliveries were given up, the most frequent first.
#[utoipa::path(
    operation_id = "list_causes",
    tag = "deliveries",
    params(CauseParams),
    responses((status = 200, body = CauseList)),
)]
#[get("/deliveries/causes")]
pub async fn list(state: Data<AppState>, params: Query<CauseParams>) -> Result<Json<CauseList>, ApiError> {
    let store = &*settled(&state, None).await?.store;
    let destinations = match &params.destination {
        Some(name) => [name.as_str().into()].into(),
        None => queues::destinations(store).await?,
    };
    let mut causes = Vec::new();
    for destination in destinations {
        let mut counted: BTreeMap<String, (usize, String)> = BTreeMap::new();
        for (key, delivery) in queues::with_dead_news(store, &destination, usize::MAX).await? {
            for news in &delivery.dead {
                counted.entry(cause(news)).or_insert_with(|| (0, key.id.to_string())).0 += 1;
            }
        }
        causes.extend(counted.into_iter().map(|(cause, (deliveries, example))| CauseItem {
            destination: destination.to_string(),
            cause,
            deliveries,
            example,
        }));
    }
    causes.sort_by(|a, b| b.deliveries.cmp(&a.deliveries).then_with(|| a.cause.cmp(&b.cause)));
    Ok(Json(CauseList { causes }))
}

/// Why news failed last, without what is different from one to the next.
pub(super) fn cause(news: &News) -> String {
    let error = news.last_error.as_deref().unwrap_or("unknown");
    let word = |(at, word): (usize, &str)| {
        // The status is what it is about.
        let is_status = at == 0 && word.len() == 3;
        let differs = word.contains('@') || word.bytes().any(|byte| byte.is_ascii_digit());
        if differs && !is_status { "…".to_owned() } else { word.to_owned() }
    };
    error.split_whitespace().enumerate().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Millis;

    #[test]
    fn what_differs_from_one_to_the_next_is_no_part_of_a_cause() {
        let of = |error: &str| {
            let (id, json) = ("evt_1".into(), "{}".into());
            cause(&News {
                id,
                created: Millis(0),
                attempts: 1,
                last_error: Some(error.into()),
                json,
                revision: 1,
                was_tried: false,
            })
        };
        assert_eq!(of("400 Bad Request: no owner ana@example.com"), "400 Bad Request: no owner …");
        assert_eq!(of("404 Not Found: contact 1751 is gone"), "404 Not Found: contact … is gone");
        assert_eq!(of("no complete answer within 15 s"), "no complete answer within … s");
    }
}
