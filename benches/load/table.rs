//! The report, as Markdown that goes into `docs/performance.md` as it is.

use std::fmt::Write as _;
use std::time::Duration;

use crate::args::Target;
use crate::latency::Summary;
use crate::measure::{Report, Row};

pub fn render(report: &Report) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "Machine: {}. {} s each; {} connections.\n", machine(), report.seconds, report.connections);
    throughput(&mut out, report);
    latency(&mut out, report);
    sizes(&mut out, report);
    for (name, rate) in &report.redis {
        let _ = writeln!(out, "redis-benchmark, {name}: {rate} requests/s");
    }
    out
}

fn throughput(out: &mut String, report: &Report) {
    let echo = report.rows.iter().find(|row| row.target == Target::Echo);
    let share = |row: &Row| {
        echo.map_or_else(String::new, |echo| {
            format!("{:.0} %", 100.0 * row.single.requests_per_second / echo.single.requests_per_second)
        })
    };
    let _ = writeln!(out, "| | single events/s | of the echo | events/s in batches of {} | MB/s |", report.batch);
    let _ = writeln!(out, "|---|--:|--:|--:|--:|");
    for row in &report.rows {
        let bytes = row.batch.requests_per_second * row.batch.body_bytes as f64 / 1e6;
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {bytes:.0} |",
            row.target.label(),
            thousands(row.single.requests_per_second),
            share(row),
            thousands(row.batch.events_per_second),
        );
    }
    out.push('\n');
}

fn latency(out: &mut String, report: &Report) {
    if report.rows.iter().all(|row| row.ack.is_none()) {
        return;
    }
    let _ = writeln!(out, "| latency | at | p50 | p99 | p99.9 | max | requests |\n|---|--:|--:|--:|--:|--:|--:|");
    for row in &report.rows {
        if let Some(ack) = &row.ack {
            let at = format!("{}/s", thousands(row.ack_rate));
            let _ = writeln!(out, "| event → 200, {} | {at} | {} |", row.target.label(), cells(ack));
        }
    }
    for row in &report.rows {
        if let Some(lead) = &row.lead {
            let _ = writeln!(out, "| event → webhook, {} | | {} |", row.target.label(), cells(lead));
        }
    }
    out.push('\n');
}

fn cells(summary: &Summary) -> String {
    let ms = |duration: Duration| format!("{:.2} ms", duration.as_secs_f64() * 1e3);
    let Summary { count, p50, p99, p999, max } = *summary;
    format!("{} | {} | {} | {} | {count}", ms(p50), ms(p99), ms(p999), ms(max))
}

fn sizes(out: &mut String, report: &Report) {
    if report.rows.iter().all(|row| row.size.is_none()) {
        return;
    }
    let _ = writeln!(
        out,
        "| size | subjects | events | MB in all | bytes per subject | bytes per event |\n|---|--:|--:|--:|--:|--:|"
    );
    for row in &report.rows {
        if let Some(size) = &row.size {
            let _ = writeln!(
                out,
                "| {} | {} | {} | {:.1} | {:.0} | {:.0} |",
                row.target.label(),
                thousands(f64::from(size.subjects)),
                thousands(size.events),
                size.bytes as f64 / 1e6,
                size.per_subject(),
                size.bytes as f64 / size.events.max(1.0),
            );
        }
    }
    out.push('\n');
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Cores, processor and memory.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let cpu = field(&read("/proc/cpuinfo"), "model name");
    let kilobytes: f64 = field(&read("/proc/meminfo"), "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0.0);
    format!("{cores} cores ({cpu}), {:.0} GiB", kilobytes / 1024.0 / 1024.0)
}
