//! What is worked out once for all who ask at about the same time: whoever asks often makes no more work than one who asks seldom.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// For how long an answer is good.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// The last answer. Cheap to clone.
#[derive(Debug)]
pub struct Answered<T>(Arc<Mutex<Option<(Instant, T)>>>);

impl<T> Default for Answered<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for Answered<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Clone + Send + 'static> Answered<T> {
    /// The last answer if it is still good, or else a new one, for which all who ask meanwhile wait.
    pub(super) async fn ask(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        let mut last = Arc::clone(&self.0).lock_owned().await;
        if let Some((at, answer)) = &*last
            && at.elapsed() < GOOD_FOR
        {
            return answer.clone();
        }
        // It goes on to its end though whoever asked hangs up: hanging up must not make it begin anew.
        let asking = tokio::spawn(async move {
            let answer = work.await;
            *last = Some((Instant::now(), answer.clone()));
            answer
        });
        asking.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_hundred_who_ask_at_once_make_the_work_of_one() {
        let (answered, worked) = (Answered::default(), Arc::new(AtomicUsize::new(0)));
        let ask = || {
            let worked = Arc::clone(&worked);
            answered.ask(async move {
                tokio::time::sleep(Duration::from_millis(300)).await;
                worked.fetch_add(1, Ordering::Relaxed) + 1
            })
        };
        assert_eq!(futures::future::join_all((0..100).map(|_| ask())).await, [1; 100]);
        tokio::time::sleep(Duration::from_millis(900)).await;
        assert_eq!(ask().await, 1);
        tokio::time::sleep(Duration::from_millis(200)).await;
        for _ in 0..10 {
            assert!(tokio::time::timeout(Duration::from_millis(10), ask()).await.is_err(), "it hangs up");
        }
        assert_eq!(ask().await, 2);
    }
}
