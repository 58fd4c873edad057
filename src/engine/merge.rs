//! The merge queue: brings the history of an anonymous id to the user that it turned out to be.
//!
//! The link and the entry were committed in one step, so that a history is never lost between two records; absorbing is
//! idempotent (a user knows the ids that it absorbed), so that a crash in between only repeats it.

use std::sync::Arc;

use super::job::Task;
use super::queues::Handover;
use super::{Engine, EngineError};
use crate::identity::RecordKey;
use crate::store::Claimed;
use crate::subject::Subject;

/// Works the `merge` queue.
#[derive(Clone)]
pub struct MergeHandler {
    engine: Engine,
}

/// A merge was not finished; the entry stays and is tried again.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    #[error("the queue entry is no history: {0}")]
    Payload(#[from] serde_json::Error),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl MergeHandler {
    #[must_use]
    pub const fn new(engine: Engine) -> Self {
        Self { engine }
    }

    /// Brings one history home.
    ///
    /// # Errors
    /// When the store can't commit, or the entry can't be read.
    pub async fn merge(&self, claimed: &Claimed) -> Result<(), MergeError> {
        let Handover { from, into, fields } = serde_json::from_str(&claimed.entry.payload)?;
        let (history, _) = Subject::read(&fields);
        let accounts = history.user.accounts.clone();
        let shared = &self.engine.shared;
        let absorb = Task::Absorb { id: Arc::clone(&from), history: Box::new(history) };
        shared.run(RecordKey::user(&into), absorb).await?;
        let root = shared.root_of(&into).await.map_err(EngineError::from)?;
        for account in accounts {
            let rename = Task::Rename { from: Arc::clone(&from), to: Some(Arc::clone(&root)) };
            shared.run(RecordKey::account(&account), rename).await?;
        }
        Ok(())
    }
}
