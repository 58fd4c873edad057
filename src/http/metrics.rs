//! `/metrics`: everything that is measured, in Prometheus' text format.

use std::collections::BTreeSet;
use std::sync::Mutex;

use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use metrics::gauge;

use super::queues::{self, QueueItem};
use super::{AppState, Backend};
use crate::store::ListStats;
use crate::telemetry;
use crate::time::Millis;

/// Destinations that were reported before: one whose queue has emptied is reported as empty, not as it last was.
static KNOWN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Sources whose leads were held before.
static KNOWN_SOURCES: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
/// Every team that leads have waited for since the server started.
static KNOWN_TEAMS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Shows all metrics in Prometheus' text format.
#[utoipa::path(tag = "health", responses((status = 200, description = "Prometheus' text format", content_type = "text/plain")))]
#[get("/metrics")]
pub async fn scrape(state: Data<AppState>) -> HttpResponse {
    let metrics = telemetry::metrics::handle();
    if let Some(backend) = state.backend.get() {
        refresh_engine(backend);
        // Open to everyone unless there is an `admin_listen`, and with many subjects much work for the store.
        state.measured.ask(refresh_store(backend.clone(), state.clock.now())).await;
    }
    gauge!("handraiser_requests_in_flight").set(approximate(count(state.in_flight.current())));
    gauge!("handraiser_bodies_under_way").set(approximate(count(state.bodies.bodies())));
    gauge!("handraiser_bodies_under_way_bytes").set(approximate(count(state.bodies.bytes())));
    gauge!("handraiser_connections").set(approximate(count(state.connections.count())));
    process::refresh();
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(metrics.render())
}

fn refresh_engine(backend: &Backend) {
    let status = backend.engine.status();
    gauge!("handraiser_lag_entries").set(approximate(status.lag_entries));
    gauge!("handraiser_lag_oldest_seconds").set(seconds(status.lag_ms));
    gauge!("handraiser_shards_owned").set(approximate(count(status.owned.len())));
    gauge!("handraiser_servers").set(approximate(count(status.servers.len())));
    if let Some(archive) = status.archiving {
        gauge!("handraiser_history_waiting_bytes").set(approximate(count(archive.waiting_bytes)));
        gauge!("handraiser_history_lacking_commits").set(approximate(archive.lacking.values().sum()));
        gauge!("handraiser_history_failing").set(f64::from(u8::from(archive.error.is_some())));
    }
    gauge!("handraiser_backfill_open_shards").set(approximate(count(status.walking.open)));
    gauge!("handraiser_records_memory_bytes").set(approximate(count(status.memory_bytes)));
}

/// What the store's lists tell, which are looked at once, and its roster.
async fn refresh_store(backend: Backend, now: Millis) {
    match backend.store.lists().await {
        Ok(lists) => {
            refresh_queues(&backend, &lists, now).await;
            refresh_held(&lists);
            refresh_waiting(&lists);
        }
        // Fails open: without the store, everything else is still told.
        Err(error) => tracing::debug!(%error, "metrics of the store could not be refreshed"),
    }
    refresh_roster(&backend, now).await;
}

async fn refresh_queues(backend: &Backend, lists: &[ListStats], now: Millis) {
    match queues::with_ages(&*backend.store, lists, now).await {
        Ok(queues) => report(&queues),
        // Fails open, as above.
        Err(error) => tracing::debug!(%error, "queue metrics could not be refreshed"),
    }
}

/// How many leads of each source are held; of one whose leads were let go, none.
fn refresh_held(lists: &[ListStats]) {
    let held = queues::held_in(lists);
    let mut known = KNOWN_SOURCES.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    known.extend(held.iter().map(|held| held.source.clone()));
    for source in known.iter() {
        let leads = held.iter().find(|held| held.source == *source).map_or(0, |held| held.leads);
        gauge!("handraiser_leads_held", "source" => source.clone()).set(approximate(leads));
    }
}

/// How many leads wait for each team; for one whose leads have all gone on, none.
fn refresh_waiting(lists: &[ListStats]) {
    let waiting = queues::waiting_in(lists);
    let mut known = KNOWN_TEAMS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    known.extend(waiting.keys().map(ToString::to_string));
    for team in known.iter() {
        let leads = waiting.get(team.as_str()).copied().unwrap_or_default();
        gauge!("handraiser_leads_waiting", "team" => team.clone()).set(approximate(leads));
    }
}

/// How many reps are said to be away, and how many of their calendars can't be read.
async fn refresh_roster(backend: &Backend, now: Millis) {
    let roster = match backend.engine.roster().await {
        Ok(roster) => roster,
        // Fails open, as above.
        Err(error) => return tracing::debug!(%error, "who is away could not be refreshed"),
    };
    let away = roster.all().filter(|(_, absences)| absences.iter().any(|absence| absence.holds(now)));
    gauge!("handraiser_reps_away").set(approximate(count(away.count())));
    gauge!("handraiser_calendars_unread").set(approximate(count(roster.unread().count())));
}

fn report(queues: &[QueueItem]) {
    let mut known = KNOWN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    known.extend(queues.iter().map(|queue| queue.destination.clone()));
    for destination in known.iter() {
        let found = queues.iter().find(|queue| queue.destination == *destination);
        let (pending, dead, oldest) = found.map_or((0, 0, 0), |queue| (queue.pending, queue.dead, queue.oldest_ms));
        let is_paused = found.is_some_and(|queue| queue.paused.is_some());
        let name = destination.clone();
        gauge!("handraiser_queue_pending", "destination" => name.clone()).set(approximate(pending));
        gauge!("handraiser_queue_dead", "destination" => name.clone()).set(approximate(dead));
        gauge!("handraiser_destination_paused", "destination" => name.clone()).set(f64::from(u8::from(is_paused)));
        gauge!("handraiser_queue_oldest_seconds", "destination" => name).set(seconds(oldest));
    }
}

fn seconds(ms: i64) -> f64 {
    approximate(u64::try_from(ms).unwrap_or(0)) / 1000.0
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
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
            gauge!("process_open_fds").set(super::approximate(super::count(open.count())));
        }
    }

    fn boot_time() -> Option<f64> {
        let stat = std::fs::read_to_string("/proc/stat").ok()?;
        stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
    }
}
