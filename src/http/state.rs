//! What every handler works with.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;

use super::answered::Answered;
use super::aside::Aside;
use super::connections::Connections;
use super::errors::{ApiError, ErrorCode};
use super::guesses::Guesses;
use super::heard::Heard;
use super::in_flight::InFlight;
use super::quotas::QuotaBook;
use super::recent::Recent;
use super::requests::Requests;
use super::signers::Signers;
use super::sources::SourceBook;
use super::status::Status;
use super::under_way::UnderWay;
use crate::config::Config;
use crate::engine::Engine;
use crate::store::SharedStore;
use crate::time::Clock;

/// The configuration in force; a reload swaps it.
pub type SharedConfig = Arc<ArcSwap<Config>>;

/// What there is only once the store is open.
#[derive(Clone)]
pub struct Backend {
    /// What takes the events that arrive, and applies them.
    pub engine: Engine,
    /// What answers the admin API.
    pub store: SharedStore,
}

/// What every handler works with.
#[derive(Clone)]
pub struct AppState {
    /// Engine and store; empty while the store is being opened.
    pub backend: Arc<OnceLock<Backend>>,
    /// The configuration in force; each request keeps the one that it began with.
    pub config: SharedConfig,
    /// What there is to tell about this process.
    pub status: Arc<Status>,
    /// What tells when a request was received.
    pub clock: Clock,
    /// What each source has sent since this process started.
    pub sources: SourceBook,
    /// What was taken of the sources' quotas.
    pub quotas: QuotaBook,
    /// The last events that arrived.
    pub recent: Recent,
    /// Requests answered.
    pub requests: Requests,
    /// Requests being worked on.
    pub in_flight: InFlight,
    /// Bodies that are arriving or being worked on.
    pub bodies: UnderWay,
    /// Large ones that are being read.
    pub aside: Aside,
    /// Who signed rightly of late, and who wrongly.
    pub signers: Signers,
    /// Connections.
    pub connections: Connections,
    /// Who presented wrong tokens of late.
    pub guesses: Guesses,
    /// What the store said when it was last asked whether it answers.
    pub pinged: Answered<String>,
    /// That the metrics tell what the store holds.
    pub measured: Answered<()>,
    /// Which destinations said of late that something has changed.
    pub heard: Heard,
}

impl AppState {
    /// The state of a server that has just started.
    pub fn new(config: SharedConfig, status: Status, clock: Clock) -> Self {
        Self {
            backend: Arc::default(),
            config,
            status: Arc::new(status),
            clock,
            sources: SourceBook::default(),
            quotas: QuotaBook::default(),
            recent: Recent::default(),
            requests: Requests::default(),
            in_flight: InFlight::default(),
            bodies: UnderWay::default(),
            aside: Aside::default(),
            signers: Signers::default(),
            connections: Connections::default(),
            guesses: Guesses::default(),
            pinged: Answered::default(),
            measured: Answered::default(),
            heard: Heard::default(),
        }
    }

    /// Engine and store.
    ///
    /// # Errors
    /// While the store is being opened.
    pub fn backend(&self) -> Result<&Backend, ApiError> {
        let starting = || ApiError::new(ErrorCode::Starting, "the server is starting: its store is not open yet");
        self.backend.get().ok_or_else(|| starting().retry_after(1))
    }
}
