//! How Redis is found again: looks at it whenever there was trouble, until all is well.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::errors::no_answer;
use super::shared::Core;
use super::{meta, safety};
use crate::store::StoreError;

/// The task that finds Redis again; it ends with the store.
pub(super) struct Watcher(JoinHandle<()>);

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Watcher {
    pub fn start(core: &Arc<Core>) -> Self {
        let health = Arc::clone(&core.health);
        let core = Arc::downgrade(core);
        Self(tokio::spawn(async move {
            loop {
                health.trouble().await;
                if recover(&core).await.is_none() {
                    return;
                }
            }
        }))
    }
}

/// Looks at Redis until all is well; `None` when the store is gone.
async fn recover(core: &Weak<Core>) -> Option<()> {
    for attempt in 0_u32.. {
        let core = core.upgrade()?;
        match core.look().await {
            Ok(()) => {
                core.health.back();
                break;
            }
            Err(error) => core.health.looked(&error, core.settings.cluster),
        }
        // Connections that hang do not break by themselves for many minutes, and one to a former master stays with it.
        if attempt % RENEW_EVERY == RENEW_EVERY - 1
            && let Err(error) = core.links.renew(&core.settings, &core.health).await
        {
            core.health.looked(&error, core.settings.cluster);
        }
        drop(core);
        tokio::time::sleep(FIRST_PAUSE.saturating_mul(1 << attempt.min(5)).min(LONGEST_PAUSE)).await;
    }
    Some(())
}

/// After so many looks in vain, new connections are made.
const RENEW_EVERY: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

impl Core {
    /// Whether Redis can be used: reachable, a master, as durable as demanded, and with our store on it.
    async fn look(&self) -> Result<(), StoreError> {
        let look = async {
            safety::inspect(&self.links, self.settings.durability).await?;
            meta::ensure(self).await
        };
        // Several questions, one after the other.
        let limit = self.settings.response_timeout * 2;
        tokio::time::timeout(limit, look).await.unwrap_or_else(|_| Err(no_answer(limit)))?.report();
        Ok(())
    }

    pub async fn ping(&self) -> Result<(), StoreError> {
        self.health.up().await?;
        let limit = self.settings.response_timeout;
        tokio::time::timeout(limit, meta::ensure(self)).await.unwrap_or_else(|_| Err(no_answer(limit)))?.report();
        Ok(())
    }
}
