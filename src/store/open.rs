//! Opens the store that the configuration names.

use std::sync::Arc;

use super::embedded::{EmbeddedStore, Tuning};
use super::{MemoryStore, RedisSettings, RedisStore, SharedStore, StoreError, StoreOptions};
use crate::config::{StoreKind, StoreSettings};

impl From<&StoreSettings> for StoreOptions {
    fn from(settings: &StoreSettings) -> Self {
        Self {
            partitions: settings.partitions,
            remember: settings.remember,
            idle_subjects: settings.idle_subjects,
            rejected_log: settings.rejected_log,
        }
    }
}

/// Opens the configured store, and creates it where there is none yet.
///
/// # Errors
/// When it can't be reached, belongs to another process, or was made with other settings.
pub async fn open(settings: &StoreSettings) -> Result<SharedStore, StoreError> {
    let options = StoreOptions::from(settings);
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
