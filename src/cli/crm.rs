//! `handraiser crm`: whether deliveries to a destination will work, and what they would send. Needs no server.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use reqwest::header::CONTENT_TYPE;
use serde::Serialize;

use super::client::Format;
use super::given::Lead;
use super::output::{CommandError, load, print_json, show};
use super::paint::{Paint, Tone};
use crate::config::Config;
use crate::crm::adapter::{LeadNews, Proof};
use crate::crm::client::Connections;
use crate::crm::exchange::{Request, Response};
use crate::crm::line::Line;
use crate::crm::memo::Memo;
use crate::crm::pace::Pace;
use crate::crm::retry::Failure;
use crate::crm::room::Rooms;
use crate::crm::session::{Session, Wire};
use crate::crm::{Destination, sample};
use crate::routing::{RouteTarget, RouteTo};
use crate::time::Clock;
use crate::visible;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Prove that deliveries will work: credentials, fields, owners. Changes nothing at the destination
    Test(TestArgs),
}

#[derive(Debug, clap::Args)]
pub struct TestArgs {
    /// The destination; by default each of them
    destination: Option<String>,

    /// The configuration file
    #[arg(long, default_value = "handraiser.yaml", env = "HANDRAISER_CONFIG", value_name = "FILE")]
    config: PathBuf,

    /// Show the requests of a delivery instead. What only asks is really sent; what would change something is not
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    lead: Lead,

    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// What was found of one destination.
#[derive(Debug, Serialize)]
struct Tested {
    destination: String,
    proofs: Vec<Proof>,
}

/// The requests of a delivery to one destination.
#[derive(Debug, Serialize)]
struct Rehearsed {
    destination: String,
    requests: Vec<Shown>,
    /// Why it would fail; absent when it would not.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// A request as it is shown: nothing secret in it.
#[derive(Clone, Debug, Serialize)]
struct Shown {
    method: String,
    url: String,
    /// Whether it was really sent.
    sent: bool,
    body: serde_json::Value,
}

pub async fn run(command: Command) -> Result<(), CommandError> {
    let Command::Test(args) = command;
    let config = load(&args.config)?;
    let asked = |destination: &&Destination| args.destination.as_deref().is_none_or(|name| name == &*destination.name);
    let destinations: Vec<&Destination> = config.destinations.iter().filter(asked).collect();
    if destinations.is_empty() {
        let known: Vec<&str> = config.destinations.iter().map(|destination| &*destination.name).collect();
        return Err(CommandError::message(match (&args.destination, known.as_slice()) {
            (_, []) => "the configuration has no destinations".to_owned(),
            (name, known) => {
                format!("there is no destination `{}`; there is {}", name.as_deref().unwrap_or(""), known.join(", "))
            }
        }));
    }
    if args.dry_run {
        return rehearse_all(&args, &config, &destinations).await;
    }
    let owners = owners(&config);
    let owners: Vec<&str> = owners.iter().map(String::as_str).collect();
    let mut tested = Vec::new();
    for destination in destinations {
        let proofs = over(destination, false, async |session| destination.kind.adapter().test(&owners, session).await);
        tested.push(Tested { destination: destination.name.to_string(), proofs: proofs.await?.0 });
    }
    match args.format {
        Format::Json => print_json(&tested)?,
        Format::Text => show(&render(&tested, Paint::stdout()))?,
    }
    let wrong = tested.iter().flat_map(|one| &one.proofs).filter(|proof| !proof.ok).count();
    match wrong {
        0 => Ok(()),
        1 => Err(CommandError::message("one thing is to be mended")),
        wrong => Err(CommandError::message(format!("{wrong} things are to be mended"))),
    }
}

async fn rehearse_all(args: &TestArgs, config: &Config, destinations: &[&Destination]) -> Result<(), CommandError> {
    let definition = config.rules.definitions.first().map_or("", |definition| &*definition.name);
    let mut event = args.lead.event(definition)?;
    if !args.lead.is_given() {
        // One of which everything is known, for somebody who is there.
        event.lead = sample::full().lead;
        definition.clone_into(&mut event.lead.definition);
        let owner = owners(config).into_iter().next();
        event.lead.routing.iter_mut().for_each(|routing| routing.owner.clone_from(&owner));
    }
    let json = serde_json::to_string(&event)?;
    let mut all = Vec::new();
    for destination in destinations {
        let news = LeadNews { id: &event.id, json: &json, newer: None };
        let deliver = async |session: &mut Session<'_>| destination.kind.adapter().deliver(&news, session).await;
        let (came, requests) = over(destination, true, deliver).await?;
        let error = came.err().map(|failure| failure.error);
        all.push(Rehearsed { destination: destination.name.to_string(), requests, error });
    }
    match args.format {
        Format::Json => print_json(&all),
        Format::Text => show(&render_rehearsed(&all, Paint::stdout())),
    }
}

/// Does something over a session with a destination; returns the requests as well. In a `rehearsal` nothing that changes anything is
/// sent.
async fn over<T>(
    destination: &Destination,
    rehearsal: bool,
    act: impl AsyncFnOnce(&mut Session<'_>) -> T,
) -> Result<(T, Vec<Shown>), CommandError> {
    let (clock, memo, pace) = (Clock::System, Memo::default(), Mutex::new(Pace::default()));
    let http = &destination.http;
    let connections = Connections::new(&http.allow_addresses, http.ca.as_ref())?;
    let limits = destination.kind.adapter().limits();
    let room = Rooms::default().begin();
    let line = Line { connections, http, pace: &pace, limits, room, clock: &clock, watch: None };
    let wire = Watched { line, destination, rehearsal, has_pretended: AtomicBool::new(false), seen: Mutex::default() };
    let mut session = Session::new(&wire, &clock, &memo);
    let came = act(&mut session).await;
    Ok((came, wire.seen.into_inner().unwrap_or_default()))
}

/// A wire that keeps what goes over it.
struct Watched<'w> {
    line: Line<'w>,
    destination: &'w Destination,
    rehearsal: bool,
    /// Whether anything was left out in it.
    has_pretended: AtomicBool,
    seen: Mutex<Vec<Shown>>,
}

#[async_trait]
impl Wire for Watched<'_> {
    async fn exchange(&self, request: Request) -> Result<Response, Failure> {
        let adapter = self.destination.kind.adapter();
        let pretended = adapter.pretend(&request).filter(|_| self.rehearsal);
        if let Ok(mut seen) = self.seen.lock() {
            seen.push(shown(&request, adapter.secret_url(), pretended.is_none()));
        }
        if let Some(answer) = pretended {
            self.has_pretended.store(true, Ordering::Relaxed);
            return Ok(answer);
        }
        let answer = self.line.exchange(request.clone()).await?;
        // It can't know what was only pretended to be made.
        let in_vain = self.has_pretended.load(Ordering::Relaxed) && matches!(answer.status, 400 | 404);
        Ok(adapter.pretend_nothing(&request).filter(|_| in_vain).unwrap_or(answer))
    }
}

/// A request without its headers, and without what is secret in its URL.
fn shown(request: &Request, secret_url: bool, sent: bool) -> Shown {
    let host = || format!("{}://{}/…", request.url.scheme(), request.url.host_str().unwrap_or_default());
    let url = if secret_url { host() } else { request.url.to_string() };
    // A form asks for a token, with what proves who asks.
    let is_form = request.headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/x-www-form-urlencoded");
    let body = match serde_json::from_slice(&request.body) {
        Ok(body) => body,
        Err(_) if is_form => "…".into(),
        Err(_) => serde_json::Value::from(String::from_utf8_lossy(&request.body).into_owned()),
    };
    Shown { method: request.method.to_string(), url, sent, body }
}

/// The reps that leads may go to, by e-mail address.
fn owners(config: &Config) -> BTreeSet<String> {
    let teams = config.rules.teams.iter().flat_map(|team| &team.reps).map(|rep| rep.name.to_string());
    let routes = config.rules.routes.iter().filter_map(|route| match &route.to {
        RouteTo::Target(RouteTarget::Rep(rep)) => Some(rep.to_string()),
        _ => None,
    });
    let rows = config.rules.territories.iter().flat_map(|table| &table.rows).filter_map(|row| match &row.to {
        RouteTarget::Rep(rep) => Some(rep.to_string()),
        _ => None,
    });
    teams.chain(routes).chain(rows).collect()
}

fn render(tested: &[Tested], paint: Paint) -> String {
    let mut out = String::new();
    for Tested { destination, proofs } in tested {
        let _ = writeln!(out, "{}", paint.strong(destination));
        for Proof { what, found, fix, .. } in proofs {
            let (mark, tone) = if fix.is_none() { ("✓", Tone::Good) } else { ("✗", Tone::Bad) };
            let found = visible::escaped(found);
            let _ = writeln!(out, "  {} {what}: {found}", paint.tone(tone, mark));
            if let Some(fix) = fix {
                let _ = writeln!(out, "    {}", paint.dim(format!("fix: {fix}")));
            }
        }
    }
    out
}

fn render_rehearsed(all: &[Rehearsed], paint: Paint) -> String {
    let mut out = String::new();
    for Rehearsed { destination, requests, error } in all {
        let _ = writeln!(out, "{}", paint.strong(destination));
        for Shown { method, url, sent, body } in requests {
            let note = if *sent { "sent" } else { "not sent" };
            let _ = writeln!(out, "  {} {url}  {}", paint.strong(method), paint.dim(note));
            if !body.is_null() && body != "" {
                let text = serde_json::to_string_pretty(body).unwrap_or_default();
                for line in text.lines() {
                    let _ = writeln!(out, "    {}", visible::escaped(line));
                }
            }
        }
        if let Some(error) = error {
            let _ = writeln!(out, "  {} {}", paint.tone(Tone::Bad, "it would fail:"), visible::escaped(error));
        }
    }
    out
}
