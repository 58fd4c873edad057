//! The command line: one file per subcommand. `serve` and `demo` run a server; the others talk to one through its admin
//! API, so that they show what the server knows and work from any machine that reaches it.

mod absences;
mod backfill;
mod backtest;
mod card;
pub mod check;
mod client;
mod config;
mod crm;
mod deliveries;
mod demo;
mod explain;
mod forget;
mod frame;
mod given;
mod health;
mod held;
mod history;
mod init;
mod lead;
mod leads;
mod merges;
mod moment;
mod outcome;
mod output;
mod owner;
mod paint;
mod past;
mod pause;
mod reassign;
mod rejected;
mod reload;
mod replay;
mod reroute;
mod route;
mod serve;
mod status;
mod subject;
mod table;
mod traits;
mod tried;
mod words;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use self::output::CommandError;

/// Turns product usage into product-qualified leads, routed and pushed into the CRM.
#[derive(Debug, Parser)]
#[command(name = "handraiser", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Args),
    /// Show it working: a product's events in, leads with their reasons out; nothing to install
    Demo(demo::Args),
    /// Write a configuration to start from
    Init(init::Args),
    Check(check::CheckArgs),
    /// The configurations that have taken force: list them, compare them, go back to one
    Config(config::Args),
    /// Have a server read its configuration again, which it does by itself when a file changes
    Reload(reload::Args),
    /// Show the server at a glance: configuration, lag, sources, deliveries
    Status(status::Args),
    /// Show where a user or an account stands on every definition, condition by condition
    Explain(explain::Args),
    /// Try definitions on the past: how many leads they would have made of what the archive has, and which
    Backtest(backtest::Args),
    /// Show how far users and accounts that do nothing were looked at for what is new in the configuration
    Backfill(backfill::Args),
    /// Show one lead: why it is one, what happened to it, and how it stands at each destination
    Lead(lead::Args),
    /// List leads, newest first
    Leads(leads::Args),
    /// Show where a lead would go, and why: every route and territory that is tried, and what was missing for another
    Route(Box<route::Args>),
    /// Destinations: see whether deliveries will work, and what they would send
    #[command(subcommand)]
    Crm(crm::Command),
    /// Let held leads go on their way (see `leads --held`)
    Release(held::Args),
    /// Let held leads go for good
    Discard(held::Args),
    /// Say how far people have come with a lead, or what became of it
    Outcome(outcome::Args),
    /// Give a lead to a rep: destinations are told; one that waits for its team waits no longer
    Assign(owner::AssignArgs),
    /// Give the open leads of a rep to others, as when they leave: shows which, and with `--yes` does it
    Reassign(reassign::Args),
    /// Send open leads where the routes and territories of now say: shows which go elsewhere, and with `--yes` does it
    Reroute(reroute::Args),
    /// List when reps are away, and who says so
    Absences(absences::Args),
    /// Say that a rep is away: they are given no leads until then
    Absent(absences::AbsentArgs),
    /// Say that a rep is back
    Back(absences::BackArgs),
    /// Show whose the leads of an account are, or give it to a rep: the next ones are theirs, where a route leads to `account_owner`
    Owner(owner::Args),
    /// List deliveries: waiting, given up, done; or show one, with the attempts that failed
    Deliveries(deliveries::Args),
    /// Have nothing sent to a destination, and nothing asked of it, until it is resumed; what comes waits
    Pause(pause::PauseArgs),
    /// Have sent to a destination again what waits for it
    Resume(pause::ResumeArgs),
    /// Try deliveries again that were given up
    Replay(replay::Args),
    /// List events that arrived and could not be used, and why
    Rejected(rejected::Args),
    /// Delete a user (with all ids merged into them) or an account
    Forget(forget::Args),
    /// Bring in what another system knows of users or accounts: a CSV or JSONL file of an enrichment tool or a CRM
    #[command(subcommand)]
    Traits(traits::Command),
    /// Show which ids were merged into a user, and who said so; or what sources said lately about known ids being others
    Merges(merges::Args),
    /// Make an id that was merged into a user its own again
    Unlink(merges::UnlinkArgs),
    /// Show what the archive has, from its files
    History(history::Args),
    /// Ask a server whether it is well; for container health checks
    Health(health::Args),
}

/// Runs the program.
pub fn main() -> ExitCode {
    // Only fails when a provider is there already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Whatever is written (the store, a configuration) speaks of people or may hold secrets: it is its owner's alone.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let cli = Cli::parse();
    if let Command::Check(args) = cli.command {
        return check::run(args);
    }
    let outcome = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run(cli.command)),
        Err(error) => Err(CommandError::message(format!("the runtime can't be started: {error}"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(CommandError { message, code }) => {
            let paint = paint::Paint::stderr();
            eprintln!("{} {message}", paint.tone(paint::Tone::Bad, "error:"));
            ExitCode::from(code)
        }
    }
}

async fn run(command: Command) -> Result<(), CommandError> {
    match command {
        Command::Serve(args) => serve::run(args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Init(args) => init::run(&args),
        // Needs no runtime, and has exit codes of its own.
        Command::Check(_) => Ok(()),
        Command::Config(args) => config::run(args).await,
        Command::Reload(args) => reload::run(args).await,
        Command::Status(args) => status::run(args).await,
        Command::Explain(args) => explain::run(args).await,
        Command::Route(args) => route::run(*args).await,
        Command::Crm(command) => crm::run(command).await,
        Command::Backfill(args) => backfill::run(args).await,
        Command::Lead(args) => lead::run(args).await,
        Command::Leads(args) => leads::run(args).await,
        Command::Release(args) => held::release(args).await,
        Command::Discard(args) => held::discard(args).await,
        Command::Outcome(args) => outcome::run(args).await,
        Command::Assign(args) => owner::assign(args).await,
        Command::Reassign(args) => reassign::run(args).await,
        Command::Reroute(args) => reroute::run(args).await,
        Command::Absences(args) => absences::run(args).await,
        Command::Absent(args) => absences::absent(args).await,
        Command::Back(args) => absences::back(args).await,
        Command::Owner(args) => owner::run(args).await,
        Command::Deliveries(args) => deliveries::run(args).await,
        Command::Pause(args) => pause::pause(args).await,
        Command::Resume(args) => pause::resume(args).await,
        Command::Replay(args) => replay::run(args).await,
        Command::Rejected(args) => rejected::run(args).await,
        Command::Forget(args) => forget::run(args).await,
        Command::Traits(command) => traits::run(command).await,
        Command::Merges(args) => merges::run(args).await,
        Command::Unlink(args) => merges::unlink(args).await,
        Command::Backtest(args) => backtest::run(&args),
        Command::History(args) => history::run(&args),
        Command::Health(args) => health::run(args).await,
    }
}

/// The command line's definition, for help pages and completions.
pub fn command() -> clap::Command {
    Cli::command()
}
