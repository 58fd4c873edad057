//! Large bodies are read beside the threads that answer requests, some at a time: whoever sends them makes nobody wait who sends
//! little.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::under_way::Lane;

/// Room for the work that large bodies make. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Aside {
    proven: Arc<Semaphore>,
    /// Of senders that have proven nothing yet.
    strangers: Arc<Semaphore>,
}

impl Default for Aside {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { proven: Arc::new(Semaphore::new(cores)), strangers: Arc::new(Semaphore::new((cores / 2).max(1))) }
    }
}

impl Aside {
    /// Does work on a body that arrived in `lane`, when its turn has come.
    pub(super) async fn work<T: Send + 'static>(&self, lane: Lane, work: impl FnOnce() -> T + Send + 'static) -> T {
        let places = if lane == Lane::Proven { &self.proven } else { &self.strangers };
        let place = Arc::clone(places).acquire_owned().await.expect("nobody closes it");
        // The work keeps its place to its end, also where nobody waits for it any longer: whoever hangs up frees none.
        let work = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(place);
            done
        });
        work.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }
}
