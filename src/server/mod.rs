//! The whole server in one value: started by `serve`, by `demo`, by tests and by benchmarks, always the same way.

mod status;
mod web;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::task::JoinHandle;

pub use status::{ReloadFailure, Status};

use crate::config::Config;
use crate::config::watch::ReloadState;
use crate::engine::background::Background;
use crate::engine::queue::Surroundings;
use crate::engine::{Engine, SharedConfig, Wakes};
use crate::http::AppState;
use crate::http::admin::AdminState;
use crate::store::{SharedStore, StoreError};
use crate::telemetry;
use crate::time::Clock;
use web::Web;

/// How often the exporter folds measurements into its histograms.
const UPKEEP: Duration = Duration::from_secs(5);
/// How much of the time for stopping is kept for giving unfinished work back.
const GIVE_BACK: Duration = Duration::from_secs(5);
/// How often a stopping server looks whether its requests are answered.
const LOOK: Duration = Duration::from_millis(5);

/// What a caller may want otherwise than the configuration says.
#[derive(Clone, Default)]
pub struct Options {
    /// What everything in the server tells the time by; by default the machine's clock.
    pub clock: Clock,
    /// Listen here.
    pub listen: Option<SocketAddr>,
    /// The file that the configuration came from, for the operator to see.
    pub config_path: Option<PathBuf>,
    /// Use this store.
    pub store: Option<SharedStore>,
    /// Where whoever reloads the configuration notes how that goes.
    pub reload: Arc<ReloadState>,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store can't be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
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
    admin: AdminState,
    background: Background,
    web: Web,
    upkeep: JoinHandle<()>,
    store_warnings: Vec<String>,
}

/// Starts a server; must be called within a multi-threaded tokio runtime.
///
/// # Errors
/// When the store can't be opened or the address can't be listened on.
pub async fn start(config: Config, options: Options) -> Result<RunningServer, StartError> {
    let metrics = telemetry::metrics::handle();
    telemetry::metrics::config_in_force(&config.version);
    let store = match options.store {
        Some(store) => store,
        None => crate::store::open(&config.store).await?,
    };
    let listen = options.listen.unwrap_or(config.server.listen);
    let threads = config.server.workers;
    let traced = config.server.otlp_endpoint.is_some();
    let status = Arc::new(Status::new(options.clock.now(), options.config_path, options.reload));
    let admin = state(config, store, options.clock, status);
    let web = Web::start(listen, threads, traced, &admin)?;
    let around =
        Surroundings { store: Arc::clone(&admin.store), clock: admin.clock.clone(), wakes: admin.wakes.clone() };
    let background = Background::start(&admin.engine, around, Arc::clone(&admin.config));
    let upkeep = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            ticks.tick().await;
            metrics.run_upkeep();
        }
    });
    let store_warnings = admin.store.warnings().await;
    Ok(RunningServer { address: web.address(), admin, background, web, upkeep, store_warnings })
}

fn state(config: Config, store: SharedStore, clock: Clock, status: Arc<Status>) -> AdminState {
    let config: SharedConfig = Arc::new(ArcSwap::from_pointee(config));
    let wakes = Wakes::default();
    let engine = Engine::new(Arc::clone(&store), Arc::clone(&config), clock.clone(), wakes.clone());
    let app = AppState::new(engine, store, config, clock);
    AdminState { app, wakes, status }
}

impl RunningServer {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        self.admin.config.load_full()
    }

    /// The configuration in force, for whoever replaces it. Follow with [`RunningServer::reloaded`].
    #[must_use]
    pub fn shared_config(&self) -> SharedConfig {
        Arc::clone(&self.admin.config)
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> SharedStore {
        Arc::clone(&self.admin.store)
    }

    /// What the operator is told about this process.
    #[must_use]
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.admin.status)
    }

    /// What an operator should know of the store, for example that acknowledged data could be lost.
    #[must_use]
    pub fn store_warnings(&self) -> &[String] {
        &self.store_warnings
    }

    /// Puts another configuration in force.
    pub async fn reload(&mut self, config: Config) {
        self.admin.config.store(Arc::new(config));
        self.reloaded().await;
    }

    /// Follows a configuration that was put in force: destinations come and go.
    pub async fn reloaded(&mut self) {
        let config = self.config();
        telemetry::metrics::config_in_force(&config.version);
        self.admin.status.reloaded(self.admin.clock.now());
        self.background.reload(config.server.drain_timeout).await;
    }

    /// Stops gracefully within `server.drain_timeout`: takes no more connections, answers what it has, finishes what is under
    /// way, writes out the store. Answers whether everything ended in time; what did not is not lost, only done again.
    pub async fn stop(self) -> bool {
        let deadline = Instant::now() + self.config().server.drain_timeout;
        self.admin.status.drain();
        self.web.pause().await;
        let answered = self.answered(deadline).await;
        let left = || deadline.saturating_duration_since(Instant::now());
        // What is not finished by then is given back to its queue, which takes a moment, too.
        self.background.drain(left().saturating_sub(GIVE_BACK).max(left() / 2)).await;
        let applied = self.admin.engine.drain(left()).await;
        self.upkeep.abort();
        let closed = self.admin.store.close().await;
        if let Err(error) = &closed {
            tracing::error!(%error, "the store could not be closed in order");
        }
        self.web.stop().await;
        answered && applied && closed.is_ok()
    }

    async fn answered(&self, deadline: Instant) -> bool {
        while self.admin.in_flight.current() > 0 {
            if Instant::now() >= deadline {
                tracing::warn!(requests = self.admin.in_flight.current(), "some requests were not answered in time");
                return false;
            }
            tokio::time::sleep(LOOK).await;
        }
        true
    }
}
