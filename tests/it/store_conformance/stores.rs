//! The stores that need nothing but this process.

use std::sync::Arc;

use handraiser::store::{MemoryStore, StoreOptions};

use super::{Opened, conformance};

pub(crate) async fn memory(options: StoreOptions) -> Opened {
    Opened { store: Arc::new(MemoryStore::new(options)), guard: Box::new(()) }
}

conformance!(in_memory, crate::store_conformance::stores::memory);
