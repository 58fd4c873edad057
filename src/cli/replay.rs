//! `handraiser replay`: tries deliveries again that were given up.

use serde_json::to_value;

use super::client::{Client, Format, Remote};
use super::output::{CommandError, print_json, read};
use super::words;
use crate::http::admin::{ReplayRequest, Replayed};

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["id", "destination", "all"]))]
pub struct Args {
    /// One delivery, by its id (see `handraiser deliveries --state dead`)
    id: Option<String>,

    /// All dead deliveries to this destination
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,

    /// All dead deliveries
    #[arg(long)]
    all: bool,

    /// Of those, only what was given up for this reason, as `handraiser deliveries --causes` prints it
    #[arg(long, value_name = "TEXT")]
    cause: Option<String>,

    #[command(flatten)]
    remote: Remote,
}

pub async fn run(args: Args) -> Result<(), CommandError> {
    let client = Client::new(&args.remote)?;
    let request = ReplayRequest { id: args.id, destination: args.destination, all: args.all, cause: args.cause };
    let answer = client.post(&["deliveries", "replay"], &to_value(&request)?).await?;
    if args.remote.format == Format::Json {
        return print_json(&answer);
    }
    let replayed: Replayed = read(answer)?;
    if replayed.replayed == 0 {
        return Err(CommandError::message("nothing to replay: no dead delivery matches; see `handraiser deliveries`"));
    }
    println!(
        "{} under way again; follow with `handraiser deliveries`",
        words::count(replayed.replayed as u64, "delivery")
    );
    Ok(())
}
