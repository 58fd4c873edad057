//! `handraiser status`: the server at a glance: its configuration, its sources, its queues.

use serde_json::Value;

use super::client::{Client, Format, Remote};
use super::paint::{Paint, Tone};
use super::table::{Cell, Table};
use super::{Failure, print_json, show, words};
use crate::http::admin::{ConfigAnswer, QueueList};
use crate::time::{Clock, Millis};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    remote: Remote,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let client = Client::new(&args.remote)?;
    let config = client.get(&["config"], &[]).await?;
    let sources = client.get(&["sources"], &[]).await?;
    let queues = client.get(&["queues"], &[]).await?;
    if args.remote.format == Format::Json {
        return print_json(&serde_json::json!({
            "config": config, "sources": sources.get("sources"), "queues": queues.get("queues"),
        }));
    }
    let (now, paint) = (Clock::System.now(), Paint::stdout());
    let mut out = render_config(&super::read(config)?, now, paint);
    out.push_str(&render_sources(&sources, now, paint));
    out.push_str(&render_queues(&super::read(queues)?, paint));
    show(&out)
}

fn render_config(config: &ConfigAnswer, now: Millis, paint: Paint) -> String {
    let path = config.path.as_deref().unwrap_or("no file");
    let counts = config.counts;
    let mut out = format!(
        "{}  {}\n{}\n",
        paint.strong(format!("handraiser {}", config.program)),
        paint.dim(format!("started {}", words::ago(&config.started_at, now))),
        paint.dim(format!(
            "configuration {} from {path}, loaded {}: {}, {}, {}",
            config.version,
            words::ago(&config.loaded_at, now),
            words::count(counts.counters as u64, "counter"),
            words::count(counts.definitions as u64, "definition"),
            words::count(counts.destinations as u64, "destination"),
        ))
    );
    if let Some(failure) = &config.last_reload_error {
        let head = format!(
            "the last reload was refused {}; the configuration before it is in force:",
            words::ago(&failure.at, now)
        );
        out.push_str(&format!("{}\n", paint.tone(Tone::Bad, head)));
        for line in failure.message.lines() {
            out.push_str(&format!("  {line}\n"));
        }
    }
    out
}

fn render_sources(sources: &Value, now: Millis, paint: Paint) -> String {
    let mut table =
        Table::new(&["SOURCE", "LAST EVENT", "EVENTS", "DUPLICATES", "REJECTED", "REFUSED", "LAST REFUSAL"]);
    for source in sources["sources"].as_array().into_iter().flatten() {
        let number = |field: &str| source[field].as_u64().unwrap_or(0);
        let refused = number("unauthorised") + number("failed");
        let name = source["name"].as_str().unwrap_or_default();
        // Requests that named no source are worth a line only when there were any.
        if name.starts_with('(') && refused == 0 {
            continue;
        }
        let figure = |n: u64, tone: Tone| Cell::toned(n.to_string(), if n == 0 { Tone::Dim } else { tone });
        let last = source["last_event_at"].as_str().map_or_else(|| "never".to_owned(), |at| words::ago(at, now));
        table.row(vec![
            Cell::toned(name, Tone::Strong),
            Cell::toned(last, Tone::Dim),
            figure(number("accepted"), Tone::Plain),
            figure(number("duplicates"), Tone::Plain),
            figure(number("rejected"), Tone::Warn),
            figure(refused, Tone::Bad),
            Cell::new(refusal(&source["last_failure"], now)),
        ]);
    }
    format!("\n{}", table.render(paint))
}

fn refusal(failure: &Value, now: Millis) -> String {
    let Some(reason) = failure["reason"].as_str() else { return String::new() };
    let at = failure["at"].as_str().map(|at| words::ago(at, now)).unwrap_or_default();
    format!("{at}: {reason}")
}

fn render_queues(list: &QueueList, paint: Paint) -> String {
    if list.queues.is_empty() {
        return format!("\n{}\n", paint.dim("all queues are empty"));
    }
    let mut table = Table::new(&["QUEUE", "PENDING", "OLDEST", "DEAD"]);
    for queue in &list.queues {
        let dead = if queue.dead == 0 { Tone::Dim } else { Tone::Bad };
        let oldest = if queue.pending == 0 { String::new() } else { words::span(queue.oldest_ms) };
        table.row(vec![
            Cell::toned(&queue.queue, Tone::Strong),
            Cell::new(queue.pending.to_string()),
            Cell::toned(oldest, Tone::Dim),
            Cell::toned(queue.dead.to_string(), dead),
        ]);
    }
    format!("\n{}", table.render(paint))
}
