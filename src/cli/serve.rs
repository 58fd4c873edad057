//! `handraiser serve`: runs the server until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, findings};
use crate::config::watch::{Env, Outcome, ReloadState, Reloader, Watch};
use crate::config::{self, Loaded};
use crate::server::{self, Options, RunningServer};
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

    /// How log lines look
    #[arg(long, env = "HANDRAISER_LOG_FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,

    /// What is logged: a level, or directives such as `info,handraiser=debug`
    #[arg(long, env = "HANDRAISER_LOG", default_value = "info", value_name = "FILTER")]
    log: String,
}

pub async fn run(args: Args) -> Result<(), Failure> {
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
        ..Options::default()
    };
    let server = server::start(config, options).await?;
    announce(&server);
    let reloader = Reloader::new(args.config, files, env, server.shared_config(), reload, Clock::System);
    let stopped = until_stopped(server, reloader.watch()?).await;
    tokio::task::spawn_blocking(move || telemetry.shutdown()).await?;
    stopped
}

fn announce(server: &RunningServer) {
    for warning in server.store_warnings() {
        tracing::warn!(store = true, "{warning}");
    }
    let config = server.config();
    tracing::info!(
        address = %server.address(),
        config_version = &*config.version,
        sources = config.sources.len(),
        definitions = config.definitions.len(),
        destinations = config.destinations.len(),
        version = env!("CARGO_PKG_VERSION"),
        "serving"
    );
}

/// Follows reloads until a signal says stop, then stops in order; a second signal stops at once.
async fn until_stopped(mut server: RunningServer, watch: Watch) -> Result<(), Failure> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut outcomes = watch.outcomes();
    let name = loop {
        tokio::select! {
            _ = terminate.recv() => break "SIGTERM",
            _ = interrupt.recv() => break "SIGINT",
            Ok(()) = outcomes.changed() => {
                let (_, outcome) = *outcomes.borrow_and_update();
                if outcome == Outcome::Swapped {
                    server.reloaded().await;
                }
            }
        }
    };
    drop(watch);
    tracing::info!(signal = name, "stopping: finishing what is under way; a second signal stops at once");
    let in_order = tokio::select! {
        in_order = server.stop() => in_order,
        _ = terminate.recv() => false,
        _ = interrupt.recv() => false,
    };
    if in_order {
        tracing::info!("stopped");
        return Ok(());
    }
    Err(Failure::message("stopped before everything under way was finished; what was acknowledged is in the store"))
}
