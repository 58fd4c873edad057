//! `handraiser route`: where a lead would go by a configuration, and why. Needs no server, unless it is to say who is away.

mod replay;

use std::fmt::Write as _;
use std::path::PathBuf;

use url::Url;

use super::absences;
use super::client::{Client, Format, Remote};
use super::given::Lead;
use super::output::{CommandError, load, print_json, show};
use super::paint::{Paint, Tone};
use super::table::{Cell, Table};
use crate::record::Roster;
use crate::routing::Routes;
use crate::routing::explain::{RouteExplanation, RouteTried, TerritoryTried, explain};
use crate::time::{Clock, Millis};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    /// The configuration file
    #[arg(long, default_value = "handraiser.yaml", env = "HANDRAISER_CONFIG", value_name = "FILE")]
    config: PathBuf,

    #[command(flatten)]
    lead: Lead,

    /// At which moment, RFC 3339; by default now
    #[arg(long, value_name = "TIME")]
    at: Option<String>,

    /// Ask the running server who is away, beside what the configuration says
    #[arg(long)]
    away: bool,

    /// The running server that is asked
    #[arg(long, env = "HANDRAISER_SERVER", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    server: Url,

    /// The admin API's token: `server.admin_token` of the configuration
    #[arg(long, env = "HANDRAISER_ADMIN_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,

    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Route the leads of the past by a configuration, on paper: who gains and loses what, and why
    Replay(replay::Args),
}

pub async fn run(args: Args) -> Result<(), CommandError> {
    match &args.command {
        Some(Command::Replay(args)) => replay::run(args).await,
        None => one(&args).await,
    }
}

async fn one(args: &Args) -> Result<(), CommandError> {
    let config = load(&args.config)?;
    let now = match &args.at {
        Some(text) => Millis::parse(text).ok_or_else(|| {
            CommandError::message(format!("`{text}` is no time; write it as in `2026-11-30T09:00:00Z`"))
        })?,
        None => Clock::System.now(),
    };
    let definition = config.rules.definitions.first().map_or("", |definition| &*definition.name);
    let roster = who_is_away(args).await?;
    let by = Routes { roster: &roster, ..config.rules.routes() };
    let explanation = explain(by, &args.lead.event(definition)?, now);
    match args.format {
        Format::Json => print_json(&explanation),
        Format::Text => show(&render(&explanation, Paint::stdout())),
    }
}

/// Who is away beside what the configuration says, if that is to be heeded.
async fn who_is_away(args: &Args) -> Result<Roster, CommandError> {
    let Args { server, token, format, .. } = args;
    let remote = Remote { server: server.clone(), token: token.clone(), format: *format };
    if args.away { absences::ask(&Client::new(&remote)?).await } else { Ok(Roster::default()) }
}

pub(super) fn render(explanation: &RouteExplanation, paint: Paint) -> String {
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
    if let Some(unclear) = &explanation.unclear {
        let _ = writeln!(out, "  {}", paint.tone(Tone::Warn, unclear));
    }
    render_reps(&mut out, explanation, paint);
    for near in &explanation.near {
        let _ = writeln!(out, "  {}", paint.dim(format!("nearly: {near}")));
    }
    out
}

/// Who of the team is there, where not everybody is.
fn render_reps(out: &mut String, explanation: &RouteExplanation, paint: Paint) {
    if explanation.reps.iter().all(|rep| rep.refused.is_none()) {
        return;
    }
    for rep in &explanation.reps {
        let (mark, tone) = if rep.refused.is_none() { ("✓", Tone::Good) } else { ("·", Tone::Dim) };
        let _ = writeln!(out, "  {} {}", paint.tone(tone, mark), rep.because.as_ref().unwrap_or(&rep.rep));
    }
    if let Some(opens) = &explanation.opens {
        let _ = writeln!(out, "  {}", paint.dim(format!("nobody is there before {opens}")));
    }
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
