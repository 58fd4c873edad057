//! Tasks that must not end by themselves: one that panics, which is a defect of ours, begins again.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;

use super::Shared;

/// When a task begins again that has panicked.
const PAUSE: Duration = Duration::from_secs(1);

impl Shared {
    /// Runs a task until it returns or the engine ends.
    pub(super) fn keep_running<F>(self: &Arc<Self>, what: &'static str, run: impl Fn(Arc<Self>) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (shared, ended) = (Arc::clone(self), self.ended.clone());
        let kept = async move {
            while AssertUnwindSafe(run(Arc::clone(&shared))).catch_unwind().await.is_err() {
                shared.panicked(what);
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::spawn(async move { ended.run_until_cancelled(kept).await });
    }

    /// Says that something panicked that should not; what it did begins again.
    pub(super) fn panicked(&self, what: &'static str) {
        tracing::error!(what, server = %self.settings.server, "it panicked and begins again; this is a defect, please report it");
        metrics::counter!("handraiser_panics_total", "what" => what).increment(1);
    }
}
