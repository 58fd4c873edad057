//! `handraiser forget`: deletes a person or an account.

use std::io::{IsTerminal, Write};

use super::client::{Client, Format, Remote};
use super::output::{CommandError, print_json, read};
use super::subject::SubjectArgs;
use super::words;
use crate::http::admin::ForgetAnswer;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    subject: SubjectArgs,

    /// Don't ask
    #[arg(long, short)]
    yes: bool,

    #[command(flatten)]
    remote: Remote,
}

pub async fn run(args: Args) -> Result<(), CommandError> {
    let (kind, id) = args.subject.parse()?;
    if !args.yes && !confirmed(&format!("Delete {kind} `{id}` with all counters, leads and deliveries?"))? {
        return Err(CommandError::message("nothing was deleted"));
    }
    let client = Client::new(&args.remote)?;
    let answer = client.delete(&["subjects", kind.as_str(), &id], &[]).await?;
    if args.remote.format == Format::Json {
        return print_json(&answer);
    }
    let gone: ForgetAnswer = read(answer)?;
    println!(
        "forgot {}: {}, {}",
        gone.subject,
        words::count(gone.ids.len() as u64, "record"),
        words::count(gone.leads as u64, "lead"),
    );
    Ok(())
}

/// Fails closed: without a person at a terminal to ask, `--yes` has to say it.
fn confirmed(question: &str) -> Result<bool, CommandError> {
    if !std::io::stdin().is_terminal() {
        return Err(CommandError::message("this can't be undone: add `--yes`"));
    }
    print!("{question} [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
