//! `handraiser route`: where a lead would go by a configuration, and why. Needs no server.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::client::Format;
use super::output::{CommandError, findings, print_json, show};
use super::paint::{Paint, Tone};
use super::table::{Cell, Table};
use crate::config::{self, Loaded};
use crate::crm::sample;
use crate::lead::LeadEvent;
use crate::routing::explain::{RouteExplanation, RouteTried, TerritoryTried, explain};
use crate::time::{Clock, Millis};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration file
    #[arg(long, default_value = "handraiser.yaml", env = "HANDRAISER_CONFIG", value_name = "FILE")]
    config: PathBuf,

    /// A lead as JSON: as `handraiser leads <id> --format json` prints it, as a webhook delivers it, or a part of one;
    /// `-` reads standard input. Without one: a lead of tier 1 for the first definition, of whose user and account nothing is
    /// known but what `--set` says
    #[arg(long, value_name = "FILE")]
    lead: Option<PathBuf>,

    /// What is to be another value in it, or all that is known of it: `account.country=DE`, `user.email=ana@acme.com`, `tier=2`
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,

    /// At which moment, RFC 3339; by default now
    #[arg(long, value_name = "TIME")]
    at: Option<String>,

    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub fn run(args: &Args) -> Result<(), CommandError> {
    let Loaded { config, .. } = config::load(&args.config, &config::process_env).map_err(|all| findings(&all))?;
    let now = match &args.at {
        Some(text) => Millis::parse(text).ok_or_else(|| {
            CommandError::message(format!("`{text}` is no time; write it as in `2026-11-30T09:00:00Z`"))
        })?,
        None => Clock::System.now(),
    };
    let definition = config.rules.definitions.first().map_or("", |definition| &*definition.name);
    let explanation = explain(config.rules.routes(), &lead(args, definition)?, now);
    match args.format {
        Format::Json => print_json(&explanation),
        Format::Text => show(&render(&explanation, Paint::stdout())),
    }
}

/// The lead that is asked about: what the file says over nothing, and what `--set` says over that.
fn lead(args: &Args, definition: &str) -> Result<LeadEvent, CommandError> {
    let event = sample::minimal();
    let mut lead = serde_json::to_value(&event.lead)?;
    // Nothing is known of the two yet, but that they are.
    let nobody = json!({ "id": "", "name": null, "traits": {} });
    merge(&mut lead, json!({ "definition": definition, "account": nobody, "user": nobody }));
    if let Some(path) = &args.lead {
        let text = if path.as_os_str() == "-" {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            text
        } else {
            std::fs::read_to_string(path)
                .map_err(|error| CommandError::message(format!("can't read `{}`: {error}", path.display())))?
        };
        let said: Value = serde_json::from_str(&text)
            .map_err(|error| CommandError::message(format!("`{}` is no JSON: {error}", path.display())))?;
        let said = said.get("lead").cloned().unwrap_or(said);
        merge(&mut lead, said);
    }
    for set in &args.set {
        let (name, value) = set.split_once('=').ok_or_else(|| {
            CommandError::message(format!("`--set {set}`: write a name and a value, as in `account.country=DE`"))
        })?;
        merge(&mut lead, written(name.trim(), value.trim()));
    }
    let lead = serde_json::from_value(lead);
    lead.map(|lead| LeadEvent { lead, ..event })
        .map_err(|error| CommandError::message(format!("this is no lead: {error}")))
}

/// `account.country=DE` as it stands in a lead.
fn written(name: &str, value: &str) -> Value {
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    let (root, rest) = name.split_once('.').unwrap_or(("lead", name));
    let below = rest.rsplit('.').fold(value, |value, step| json!({ step: value }));
    match root {
        "account" | "user" if rest == "id" || rest == "name" => json!({ root: below }),
        "account" | "user" => json!({ root: { "traits": below } }),
        _ => below,
    }
}

/// What `said` says stands in `into`.
fn merge(into: &mut Value, said: Value) {
    match (into, said) {
        (Value::Object(into), Value::Object(said)) => {
            for (name, value) in said {
                merge(into.entry(name).or_insert_with(|| Value::Object(Map::new())), value);
            }
        }
        (into, said) => *into = said,
    }
}

fn render(explanation: &RouteExplanation, paint: Paint) -> String {
    let mut out = String::new();
    for route in &explanation.routes {
        render_route(&mut out, route, explanation.route.as_deref() == Some(&*route.name), paint);
    }
    let whom = match (&explanation.owner, &explanation.team) {
        (Some(owner), _) => owner.clone(),
        (None, Some(team)) => format!("team {team}"),
        (None, None) => "nobody".to_owned(),
    };
    let _ = writeln!(out, "\n{} {}", paint.strong("→"), paint.strong(&whom));
    let _ = writeln!(out, "  {}", explanation.reason);
    for near in &explanation.near {
        let _ = writeln!(out, "  {}", paint.dim(format!("nearly: {near}")));
    }
    out
}

fn render_route(out: &mut String, route: &RouteTried, decides: bool, paint: Paint) {
    let (mark, tone) = match (decides, route.met) {
        (true, _) => ("✓", Tone::Good),
        (false, None) => ("?", Tone::Warn),
        (false, Some(_)) => ("·", Tone::Dim),
    };
    let when = route.when.as_deref().unwrap_or("always");
    let _ = writeln!(out, "{} {}  {}", paint.tone(tone, mark), route.name, paint.dim(when));
    let others = match route.others {
        0 => String::new(),
        1 => "    1 other territory asks for something else\n".to_owned(),
        others => format!("    {others} other territories ask for something else\n"),
    };
    if route.territories.is_empty() {
        out.push_str(&others);
        return;
    }
    let mut table = Table::new(&["  ", "TERRITORY", "WHERE", "WHY NOT"]);
    for tried in &route.territories {
        let (mark, tone) = match tried.failed.as_slice() {
            [] => ("  ✓", Tone::Good),
            failed if failed.iter().all(|one| one.unknown) => ("  ?", Tone::Warn),
            _ => ("  ·", Tone::Dim),
        };
        table.row(vec![
            Cell::toned(mark, tone),
            Cell::new(&tried.name),
            Cell::toned(&tried.place, Tone::Dim),
            Cell::new(why_not(tried)),
        ]);
    }
    out.push_str(&table.render(paint));
    out.push_str(&others);
}

fn why_not(tried: &TerritoryTried) -> String {
    let first = tried.failed.first();
    first.map_or_else(String::new, |one| format!("{} is {}, not {}", one.dimension, one.found, one.wants))
}
