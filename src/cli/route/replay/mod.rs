//! `handraiser route replay`: last month's leads by a new file, before it is in force.

mod source;
mod tables;
mod text;

use std::path::PathBuf;

use jiff::tz::TimeZone;
use serde::Serialize;
use url::Url;

use crate::cli::client::{Format, Remote};
use crate::cli::moment::moment;
use crate::cli::output::{CommandError, load, print_json, show};
use crate::cli::paint::Paint;
use crate::routing::paper::{Count, Group, LateCount, Line, Load, Paper, PassedOverCount, Report, WaitedCount};
use crate::time::{Clock, Millis};

/// Routes the leads of the past by a configuration, on paper.
///
/// Each is routed as at the moment at which it qualified, with hours, absences and caps as they were then and with the teams' turns in the
/// order of time. Nothing is changed anywhere. Turns begin anew on paper: that a lead goes to another rep of the same team is counted apart;
/// with `--against` both sides begin anew.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration to try
    #[arg(long, default_value = "handraiser.yaml", env = "HANDRAISER_CONFIG", value_name = "FILE")]
    config: PathBuf,

    /// Compare with what this configuration makes of the same leads, instead of with who got them
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,

    /// Leads that qualified from then on: `30d` ago, a day, or RFC 3339. By default the last 30 days, or all of `--leads`
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,

    /// And before then; by default now
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,

    /// Take the leads from a file instead of the server: one on each line, as the API or a webhook wrote it; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    leads: Option<PathBuf>,

    /// The running server to take the leads from
    #[arg(long, env = "HANDRAISER_SERVER", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    server: Url,

    /// The admin API's token: `server.admin_token` of the configuration
    #[arg(long, env = "HANDRAISER_ADMIN_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,

    /// So many leads that change their owner are listed
    #[arg(long, default_value_t = 20, value_name = "N", conflicts_with = "all")]
    first: usize,

    /// List all leads that change their owner
    #[arg(long)]
    all: bool,

    /// How to print it
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
}

/// How the outcome is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// For people
    Text,
    /// Everything, for programs
    Json,
    /// A row for each lead
    Csv,
    /// A row for each rep and week, as CSV
    Weeks,
}

/// The outcome for programs.
#[derive(Serialize)]
struct Told<'r> {
    since: Option<String>,
    until: String,
    #[serde(flatten)]
    report: &'r Report,
    groups: Vec<Group>,
    weeks: Vec<Load>,
    waits: Vec<WaitedCount>,
    late: Vec<LateCount>,
    passed_over: Vec<PassedOverCount>,
    /// What the routes asked of leads that is not known of them.
    unknown: Vec<Count>,
    /// Definitions that leads are of, and the configuration doesn't have.
    unknown_definitions: Vec<Count>,
    changes: Vec<&'r Line>,
}

pub async fn run(args: &Args) -> Result<(), CommandError> {
    let now = Clock::System.now();
    let config = load(&args.config)?;
    let against = args.against.as_deref().map(load).transpose()?;
    let zone = config.rules.time_zone.clone().unwrap_or(TimeZone::UTC);
    let since = match &args.since {
        Some(text) => Some(moment("--since", text, now, &zone)?),
        None => args.leads.is_none().then(|| now.plus(-30 * Millis::DAY)),
    };
    let until = args.until.as_deref().map_or(Ok(now), |text| moment("--until", text, now, &zone))?;
    let against = against.as_ref().map(|config| config.rules.routes());
    let mut paper = Paper::new(config.rules.routes(), against, (since, Some(until)));
    match &args.leads {
        Some(file) => source::file(file, &mut paper)?,
        None => {
            let remote = Remote { server: args.server.clone(), token: args.token.clone(), format: Format::Json };
            source::server(&remote, since, &mut paper).await?;
        }
    }
    let report = paper.report(&zone);
    let mut changes = report.changes();
    let all = changes.len();
    changes.truncate(if args.all { usize::MAX } else { args.first });
    let told = Told {
        since: since.map(Millis::rfc3339),
        until: until.rfc3339(),
        groups: report.groups(),
        weeks: report.weeks(),
        waits: report.waits(),
        late: report.late(),
        passed_over: report.passed_over(),
        unknown: report.unknown(),
        unknown_definitions: report.definitions(|name| {
            // A file that has none is about routing alone.
            let all = &config.rules.definitions;
            all.is_empty() || all.iter().any(|definition| &*definition.name == name)
        }),
        changes,
        report: &report,
    };
    match args.format {
        Form::Text => show(&text::render(&told, all, Paint::stdout())),
        Form::Json => print_json(&told),
        Form::Csv => show(&tables::leads(&report)?),
        Form::Weeks => show(&tables::weeks(&told.weeks)?),
    }
}
