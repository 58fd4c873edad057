//! `handraiser outcome`: what people made of a lead.

use serde_json::to_value;

use super::client::{Client, Format, Remote};
use super::output::{CommandError, print_json, read};
use crate::http::admin::{LeadItem, Outcome, OutcomeRequest};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The lead's id (see `handraiser leads`)
    id: String,

    /// How far they have come with it, or what became of it
    #[arg(value_enum)]
    outcome: Outcome,

    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    #[command(flatten)]
    remote: Remote,
}

pub async fn run(args: Args) -> Result<(), CommandError> {
    let request = to_value(&OutcomeRequest { outcome: args.outcome, reason: args.reason })?;
    let answer = Client::new(&args.remote)?.post(&["leads", &args.id, "outcome"], &request).await?;
    if args.remote.format == Format::Json {
        return print_json(&answer);
    }
    let item: LeadItem = read(answer)?;
    let said = |name| item.lead.get(name).and_then(serde_json::Value::as_str);
    let wanted = request.get("outcome").and_then(serde_json::Value::as_str).unwrap_or_default();
    match (said("outcome"), said("progress")) {
        (Some(stands), _) | (None, Some(stands)) if stands == wanted => println!("{} is {stands}", item.id),
        (Some(stands), _) | (None, Some(stands)) => println!("{} was {stands} before, and stays so", item.id),
        (None, None) => {
            return Err(CommandError::message(
                "its definition is not in the configuration any more; nothing was changed",
            ));
        }
    }
    Ok(())
}
