//! The tables that tell of all stores side by side.

use crate::closed::Rate;
use crate::stand::Stand;
use crate::table::{Table, latencies, ms, one_decimal, thousands};

/// The highest rates. The first of the stands is the echo, if that is measured.
pub fn throughput(stands: &[Stand], echo: Option<&Rate>, batch: usize) -> Table {
    let batches = format!("events/s in batches of {batch}");
    let mut table = Table::new(["", "single events/s", "of the echo", &batches, "MB/s"]);
    for stand in stands {
        let single = stand.single.requests_per_second();
        let share = echo.map(|echo| format!("{:.0} %", 100.0 * single / echo.requests_per_second()));
        let megabytes = stand.batch.requests_per_second() * stand.batch.body_bytes as f64 / 1e6;
        table.row([
            stand.label.clone(),
            thousands(single),
            share.unwrap_or_default(),
            thousands(stand.batch.events_per_second()),
            format!("{megabytes:.0}"),
        ]);
    }
    table
}

pub fn latency(stands: &[Stand]) -> Table {
    let mut table = Table::new(["latency", "at", "p50", "p99", "p99.9", "max", "requests"]);
    for stand in stands {
        if let Some((rate, summary)) = &stand.ack {
            let [p50, p99, p999, max, count] = latencies(summary);
            let at = format!("{}/s", thousands(*rate));
            table.row([format!("event → 200, {}", stand.label), at, p50, p99, p999, max, count]);
        }
    }
    for stand in stands {
        if let Some(summary) = &stand.lead {
            let [p50, p99, p999, max, count] = latencies(summary);
            table.row([format!("event → webhook, {}", stand.label), String::new(), p50, p99, p999, max, count]);
        }
    }
    table
}

pub fn lag(stands: &[Stand]) -> Table {
    let mut table = Table::new([
        "lag, log → applied",
        "batched events/s",
        "commits",
        "within 50 ms",
        "within 100 ms",
        "within 250 ms",
        "p50 at most",
        "p99 at most",
    ]);
    for (stand, lag) in stands.iter().filter_map(|stand| Some((stand, stand.lag.as_ref()?))) {
        let within = |seconds| format!("{:.1} %", 100.0 * lag.within(seconds));
        table.row([
            stand.label.clone(),
            thousands(lag.rate),
            thousands(lag.count() as f64),
            within(0.05),
            within(0.1),
            within(0.25),
            ms(lag.bound(0.5)),
            ms(lag.bound(0.99)),
        ]);
    }
    table
}

/// What limits it: µs of CPU for each event, by whose they are.
pub fn cpu(stands: &[Stand]) -> Table {
    let mut table = Table::new([
        "µs of CPU for an event",
        "HTTP (actix)",
        "engine (tokio)",
        "store writer",
        "rest",
        "server in all",
        "Redis",
        "generator",
        "cores busy with it",
        "with other work",
    ]);
    for stand in stands {
        for (what, rate) in [("single", &stand.single), ("batches", &stand.batch)] {
            let cpu = &rate.cpu;
            let micros = |seconds| one_decimal(rate.micros(seconds));
            table.row([
                format!("{}, {what}", stand.label),
                micros(cpu.http),
                micros(cpu.engine),
                micros(cpu.writer),
                micros(cpu.rest),
                micros(cpu.servers()),
                micros(cpu.redis),
                micros(cpu.generator),
                one_decimal(cpu.ours() / rate.seconds),
                one_decimal((cpu.machine - cpu.ours()).max(0.0) / rate.seconds),
            ]);
        }
    }
    table
}
