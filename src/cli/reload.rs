//! `handraiser reload`: has a server read its configuration again.

use serde_json::to_value;

use super::client::{Client, Format, Remote};
use super::output::{CommandError, print_json, read};
use crate::http::admin::{ReloadAnswer, ReloadRequest};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Take the files over although something is lost that the server names otherwise
    #[arg(long)]
    accept: bool,

    #[command(flatten)]
    remote: Remote,
}

pub async fn run(args: Args) -> Result<(), CommandError> {
    let client = Client::new(&args.remote)?;
    let answer = client.post_own(&["reload"], &to_value(ReloadRequest { accept: args.accept })?).await?;
    let ReloadAnswer { outcome, version, message } = read(answer.clone())?;
    if args.remote.format == Format::Json {
        print_json(&answer)?;
    }
    if let Some(message) = message {
        let code = if outcome == "refused" { CommandError::WOULD_LOSE } else { CommandError::FAILED };
        let text = format!("the configuration before it stays in force ({version})\n\n{}", message.trim_end());
        return Err(CommandError { message: text, code });
    }
    if args.remote.format == Format::Text {
        let news = if outcome == "in_force" { "has taken force" } else { "has force already" };
        println!("version {version} {news}");
    }
    Ok(())
}
