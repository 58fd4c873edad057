//! Prometheus metrics: the recorder of the process and the list of everything that is measured.

use std::sync::OnceLock;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Bounds for times, in seconds: 50 µs to 30 s.
const SECONDS: [f64; 18] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0, 30.0,
];

/// Bounds for sizes of batches.
const SIZES: [f64; 12] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0];

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// The handle of the process's recorder, which is installed on the first call.
///
/// Should another recorder be there already, ours stays empty and measuring goes to the other one.
pub fn handle() -> &'static PrometheusHandle {
    HANDLE.get_or_init(|| {
        let recorder = builder().build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is in place; `/metrics` stays empty");
        }
        describe();
        gauge!("handraiser_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        handle
    })
}

fn builder() -> PrometheusBuilder {
    use metrics_exporter_prometheus::Matcher::Suffix;
    // Bounds are refused only when empty, and these are not.
    let with = |builder: PrometheusBuilder, suffix: &str, bounds: &[f64]| {
        builder.set_buckets_for_metric(Suffix(suffix.to_owned()), bounds).expect("histogram bounds are not empty")
    };
    let builder = with(PrometheusBuilder::new(), "_seconds", &SECONDS);
    with(builder, "_batch_size", &SIZES)
}

/// The metrics of the process, with a HELP line for each.
fn describe() {
    describe_ingestion();
    describe_admin();
    describe_deciding();
    describe_delivery();
    describe_gauge!("handraiser_build_info", "The running program's version; always 1");
    describe_gauge!(
        "handraiser_config_info",
        "The version of the configuration in force; 1 for it, 0 for earlier ones"
    );
    describe_counter!("handraiser_config_reloads_total", "Reloads that put another configuration in force");
    describe_counter!("handraiser_config_reload_failures_total", "Reloads that were refused");
    describe_gauge!("process_start_time_seconds", Unit::Seconds, "When the process started, Unix time");
    describe_gauge!("process_resident_memory_bytes", Unit::Bytes, "Resident memory");
    describe_gauge!("process_open_fds", "Open file descriptors");
    describe_gauge!("process_cpu_seconds_total", Unit::Seconds, "CPU time, user and system");
}

fn describe_ingestion() {
    describe_gauge!("handraiser_requests_in_flight", "Requests for ingestion that are being worked on");
    describe_gauge!("handraiser_bodies_under_way", "Requests whose bodies are arriving or being worked on");
    describe_gauge!(
        "handraiser_bodies_under_way_bytes",
        Unit::Bytes,
        "What is kept of those that came in more than one piece"
    );
    describe_gauge!("handraiser_connections", "Open connections");
    describe_counter!(
        "handraiser_connections_refused_total",
        "Connections closed at once, by reason: one address has too many, all together are too many, no file descriptors"
    );
    describe_counter!("handraiser_requests_total", "Requests for ingestion, by path and status");
    describe_counter!(
        "handraiser_events_total",
        "Events, by source and outcome: accepted (duplicates among them), rejected, ignored as they arrive; duplicate as they \
         are applied"
    );
    describe_counter!(
        "handraiser_auth_failures_total",
        "Requests with a missing or wrong key or signature, by source and reason"
    );
    describe_counter!("handraiser_pushes_total", "Pushes of CRMs, by destination and outcome: taken, refused");
}

fn describe_admin() {
    describe_counter!(
        "handraiser_admin_auth_failures_total",
        "Requests to the admin API without a token, with a wrong one, or slowed down after many wrong ones, by reason"
    );
}

fn describe_deciding() {
    describe_histogram!("handraiser_append_seconds", Unit::Seconds, "One append to the log, by store");
    describe_histogram!("handraiser_commit_seconds", Unit::Seconds, "One commit into the store, by store");
    describe_gauge!("handraiser_lag_entries", "Entries of the log that wait to be applied, over all shards");
    describe_gauge!(
        "handraiser_lag_oldest_seconds",
        Unit::Seconds,
        "How long the oldest has waited, in this server's shards"
    );
    describe_histogram!("handraiser_lag_seconds", Unit::Seconds, "From an entry's arrival in the log to its commit");
    describe_counter!("handraiser_messages_applied_total", "Messages that were applied");
    describe_gauge!(
        "handraiser_history_waiting_bytes",
        Unit::Bytes,
        "What waits in the store to become a segment of the archive"
    );
    describe_gauge!(
        "handraiser_history_lacking_commits",
        "Commits that new counters have yet to be filled from, over all shards"
    );
    describe_gauge!("handraiser_history_failing", "1 while the archive can't be written");
    describe_counter!("handraiser_history_segments_total", "Segments of the archive that were written");
    describe_gauge!(
        "handraiser_backfill_open_shards",
        "Shards of this server in which not everybody was looked at for what is new in the configuration"
    );
    describe_counter!("handraiser_backfill_subjects_total", "Users and accounts that were looked at for it");
    describe_counter!("handraiser_poisoned_messages_total", "Messages that were skipped because applying them failed");
    describe_counter!(
        "handraiser_panics_total",
        "Parts of the server that panicked and began again: a defect, by what"
    );
    describe_counter!(
        "handraiser_commits_refused_total",
        "Commits that were refused, since another server had worked the shards"
    );
    describe_gauge!(
        "handraiser_clock_is_steady",
        "0 while the clock is ahead of the process's own time and not believed"
    );
    describe_counter!("handraiser_notices_total", "What an operator should hear of, by kind; the log says each once");
    describe_counter!("handraiser_store_reconnects_total", "How often the connection to the store was made anew");
    describe_gauge!("handraiser_shards_owned", "Shards whose logs this server applies");
    describe_gauge!("handraiser_servers", "Servers that live, as this one knows");
    describe_gauge!("handraiser_records_memory_bytes", Unit::Bytes, "Records in memory");
}

fn describe_delivery() {
    describe_counter!("handraiser_deliveries_total", "Delivery attempts, by destination and outcome");
    describe_histogram!("handraiser_delivery_seconds", Unit::Seconds, "One delivery attempt, by destination");
    describe_histogram!(
        "handraiser_event_to_delivered_seconds",
        Unit::Seconds,
        "From receiving the event that made the difference to the destination's acceptance"
    );
    describe_gauge!("handraiser_reps_away", "Reps who are away, as is said beside the configuration");
    describe_gauge!("handraiser_calendars_unread", "Calendars of reps that can't be read");
    describe_counter!("handraiser_leads_let_go_total", "Leads that a source made beyond what can be held, by reason");
    describe_counter!("handraiser_leads_overdue_total", "Leads whose owner did not take them on in time, by team");
    describe_gauge!("handraiser_leads_waiting", "Leads that wait for somebody to be there, by team");
    describe_gauge!("handraiser_queue_pending", "Leads with news that waits or is under way, by destination");
    describe_gauge!("handraiser_destination_paused", "1 while nothing is sent to a destination, by destination");
    describe_gauge!(
        "handraiser_deliveries_at_once",
        "How many deliveries may be under way at once, as the destination's answers tell"
    );
    describe_gauge!("handraiser_queue_dead", "Leads with news that was given up, by destination");
    describe_gauge!(
        "handraiser_queue_oldest_seconds",
        Unit::Seconds,
        "Age of the oldest pending news, of what is to be sent next, by destination"
    );
}

/// Says which configuration is in force.
pub fn config_in_force(version: &str) {
    static LAST: std::sync::Mutex<Option<String>> = std::sync::Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(before) = last.replace(version.to_owned()).filter(|before| before != version) {
        gauge!("handraiser_config_info", "version" => before).set(0.0);
    }
    gauge!("handraiser_config_info", "version" => version.to_owned()).set(1.0);
}
