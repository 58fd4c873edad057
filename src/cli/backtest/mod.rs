//! `handraiser backtest`: what definitions would have made of the past, before they are in force.

mod report;

use std::path::PathBuf;

use serde::Serialize;

use self::report::{Report, render};
use super::client::Format;
use super::output::{CommandError, load, print_json, show};
use super::paint::Paint;
use super::past::{PastArgs, at, tell};
use crate::backtest::Qualified;
use crate::ids::SubjectKind;
use crate::time::{Clock, Millis};

/// Tries definitions on the past.
///
/// All that the archive has is decided about once more, in memory, in the order in which it came and with time passing in between. No
/// server is asked and nothing is changed anywhere.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    past: PastArgs,

    /// Compare with what this configuration makes of the same past
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,

    /// Leads from then on: `30d` ago, a day, or RFC 3339. What came before counts, and makes no lead here
    #[arg(long, value_name = "WHEN", default_value = "30d")]
    since: String,

    /// And before then; by default now
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,

    /// List who would have become a lead, or with `--against` who makes the difference
    #[arg(long)]
    list: bool,

    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Somebody who would have become a lead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Lead {
    definition: String,
    of: SubjectKind,
    id: String,
    tier: u8,
    at: String,
}

pub fn run(args: &Args) -> Result<(), CommandError> {
    let config = load(&args.past.config)?;
    let since = at("--since", &args.since, &config)?;
    let until = args.until.as_ref().map_or_else(|| Ok(Clock::System.now()), |text| at("--until", text, &config))?;
    if since >= until {
        return Err(CommandError::message("`--since` must be before `--until`"));
    }
    let archive = args.past.archive(&config)?;
    let past = tell(&archive, &config, until)?;
    let leads = leads(past.backtest.qualified(), since);
    let against = match &args.against {
        Some(file) => {
            let config = load(file)?;
            let past = tell(&archive, &config, until)?;
            Some((self::leads(past.backtest.qualified(), since), config.rules.definitions.clone()))
        }
        None => None,
    };
    let report = Report::new((since, until), &past, (leads, &config.rules.definitions), against);
    match args.format {
        Format::Json => print_json(&report),
        Format::Text => show(&render(&report, args.list, Paint::stdout())),
    }
}

fn leads(qualified: &[Qualified], since: Millis) -> Vec<Lead> {
    let from = qualified.iter().filter(|one| one.at >= since);
    let lead = |one: &Qualified| Lead {
        definition: one.definition.to_string(),
        of: one.of,
        id: one.id.to_string(),
        tier: one.tier,
        at: one.at.rfc3339(),
    };
    from.map(lead).collect()
}
