//! The whole server in one value: started by `serve`, by `demo`, by tests and by benchmarks, always the same way.
//!
//! It listens before its store is open. Whoever asks meanwhile hears that the server is starting; Redis may be away or loading
//! its data for as long as it takes.

mod calendars;
mod changes;
mod descriptors;
mod in_force;
mod opening;
mod web;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::config::watch::{Judge, ReloadState};
use crate::http::{AppState, Backend, SharedConfig, Status};
use crate::store::SharedStore;
use crate::telemetry;
use crate::time::Clock;
use in_force::InForce;
pub use opening::OpenError;
use opening::{Opener, Opening};
use web::{Listening, Side, Web};

/// How often the exporter folds measurements into its histograms.
const UPKEEP: Duration = Duration::from_secs(5);
/// How often a stopping server looks whether its requests are answered.
const LOOK: Duration = Duration::from_millis(5);
/// How long a stopping server waits for requests that are still arriving; nothing of them was acknowledged.
const ARRIVAL: Duration = Duration::from_secs(5);

/// What a caller may want otherwise than the configuration says.
#[derive(Clone, Default)]
pub struct Options {
    /// What everything in the server tells the time by; by default the machine's clock.
    pub clock: Clock,
    /// Listen here.
    pub listen: Option<SocketAddr>,
    /// The file that the configuration came from, for the operator to see.
    pub config_path: Option<PathBuf>,
    /// Start although something of the configuration before is lost.
    pub accept: bool,
    /// Use this store.
    pub store: Option<SharedStore>,
    /// Where whoever reloads the configuration notes how that goes.
    pub reload: Arc<ReloadState>,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store can't be opened, or used with this configuration.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The address can't be listened at.
    #[error("can't listen on {address}: {cause}; choose another address with `--listen` or `server.listen`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not, as the system says.
        cause: std::io::Error,
    },
}

/// A server at work. Stop it with [`RunningServer::stop`]; dropping it leaves its parts running.
pub struct RunningServer {
    address: SocketAddr,
    app: AppState,
    in_force: InForce,
    opening: Opening,
    web: Web,
    /// Where operators are answered, if that is an address of its own.
    admin: Option<Web>,
    upkeep: JoinHandle<()>,
    calendars: JoinHandle<()>,
}

/// Starts a server; must be called within a multi-threaded tokio runtime. Returns when the store is open, or when it is clear
/// that this has to wait for Redis; [`RunningServer::opened`] waits for it then.
///
/// # Errors
/// When the store can't be opened or the address can't be listened on.
pub async fn start(config: Config, options: Options) -> Result<RunningServer, StartError> {
    let metrics = telemetry::metrics::handle();
    telemetry::metrics::config_in_force(&config.version);
    let listen = options.listen.unwrap_or(config.server.listen);
    let admin_listen = config.server.admin_listen;
    let how = Listening { threads: config.server.workers, traced: config.server.otlp_endpoint.is_some() };
    let in_force = InForce::new(&config.rules, &config.destinations);
    let status = Status::new(opening::server_name(), options.clock.now(), options.config_path, options.reload);
    let config: SharedConfig = Arc::new(ArcSwap::from_pointee(config));
    let app = AppState::new(config, status, options.clock);
    app.connections.allow_at_most(descriptors::raise());
    let listened = |side, address, how| {
        Web::start(side, address, how, &app).map_err(|cause| StartError::Listen { address, cause })
    };
    let web = listened(if admin_listen.is_some() { Side::Public } else { Side::Whole }, listen, how)?;
    let admin = match admin_listen {
        Some(address) => Some(listened(Side::Admin, address, Listening { threads: Some(1), ..how })?),
        None => None,
    };
    let opener = Opener { app: app.clone(), in_force: in_force.clone(), accept: options.accept };
    let opening = match opener.open(options.store).await {
        Ok(opening) => opening,
        Err(error) => {
            web.stop().await;
            if let Some(admin) = admin {
                admin.stop().await;
            }
            return Err(error.into());
        }
    };
    let upkeep = tokio::spawn(upkeep(app.clone(), metrics));
    let calendars = tokio::spawn(calendars::follow(app.clone()));
    Ok(RunningServer { address: web.address(), app, in_force, opening, web, admin, upkeep, calendars })
}

impl RunningServer {
    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where operators are answered, if that is an address of its own.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(Web::address)
    }

    /// The configuration in force.
    pub fn config(&self) -> Arc<Config> {
        self.app.config.load_full()
    }

    /// The configuration in force, for whoever replaces it. Follow with [`RunningServer::reloaded`].
    pub fn shared_config(&self) -> SharedConfig {
        Arc::clone(&self.app.config)
    }

    /// Engine and store; `None` while the store is being opened.
    pub fn backend(&self) -> Option<&Backend> {
        self.app.backend.get()
    }

    /// Waits until the store is open.
    ///
    /// # Errors
    /// When it turns out that it can't be used.
    pub async fn opened(&mut self) -> Result<(), OpenError> {
        self.opening.done().await
    }

    /// What a change of the configuration is judged by, for whoever replaces it.
    pub fn judge(&self) -> Judge {
        changes::judge(self.app.clone())
    }

    /// Follows a configuration that was put in force.
    pub async fn reloaded(&self) {
        let config = self.config();
        telemetry::metrics::config_in_force(&config.version);
        self.in_force.swap(&config, self.app.clock.now());
        self.app.status.reloaded(self.app.clock.now());
        if let Some(backend) = self.backend() {
            changes::took_force(&backend.engine, &self.app).await;
        }
    }

    /// Stops gracefully within `server.drain_timeout`: takes no more connections, answers what it has, finishes what is under
    /// way, gives its shards back, closes the store. Returns whether everything ended in time; what did not is not lost, only
    /// done again.
    pub async fn stop(self) -> bool {
        let deadline = Instant::now() + self.config().server.drain_timeout;
        self.app.status.drain();
        self.web.pause().await;
        self.opening.cancel();
        let answered = self.answered(deadline).await;
        let closed = match self.backend() {
            Some(backend) => close(backend, deadline).await,
            None => true,
        };
        self.upkeep.abort();
        self.calendars.abort();
        self.web.stop().await;
        if let Some(admin) = self.admin {
            admin.stop().await;
        }
        answered && closed
    }

    async fn answered(&self, deadline: Instant) -> bool {
        let begun = Instant::now();
        loop {
            let arriving = self.app.bodies.bodies() > 0 && begun.elapsed() < ARRIVAL;
            if self.app.in_flight.current() == 0 && !arriving {
                return true;
            }
            if Instant::now() >= deadline {
                tracing::warn!(requests = self.app.in_flight.current(), "some requests were not answered in time");
                return false;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

async fn upkeep(app: AppState, metrics: &'static PrometheusHandle) {
    let mut ticks = tokio::time::interval(UPKEEP);
    let mut heard = changes::Heard::default();
    loop {
        ticks.tick().await;
        metrics.run_upkeep();
        app.connections.sweep();
        heard.tell(&app).await;
    }
}

async fn close(backend: &Backend, deadline: Instant) -> bool {
    let drained = backend.engine.drain(deadline.saturating_duration_since(Instant::now())).await;
    let closed = backend.store.close().await;
    if let Err(error) = &closed {
        tracing::error!(%error, "the store could not be closed in order");
    }
    drained && closed.is_ok()
}
