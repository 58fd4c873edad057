//! `/metrics`: everything that is measured, in Prometheus' text format.

use std::collections::BTreeSet;
use std::sync::Mutex;

use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use metrics::gauge;

use super::admin::AdminState;
use crate::store::QueueStats;
use crate::telemetry;

/// Queues that were reported before: one that has emptied is reported as empty, not as it last was.
static KNOWN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Shows all metrics in Prometheus' text format.
#[utoipa::path(tag = "health", responses((status = 200, description = "Prometheus' text format", content_type = "text/plain")))]
#[get("/metrics")]
pub async fn scrape(state: Data<AdminState>) -> HttpResponse {
    let metrics = telemetry::metrics::handle();
    // Fails open: without the store, everything but the queues is still told.
    match state.store.queue_stats(state.clock.now()).await {
        Ok(stats) => refresh(&stats),
        Err(error) => tracing::debug!(%error, "queue metrics could not be refreshed"),
    }
    gauge!("handraiser_requests_in_flight").set(approximate(u64::try_from(state.in_flight.current()).unwrap_or(0)));
    process::refresh();
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(metrics.render())
}

fn refresh(stats: &[QueueStats]) {
    let mut known = KNOWN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    known.extend(stats.iter().map(|stats| stats.queue.to_string()));
    for queue in known.iter() {
        let found = stats.iter().find(|stats| stats.queue.as_str() == queue);
        let (pending, dead, oldest) = found.map_or((0, 0, 0), |stats| (stats.pending, stats.dead, stats.oldest_ms));
        gauge!("handraiser_queue_pending", "queue" => queue.clone()).set(approximate(pending));
        gauge!("handraiser_queue_dead", "queue" => queue.clone()).set(approximate(dead));
        let oldest = approximate(u64::try_from(oldest).unwrap_or(0)) / 1000.0;
        gauge!("handraiser_queue_oldest_seconds", "queue" => queue.clone()).set(oldest);
    }
}

/// Gauges are floats; beyond 2^53 the last digits go, which no depth of a queue reaches.
#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
fn approximate(value: u64) -> f64 {
    value as f64
}

/// What Prometheus expects every process to tell, read from `/proc`; nothing elsewhere than on Linux.
mod process {
    use metrics::gauge;

    /// Linux fixes both for user space on all common architectures.
    const TICKS_PER_SECOND: f64 = 100.0;
    const PAGE_BYTES: f64 = 4096.0;

    pub(super) fn refresh() {
        let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return };
        // The program's name, which may hold spaces, ends with the last parenthesis; the state is the first word after it.
        let Some((_, rest)) = stat.rsplit_once(") ") else { return };
        let field = |index: usize| rest.split(' ').nth(index).and_then(|word| word.parse::<f64>().ok());
        if let (Some(user), Some(system)) = (field(11), field(12)) {
            gauge!("process_cpu_seconds_total").set((user + system) / TICKS_PER_SECOND);
        }
        if let Some(pages) = field(21) {
            gauge!("process_resident_memory_bytes").set(pages * PAGE_BYTES);
        }
        if let Some(start) = field(19).zip(boot_time()).map(|(ticks, boot)| boot + ticks / TICKS_PER_SECOND) {
            gauge!("process_start_time_seconds").set(start);
        }
        if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
            gauge!("process_open_fds").set(super::approximate(u64::try_from(open.count()).unwrap_or(0)));
        }
    }

    fn boot_time() -> Option<f64> {
        let stat = std::fs::read_to_string("/proc/stat").ok()?;
        stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
    }
}
