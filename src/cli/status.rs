//! `handraiser status`: the server at a glance: its configuration, how far it is, its sources, its deliveries.

use serde_json::Value;

use super::absences::render_now;
use super::client::{Client, ClientError, Format, Remote};
use super::output::{CommandError, print_json, read, show};
use super::paint::{Paint, Tone};
use super::pause;
use super::table::{Cell, Table};
use super::words;
use crate::http::admin::{
    ArchiveItem, ConfigAnswer, EngineAnswer, HeldItem, QueueList, ShadowItem, WaitingItem, WalkItem,
};
use crate::record::unclear::UNCLEAR;
use crate::time::{Clock, Millis};

/// A lag beyond this is worth a colour.
const LAG_MS: i64 = 5_000;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    remote: Remote,
}

pub async fn run(args: Args) -> Result<(), CommandError> {
    let client = Client::new(&args.remote)?;
    let config = client.get_own(&["config"], &[]).await?;
    let sources = client.get(&["sources"], &[]).await?;
    // Without waiting for owners that are behind: that they are is what status is there to say.
    let queues = if_told(client.get(&["queues"], &[("consistency", "eventual".to_owned())]).await)?;
    let absences = if_told(client.get(&["absences"], &[("consistency", "eventual".to_owned())]).await)?;
    let engine = if_told(client.get(&["engine"], &[]).await)?;
    if args.remote.format == Format::Json {
        let queues = queues.ok().unwrap_or_default();
        return print_json(&serde_json::json!({
            "config": config, "engine": engine.ok(), "sources": sources.get("sources"), "queues": queues.get("queues"),
            "held": queues.get("held"), "shadows": queues.get("shadows"),
            "absences": absences.ok().as_ref().and_then(|answer| answer.get("absences")),
        }));
    }
    let (now, paint) = (Clock::System.now(), Paint::stdout());
    let mut out = render_config(&read(config)?, now, paint);
    if let Some(why) = engine.as_ref().err().or(queues.as_ref().err()) {
        out.push_str(&format!("{}\n", paint.tone(Tone::Bad, why)));
    }
    if let Ok(engine) = engine {
        out.push_str(&render_engine(&read(engine)?, paint));
    }
    out.push_str(&render_sources(&sources, now, paint));
    if let Ok(queues) = queues {
        let queues = read(queues)?;
        out.push_str(&render_queues(&queues, now, paint));
        out.push_str(&render_held(&queues, paint));
        out.push_str(&render_waiting(&queues, paint));
        out.push_str(&render_shadows(&queues, paint));
    }
    if let Ok(absences) = absences {
        out.push_str(&render_now(&read(absences)?, now, paint));
    }
    show(&out)
}

/// What takes a store that is open and answers; without one, the server's own words are worth showing beside the rest.
fn if_told(answer: Result<Value, ClientError>) -> Result<Result<Value, String>, ClientError> {
    match answer {
        Err(ClientError::Refused(why) | ClientError::Busy(why)) => Ok(Err(why)),
        answer => answer.map(Ok),
    }
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

fn render_engine(engine: &EngineAnswer, paint: Paint) -> String {
    let shards = format!("{} of {} shards are this server's", engine.owned.len(), engine.shards);
    let servers = words::count(engine.servers.len() as u64, "server");
    let mut out = format!("{}\n", paint.dim(format!("{servers}; {shards}")));
    let lag = match (engine.lag_entries, engine.lag_ms) {
        (0, _) => paint.dim("everything that arrived is applied"),
        (waiting, ms) => {
            let text = format!("{waiting} entries of the log wait to be applied, the oldest for {}", words::span(ms));
            if ms > LAG_MS { paint.tone(Tone::Warn, text) } else { paint.dim(text) }
        }
    };
    out.push_str(&format!("{lag}\n"));
    if engine.poisoned > 0 {
        let text = format!(
            "{} skipped because of an error; see `handraiser rejected`",
            words::count(engine.poisoned, "message")
        );
        out.push_str(&format!("{}\n", paint.tone(Tone::Bad, text)));
    }
    if let Some(archive) = &engine.archive {
        out.push_str(&render_archive(archive, paint));
    }
    if let Some(walk) = &engine.backfill {
        out.push_str(&format!("{}\n", paint.dim(walk_text(walk))));
    }
    if engine.servers.iter().any(|server| engine.servers.first().is_some_and(|first| first.settings != server.settings))
    {
        out.push_str(&format!(
            "{}\n",
            paint.tone(Tone::Warn, "servers of this store run with different configurations:")
        ));
        for server in &engine.servers {
            out.push_str(&format!("  {}  {}\n", server.settings, server.name));
        }
    }
    out
}

fn walk_text(WalkItem { shards, seen, waits }: &WalkItem) -> String {
    let what = "for what is new in the configuration; see `handraiser backfill`";
    if *waits {
        return format!("when counters are filled, everybody is looked at {what}");
    }
    format!(
        "everybody is being looked at {what}: {seen} users and accounts so far, in {}",
        words::count(*shards as u64, "shard")
    )
}

fn render_archive(archive: &ArchiveItem, paint: Paint) -> String {
    let waiting = words::bytes(archive.waiting_bytes);
    let text = match &archive.error {
        None => paint.dim(format!("archive: {waiting} wait for the next segment")),
        Some(error) => {
            let then =
                if archive.blocked { "nothing is applied until it can" } else { "what happens waits in the store" };
            paint.tone(Tone::Bad, format!("the archive can't be written, {then} ({waiting} wait): {error}"))
        }
    };
    let mut out = format!("{text}\n");
    for (series, commits) in &archive.lacking {
        let left = words::count(*commits, "commit");
        let text = format!("{series} is being filled from the archive: {left} left; definitions that read it wait");
        out.push_str(&format!("{}\n", paint.tone(Tone::Warn, text)));
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
    let mut out = format!("\n{}", table.render(paint));
    for source in sources["sources"].as_array().into_iter().flatten() {
        render_use(source, paint, &mut out);
        for (field, what) in WORTH_A_LINE {
            let events = source[field].as_u64().unwrap_or(0);
            if events > 0 {
                let name = source["name"].as_str().unwrap_or_default();
                let text = format!("{name}: {} {what}", words::count(events, "event"));
                out.push_str(&format!("{}\n", paint.tone(Tone::Warn, text)));
            }
        }
    }
    out
}

/// What a source's events may have that is seldom meant.
const WORTH_A_LINE: [(&str, &str); 3] = [
    (
        "unrecognisable",
        "came with neither a messageId nor a timestamp; when such an event is sent again, it counts again",
    ),
    (
        "opted_out",
        "left out, as `integrations` of the sender says (`All: false`); `Handraiser: true` beside it lets them through",
    ),
    ("shortened", "had a value that is larger than `server.limits` allow; they are counted without the rest of it"),
];

/// What a source's events led to: the first place where a flood of made-up users or events shows.
fn render_use(source: &Value, paint: Paint, out: &mut String) {
    let number = |field: &str| source[field].as_u64().unwrap_or(0);
    let name = source["name"].as_str().unwrap_or_default();
    if number("new_subjects") + number("merges") + number("unasked") > 0 {
        let text = format!(
            "{name}: {} and {} this hour ({} and {} since the start); {} of a name that no counter asks for",
            words::count(number("new_subjects_this_hour"), "new subject"),
            words::count(number("merges_this_hour"), "merge"),
            number("new_subjects"),
            number("merges"),
            words::count(number("unasked"), "event"),
        );
        out.push_str(&format!("{}\n", paint.dim(text)));
    }
    if number("leads_let_go") > 0 {
        let leads = words::count(number("leads_let_go"), "lead");
        let text = format!("{name}: {leads} let go, since it made too many and they can't all be held");
        out.push_str(&format!("{}\n", paint.tone(Tone::Warn, text)));
    }
    if number("over_quota") > 0 {
        let requests = words::count(number("over_quota"), "request");
        let text = format!("{name}: {requests} turned away since a quota was used up");
        out.push_str(&format!("{}\n", paint.tone(Tone::Warn, text)));
    }
}

fn refusal(failure: &Value, now: Millis) -> String {
    let Some(reason) = failure["reason"].as_str() else { return String::new() };
    let at = failure["at"].as_str().map(|at| words::ago(at, now)).unwrap_or_default();
    format!("{at}: {reason}")
}

fn render_held(list: &QueueList, paint: Paint) -> String {
    let line = |held: &HeldItem| {
        let (leads, source) = (words::count(held.leads, "lead"), &held.source);
        let text = format!("{leads} held: source {source} made too many; see `handraiser leads --held`");
        format!("{}\n", paint.tone(Tone::Bad, text))
    };
    list.held.iter().map(line).collect()
}

fn render_waiting(list: &QueueList, paint: Paint) -> String {
    let line = |waiting: &WaitingItem| {
        let (leads, team) = (words::count(waiting.leads, "lead"), &waiting.team);
        if team == UNCLEAR {
            return paint.tone(Tone::Warn, format!("{leads} waiting until more is known of them")) + "\n";
        }
        let team = waiting.asks.as_ref().map_or_else(|| team.clone(), |asks| format!("{team} ({asks})"));
        let text = match &waiting.opens {
            Some(opens) => format!("{leads} waiting for team {team}, of which somebody is there from {opens} on"),
            None => format!("{leads} waiting for team {team}, and nobody knows when somebody is there"),
        };
        format!("{}\n", paint.tone(Tone::Warn, text))
    };
    list.waiting.iter().map(line).collect()
}

fn render_queues(list: &QueueList, now: Millis, paint: Paint) -> String {
    if list.queues.is_empty() {
        return format!("\n{}\n", paint.dim("no deliveries wait, and none was given up"));
    }
    let mut table = Table::new(&["DESTINATION", "PENDING", "OLDEST", "DEAD"]);
    for queue in &list.queues {
        let dead = if queue.dead == 0 { Tone::Dim } else { Tone::Bad };
        let oldest = if queue.pending == 0 { String::new() } else { words::span(queue.oldest_ms) };
        table.row(vec![
            Cell::toned(&queue.destination, Tone::Strong),
            Cell::new(queue.pending.to_string()),
            Cell::toned(oldest, Tone::Dim),
            Cell::toned(queue.dead.to_string(), dead),
        ]);
    }
    let paused = list.queues.iter().filter_map(|queue| Some((queue.destination.as_str(), queue.paused.as_ref()?)));
    let paused = pause::lines(paused, now);
    let paused = if paused.is_empty() { paused } else { paint.tone(Tone::Warn, paused) };
    format!("\n{}{paused}", table.render(paint))
}

/// What definitions would bring that nobody is told of.
fn render_shadows(queues: &QueueList, paint: Paint) -> String {
    let line = |shadow: &ShadowItem| {
        let leads = words::count(shadow.leads as u64, "lead");
        format!("{}\n", paint.dim(format!("{} is a shadow: {leads} that nobody is told of", shadow.definition)))
    };
    queues.shadows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::http::admin::{PauseItem, QueueItem, ServerItem};
    use crate::record::PausedBy;

    fn engine(lag: (u64, i64), settings: [&str; 2]) -> EngineAnswer {
        let server =
            |(name, settings): (&str, &str)| ServerItem { name: name.to_owned(), settings: settings.to_owned() };
        EngineAnswer {
            server: "a".to_owned(),
            shards: 16,
            owned: (0..8).collect(),
            lag_entries: lag.0,
            lag_ms: lag.1,
            servers: ["a", "b"].into_iter().zip(settings).map(server).collect(),
            poisoned: 0,
            memory_bytes: 1_000_000,
            archive: None,
            backfill: None,
        }
    }

    #[test]
    fn a_good_day() {
        insta::assert_snapshot!(render_engine(&engine((0, 0), ["v1", "v1"]), Paint::plain()));
    }

    #[test]
    fn a_bad_day() {
        let backfill = Some(WalkItem { shards: 8, seen: 12_000, waits: false });
        let engine = EngineAnswer { poisoned: 2, backfill, ..engine((70_000, 65_000), ["v1", "v2"]) };
        insta::assert_snapshot!(render_engine(&engine, Paint::plain()));
    }

    #[test]
    fn an_archive_that_cant_be_written_is_told() {
        let error = |error: Option<&str>, blocked| ArchiveItem {
            waiting_bytes: 70_000_000,
            segments: 3,
            error: error.map(ToOwned::to_owned),
            blocked,
            lacking: BTreeMap::new(),
        };
        let full = "data/history: No space left on device";
        let filling = ArchiveItem { lacking: BTreeMap::from([("minutes".to_owned(), 4_711)]), ..error(None, false) };
        let lines = [filling, error(Some(full), false), error(Some(full), true)];
        insta::assert_snapshot!(lines.map(|archive| render_archive(&archive, Paint::plain())).concat(), @r"
        archive: 70 MB wait for the next segment
        minutes is being filled from the archive: 4711 commits left; definitions that read it wait
        the archive can't be written, what happens waits in the store (70 MB wait): data/history: No space left on device
        the archive can't be written, nothing is applied until it can (70 MB wait): data/history: No space left on device
        ");
    }

    #[test]
    fn a_source_that_sends_what_was_hardly_meant_is_told() {
        let source = |name: &str, unrecognisable: u64, opted_out: u64| {
            json!({ "name": name, "accepted": 9, "duplicates": 1, "unrecognisable": unrecognisable, "rejected": 0,
                "opted_out": opted_out, "shortened": opted_out / 5, "unauthorised": 0, "failed": 0, "last_event_at": null,
                "last_failure": null })
        };
        let sources = json!({ "sources": [source("app", 3, 0), source("web", 0, 15), source("(unknown)", 0, 0)] });
        insta::assert_snapshot!(render_sources(&sources, Millis(0), Paint::plain()));
    }

    #[test]
    fn queues_at_a_glance() {
        let queue = QueueItem {
            destination: "crm".to_owned(),
            pending: 12,
            dead: 1,
            oldest_ms: 4 * Millis::HOUR,
            paused: None,
        };
        let why = Some("they migrate".to_owned());
        let pause = PauseItem { since: Millis(0).rfc3339(), by: PausedBy::Hand, why };
        let paused = QueueItem { destination: "slack".to_owned(), dead: 0, paused: Some(pause), ..queue.clone() };
        let now = Millis(3 * Millis::HOUR);
        let list = |queues| QueueList { queues, held: Vec::new(), waiting: Vec::new(), shadows: Vec::new() };
        insta::assert_snapshot!(render_queues(&list(vec![queue, paused]), now, Paint::plain()));
        insta::assert_snapshot!(render_queues(&list(Vec::new()), now, Paint::plain()));
    }

    #[test]
    fn leads_that_are_held_are_told() {
        let held = vec![HeldItem { source: "web".to_owned(), leads: 9_000 }];
        let list = QueueList { queues: Vec::new(), held, waiting: Vec::new(), shadows: Vec::new() };
        let expected = "9000 leads held: source web made too many; see `handraiser leads --held`\n";
        assert_eq!(render_held(&list, Paint::plain()), expected);
    }
}
