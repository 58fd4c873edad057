//! `handraiser outcome`: what became of a lead.

use serde_json::to_value;

use super::client::{Client, Format, Remote};
use super::output::{CommandError, print_json, read};
use crate::http::admin::{LeadItem, OutcomeRequest};
use crate::lead::Ending;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The lead's id (see `handraiser leads`)
    id: String,

    /// What became of it
    #[arg(value_enum)]
    outcome: Outcome,

    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    #[command(flatten)]
    remote: Remote,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Outcome {
    /// They bought
    Won,
    /// They won't
    Lost,
}

pub async fn run(args: Args) -> Result<(), CommandError> {
    let outcome = match args.outcome {
        Outcome::Won => Ending::Won,
        Outcome::Lost => Ending::Lost,
    };
    let request = to_value(&OutcomeRequest { outcome, reason: args.reason })?;
    let answer = Client::new(&args.remote)?.post(&["leads", &args.id, "outcome"], &request).await?;
    if args.remote.format == Format::Json {
        return print_json(&answer);
    }
    let item: LeadItem = read(answer)?;
    let stands = item.lead.get("outcome").and_then(serde_json::Value::as_str);
    match stands {
        Some(stands) if stands == outcome.as_str() => println!("{} is {stands}", item.id),
        Some(stands) => println!("{} was {stands} before, and stays so", item.id),
        None => {
            return Err(CommandError::message(
                "its definition is not in the configuration any more; nothing was changed",
            ));
        }
    }
    Ok(())
}
