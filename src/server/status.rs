//! What the operator asks first: which configuration is in force, since when, and whether the last reload failed.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// The life of the process as seen from outside; shared by everything that reports on it.
#[derive(Debug)]
pub struct Status {
    started: Millis,
    config_path: Option<PathBuf>,
    reload: Mutex<Reload>,
    draining: AtomicBool,
}

#[derive(Debug)]
struct Reload {
    loaded: Millis,
    error: Option<ReloadFailure>,
}

/// A reload that did not happen; the configuration before it stays in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReloadFailure {
    /// RFC 3339.
    pub at: String,
    /// What was wrong, as `handraiser check` prints it.
    pub message: String,
}

impl Status {
    /// A process that started at `now` with a configuration from `config_path`.
    #[must_use]
    pub fn new(now: Millis, config_path: Option<PathBuf>) -> Self {
        let reload = Mutex::new(Reload { loaded: now, error: None });
        Self { started: now, config_path, reload, draining: AtomicBool::new(false) }
    }

    /// When the process started.
    #[must_use]
    pub fn started(&self) -> Millis {
        self.started
    }

    /// The file that the configuration came from.
    #[must_use]
    pub fn config_path(&self) -> Option<&Path> {
        self.config_path.as_deref()
    }

    /// A configuration was put in force.
    pub fn reloaded(&self, now: Millis) {
        *self.reload.lock().unwrap_or_else(PoisonError::into_inner) = Reload { loaded: now, error: None };
    }

    /// A configuration was refused.
    pub fn reload_failed(&self, now: Millis, message: String) {
        let failure = ReloadFailure { at: now.rfc3339(), message };
        self.reload.lock().unwrap_or_else(PoisonError::into_inner).error = Some(failure);
    }

    /// When the configuration in force was loaded.
    #[must_use]
    pub fn loaded(&self) -> Millis {
        self.reload.lock().unwrap_or_else(PoisonError::into_inner).loaded
    }

    /// Why the last reload failed; `None` when it succeeded.
    #[must_use]
    pub fn reload_failure(&self) -> Option<ReloadFailure> {
        self.reload.lock().unwrap_or_else(PoisonError::into_inner).error.clone()
    }

    /// From now on the process is not ready: it is about to stop.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    /// Whether the process is about to stop.
    #[must_use]
    pub fn draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }
}
