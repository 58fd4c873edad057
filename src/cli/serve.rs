//! `handraiser serve`: runs the server until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::output::{CommandError, findings};
use crate::config::watch::{Env, Outcome, ReloadState, Reloader, Watch};
use crate::config::{self, Loaded};
use crate::server::{self, OpenError, Options, RunningServer, StartError};
use crate::telemetry::{self, LogFormat, LogOptions};
use crate::time::Clock;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration
    #[arg(long, short, env = "HANDRAISER_CONFIG", default_value = "handraiser.yaml", value_name = "FILE")]
    config: PathBuf,

    /// Listen here instead of at `server.listen`
    #[arg(long, env = "HANDRAISER_LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,

    /// Start although the configuration loses something of the one before: a source that still sends, a counter's figures
    #[arg(long)]
    accept: bool,

    /// How log lines look
    #[arg(long, env = "HANDRAISER_LOG_FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,

    /// What is logged: a level, or directives such as `info,handraiser=debug`
    #[arg(long, env = "HANDRAISER_LOG", default_value = "info", value_name = "FILTER")]
    log: String,
}

pub async fn run(args: Args) -> Result<(), CommandError> {
    let env: Env = Arc::new(config::process_env);
    let Loaded { config, warnings, files } = config::load(&args.config, &*env).map_err(|all| findings(&all))?;
    let logs = LogOptions { format: args.log_format, filter: args.log };
    let telemetry = telemetry::init(&logs, config.server.otlp_endpoint.as_deref())?;
    for warning in &warnings {
        tracing::warn!(file = warning.file, line = warning.line, help = warning.help, "{}", warning.message);
    }
    if config.server.admin_token.is_none() {
        tracing::warn!("no `server.admin_token` is configured: the admin API answers nobody");
    }
    let reload = Arc::new(ReloadState::new(warnings));
    let options = Options {
        listen: args.listen,
        config_path: Some(args.config.clone()),
        reload: Arc::clone(&reload),
        accept: args.accept,
        ..Options::default()
    };
    let mut signals = Signals::listen()?;
    let server = tokio::select! {
        server = server::start(config, options) => server.map_err(not_started)?,
        // Nothing was acknowledged yet, so there is nothing to finish.
        _ = signals.next() => return Ok(()),
    };
    announce(&server);
    let reloader =
        Reloader::new(args.config, files, env, server.shared_config(), reload, Clock::System).judged_by(server.judge());
    let stopped = until_stopped(server, reloader.watch()?, signals).await;
    tokio::task::spawn_blocking(move || telemetry.shutdown()).await?;
    stopped
}

fn not_started(error: StartError) -> CommandError {
    let code = match &error {
        StartError::Open(OpenError::WouldLose(_)) => CommandError::WOULD_LOSE,
        _ => CommandError::FAILED,
    };
    CommandError { message: error.to_string().trim_end().to_owned(), code }
}

fn announce(server: &RunningServer) {
    let config = server.config();
    tracing::info!(
        address = %server.address(),
        admin_address = server.admin_address().map(|address| address.to_string()),
        config_version = &*config.version,
        sources = config.sources.len(),
        definitions = config.rules.definitions.len(),
        destinations = config.destinations.len(),
        version = env!("CARGO_PKG_VERSION"),
        "serving"
    );
}

/// The signals that say stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for one; returns its name.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Follows reloads until a signal says stop, then stops in order; a second signal stops at once. A store that can't be used ends
/// it, too.
async fn until_stopped(mut server: RunningServer, watch: Watch, mut signals: Signals) -> Result<(), CommandError> {
    let mut outcomes = watch.outcomes();
    let mut opening = true;
    let name = loop {
        tokio::select! {
            name = signals.next() => break name,
            Ok(()) = outcomes.changed() => {
                let (_, outcome) = *outcomes.borrow_and_update();
                if outcome == Outcome::Swapped {
                    server.reloaded().await;
                }
            }
            opened = server.opened(), if opening => match opened {
                Ok(()) => opening = false,
                Err(error) => {
                    server.stop().await;
                    return Err(not_started(error.into()));
                }
            }
        }
    };
    drop(watch);
    tracing::info!(signal = name, "stopping: finishing what is under way; a second signal stops at once");
    let in_order = tokio::select! {
        in_order = server.stop() => in_order,
        _ = signals.next() => false,
    };
    if in_order {
        tracing::info!("stopped");
        return Ok(());
    }
    Err(CommandError::message(
        "stopped before everything under way was finished; what was acknowledged is in the store",
    ))
}
