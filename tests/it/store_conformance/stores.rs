//! The stores that need nothing but this process.

use std::sync::Arc;

use handraiser::store::embedded::Tuning;
use handraiser::store::{EmbeddedStore, MemoryStore, StoreOptions};

use super::{Opened, conformance};

#[expect(clippy::unused_async, reason = "the suite opens every store alike")]
pub(crate) async fn memory(options: StoreOptions) -> Opened {
    Opened { store: Arc::new(MemoryStore::new(options)), guard: Box::new(()) }
}

conformance!(in_memory, crate::store_conformance::stores::memory, paused);

#[expect(clippy::unused_async, reason = "the suite opens every store alike")]
pub(crate) async fn memory_apart(options: StoreOptions) -> Opened {
    Opened { store: Arc::new(MemoryStore::apart(options)), guard: Box::new(()) }
}

conformance!(in_memory_apart, crate::store_conformance::stores::memory_apart, paused);

#[expect(clippy::unused_async, reason = "the suite opens every store alike")]
pub(crate) async fn embedded(options: StoreOptions) -> Opened {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("store.db");
    let store = EmbeddedStore::open(&path, options, Tuning::default()).expect("the store opens");
    Opened { store: Arc::new(store), guard: Box::new(directory) }
}

conformance!(in_a_file, crate::store_conformance::stores::embedded, alone);
