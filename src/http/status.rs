//! What the operator asks first: which configuration is in force, since when, and whether the last reload failed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use serde::{Deserialize, Serialize};

use crate::config::Diagnostic;
use crate::config::watch::{Outcome, ReloadState};
use crate::time::Millis;

/// The life of the process as seen from outside; shared by everything that reports on it.
#[derive(Debug)]
pub struct Status {
    started: Millis,
    config_path: Option<PathBuf>,
    /// When the configuration in force was loaded, Unix milliseconds.
    loaded: AtomicI64,
    reload: Arc<ReloadState>,
    draining: AtomicBool,
    server: Arc<str>,
}

/// A reload that did not happen; the configuration before it stays in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RefusedReload {
    /// RFC 3339.
    pub at: String,
    /// What is wrong, as `handraiser check` prints it.
    pub message: String,
}

impl Status {
    /// The process called `server`, which started at `now` with a configuration from `config_path`; `reload` is kept by whoever
    /// reloads it.
    pub fn new(server: Arc<str>, now: Millis, config_path: Option<PathBuf>, reload: Arc<ReloadState>) -> Self {
        let draining = AtomicBool::new(false);
        Self { started: now, config_path, loaded: AtomicI64::new(now.0), reload, draining, server }
    }

    /// The server's name: unique for each process.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// When the process started.
    pub const fn started(&self) -> Millis {
        self.started
    }

    /// The file that the configuration came from.
    pub fn config_path(&self) -> Option<&Path> {
        self.config_path.as_deref()
    }

    /// A configuration was put in force.
    pub fn reloaded(&self, now: Millis) {
        self.loaded.store(now.0, Ordering::Relaxed);
    }

    /// When the configuration in force was loaded.
    pub fn loaded(&self) -> Millis {
        Millis(self.loaded.load(Ordering::Relaxed))
    }

    /// Why the last reload failed; `None` when it succeeded.
    pub fn reload_failure(&self) -> Option<RefusedReload> {
        let failure = self.reload.failure()?;
        let message = failure.diagnostics.iter().map(|finding| finding.render(false)).collect();
        Some(RefusedReload { at: failure.at.clone(), message })
    }

    /// Reads the configuration's files again; `None` when nobody follows them.
    pub async fn reload(&self, accept: bool) -> Option<Outcome> {
        self.reload.reload(accept).await
    }

    /// What is legal in the configuration in force, but surely not what was meant.
    pub fn warnings(&self) -> Arc<Vec<Diagnostic>> {
        self.reload.warnings()
    }

    /// From now on the process is not ready: it is about to stop.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    /// Whether the process is about to stop.
    pub fn draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }
}
