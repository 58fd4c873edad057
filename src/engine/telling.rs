//! What servers tell the records of their store about themselves.

use super::{Engine, EngineError};
use crate::apply::Body;
use crate::ids::{RecordKey, SourceName};
use crate::record::{ConfigVersions, TookForce};

impl Engine {
    /// Notes that a configuration took force.
    ///
    /// # Errors
    /// When the store can't be written; telling it again is harmless.
    pub async fn took_force(&self, took: TookForce) -> Result<(), EngineError> {
        self.send([(ConfigVersions::key(), Body::TookForce(Box::new(took)))]).await
    }

    /// Notes that these sources send events.
    ///
    /// # Errors
    /// When the store can't be written; telling it again is harmless.
    pub async fn heard(&self, sources: &[SourceName]) -> Result<(), EngineError> {
        self.send(sources.iter().map(|source| (RecordKey::source(source.as_str()), Body::Heard))).await
    }
}
