//! How many requests were answered, by address and status. The usual series are looked up once, not with every request.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use actix_web::http::StatusCode;
use metrics::{Counter, counter};

type RequestSeries = HashMap<(&'static str, StatusCode), Counter, ahash::RandomState>;

/// Counts answers. Cheap to clone.
#[derive(Clone, Default)]
pub struct Requests(Arc<RwLock<RequestSeries>>);

impl Requests {
    /// Counts one answer of the address that is called `path` in the metrics.
    pub(super) fn count(&self, path: &'static str, status: StatusCode) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = known.get(&(path, status)) {
            return series.increment(1);
        }
        drop(known);
        let series = counter!("handraiser_requests_total", "path" => path, "status" => status.as_str().to_owned());
        series.increment(1);
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert((path, status), series);
    }
}
