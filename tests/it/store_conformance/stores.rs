//! The stores that need nothing but this process.

use std::sync::Arc;

use handraiser::store::embedded::Tuning;
use handraiser::store::{EmbeddedStore, MemoryStore, StoreOptions};

use super::{Opened, conformance};

#[expect(clippy::unused_async, reason = "the suite opens every store alike")]
pub(crate) async fn memory(options: StoreOptions) -> Opened {
    Opened { store: Arc::new(MemoryStore::new(options)), guard: Box::new(()) }
}

conformance!(in_memory, crate::store_conformance::stores::memory);

/// With little memory and a short journal, so that every case meets evictions and checkpoints.
pub(crate) async fn embedded(options: StoreOptions) -> Opened {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let tuning = Tuning { cache_bytes: 64 << 10, journal_bytes: 4 << 10, ..Tuning::default() };
    let store = EmbeddedStore::open(&directory.path().join("store.db"), options, tuning).expect("a store is made");
    Opened { store: Arc::new(store), guard: Box::new(directory) }
}

conformance!(on_disk, crate::store_conformance::stores::embedded);
