//! Opens the store that is wanted.

use std::sync::Arc;

use super::embedded::{EmbeddedStore, Tuning};
use super::{MemoryStore, RedisSettings, RedisStore, SharedStore, StoreError, StoreKind, StoreOptions, StoreSettings};

/// Opens a store, and creates it where there is none yet.
///
/// # Errors
/// [`StoreError::Unavailable`] when it can't be reached for now, so that it is worth trying again; [`StoreError::Unusable`] when
/// it belongs to another process or was made with other settings.
pub async fn open(settings: &StoreSettings) -> Result<SharedStore, StoreError> {
    let options = StoreOptions { shards: settings.shards, rejected_log: settings.rejected_log };
    match &settings.kind {
        StoreKind::Memory => Ok(Arc::new(MemoryStore::new(options))),
        StoreKind::Embedded { path } => {
            let path = path.clone();
            let opening = tokio::task::spawn_blocking(move || EmbeddedStore::open(&path, options, Tuning::default()));
            let opened =
                opening.await.map_err(|_| StoreError::Unavailable("opening the store was interrupted".to_owned()))?;
            Ok(Arc::new(opened?))
        }
        StoreKind::Redis { urls, cluster, durability } => {
            let settings = RedisSettings::new(urls.clone(), *cluster, *durability);
            Ok(Arc::new(RedisStore::open(settings, options).await?))
        }
    }
}
