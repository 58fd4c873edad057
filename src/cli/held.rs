//! `handraiser release` and `handraiser discard`: what becomes of leads that are held because their source made too many.

use serde_json::to_value;

use super::client::{Client, Format, Remote};
use super::output::{CommandError, print_json, read};
use super::words;
use crate::http::admin::{HeldAnswer, HeldRequest};

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["id", "source", "all"]))]
pub struct Args {
    /// One lead, by its id (see `handraiser leads --held`)
    id: Option<String>,

    /// All that are held because of this source
    #[arg(long, value_name = "NAME")]
    source: Option<String>,

    /// All that are held
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    remote: Remote,
}

pub async fn release(args: Args) -> Result<(), CommandError> {
    decide(args, "release", "on the way; follow with `handraiser deliveries`").await
}

pub async fn discard(args: Args) -> Result<(), CommandError> {
    decide(args, "discard", "discarded; no destination hears of them").await
}

async fn decide(args: Args, action: &str, outcome: &str) -> Result<(), CommandError> {
    let client = Client::new(&args.remote)?;
    let request = HeldRequest { id: args.id, source: args.source, all: args.all };
    let answer = client.post(&["leads", action], &to_value(&request)?).await?;
    if args.remote.format == Format::Json {
        return print_json(&answer);
    }
    let HeldAnswer { leads } = read(answer)?;
    if leads == 0 {
        return Err(CommandError::message("no held lead matches; see `handraiser leads --held`"));
    }
    println!("{} {outcome}", words::count(leads as u64, "lead"));
    Ok(())
}
