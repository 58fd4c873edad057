//! The command line: one file per subcommand. `serve` and `demo` run a server; the others talk to one through its admin
//! API, so that they show what the server knows and work from any machine that reaches it.

mod card;
mod client;
mod deliveries;
mod explain;
mod forget;
mod frame;
mod health;
mod leads;
mod paint;
mod rejected;
mod replay;
mod subject;
mod table;
mod words;

pub mod check;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Turns product usage into product-qualified leads, routed and pushed into the CRM.
#[derive(Debug, Parser)]
#[command(name = "handraiser", version, propagate_version = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show where a user or an account stands on every definition, condition by condition
    Explain(explain::Args),
    /// List leads, newest first, or show one
    Leads(leads::Args),
    /// List deliveries: waiting, given up, done
    Deliveries(deliveries::Args),
    /// Try deliveries again that were given up
    Replay(replay::Args),
    /// List events that arrived and could not be used, and why
    Rejected(rejected::Args),
    /// Delete a user (with all ids merged into them) or an account
    Forget(forget::Args),
    /// Ask a server whether it is well; for container health checks
    Health(health::Args),
}

/// Why a command failed, in words for the person who called it.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn message(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    // Only fails when a provider is there already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    let outcome = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run(cli.command)),
        Err(error) => Err(Failure::message(format!("the runtime can't be started: {error}"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(message)) => {
            let paint = paint::Paint::stderr();
            eprintln!("{} {message}", paint.tone(paint::Tone::Bad, "error:"));
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Explain(args) => explain::run(args).await,
        Command::Leads(args) => leads::run(args).await,
        Command::Deliveries(args) => deliveries::run(args).await,
        Command::Replay(args) => replay::run(args).await,
        Command::Rejected(args) => rejected::run(args).await,
        Command::Forget(args) => forget::run(args).await,
        Command::Health(args) => health::run(args).await,
    }
}

/// The command line's definition, for help pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, Failure> {
    serde_json::from_value(value).map_err(|error| {
        Failure::message(format!("the server's answer can't be read ({error}); is it of this version?"))
    })
}
