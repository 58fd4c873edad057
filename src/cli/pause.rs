//! `handraiser pause` and `handraiser resume`: nothing is sent to a destination for now, and then it is again.

use serde_json::{json, to_value};

use super::client::{Client, Format, Remote};
use super::output::{CommandError, print_json, read};
use super::words;
use crate::http::admin::{PauseAnswer, PauseItem, PauseRequest};
use crate::record::PausedBy;
use crate::time::Millis;

#[derive(Debug, clap::Args)]
pub struct PauseArgs {
    /// The destination
    destination: String,

    /// Why, for whoever asks
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,

    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, clap::Args)]
pub struct ResumeArgs {
    /// The destination
    destination: String,

    #[command(flatten)]
    remote: Remote,
}

pub async fn pause(args: PauseArgs) -> Result<(), CommandError> {
    let request = to_value(&PauseRequest { why: args.why })?;
    let path = ["destinations", &args.destination, "pause"];
    let answer = Client::new(&args.remote)?.post(&path, &request).await?;
    if args.remote.format == Format::Json {
        return print_json(&answer);
    }
    let answer: PauseAnswer = read(answer)?;
    println!("{} is sent nothing until `handraiser resume {0}`; {}", answer.destination, waiting(answer.pending));
    Ok(())
}

pub async fn resume(args: ResumeArgs) -> Result<(), CommandError> {
    let path = ["destinations", &args.destination, "resume"];
    let answer = Client::new(&args.remote)?.post(&path, &json!({})).await?;
    if args.remote.format == Format::Json {
        return print_json(&answer);
    }
    let answer: PauseAnswer = read(answer)?;
    if answer.before.is_none() {
        return Err(CommandError::message(format!("{} is not paused; nothing was changed", answer.destination)));
    }
    println!("{} is sent again what there is; {}", answer.destination, waiting(answer.pending));
    Ok(())
}

fn waiting(leads: u64) -> String {
    let are = if leads == 1 { "has" } else { "have" };
    format!("{} {are} news that waits", words::count(leads, "lead"))
}

/// Since when and why nothing is sent to a destination: `paused 2 h ago: they migrate`.
pub(super) fn told(pause: &PauseItem, now: Millis) -> String {
    let what = match pause.by {
        PausedBy::Hand => "paused",
        PausedBy::Refused => "paused, since it refuses the credentials,",
    };
    let why = pause.why.as_ref().map(|why| format!(": {why}"));
    format!("{what} {}{}", words::ago(&pause.since, now), why.unwrap_or_default())
}

/// A line for each destination that is paused.
pub(super) fn lines<'p>(pauses: impl Iterator<Item = (&'p str, &'p PauseItem)>, now: Millis) -> String {
    pauses
        .map(|(name, pause)| {
            format!("{name} is {}; `handraiser resume {name}` has it sent what waits\n", told(pause, now))
        })
        .collect()
}
