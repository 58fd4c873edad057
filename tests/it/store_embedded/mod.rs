//! What only the embedded store promises: what is in its file survives, and nobody else writes to it.

mod crash;
mod full;
mod reopen;

use std::path::Path;

use handraiser::store::embedded::Tuning;
use handraiser::store::{EmbeddedStore, SharedStore, StoreError, StoreOptions};

/// A cache and a journal so small that checkpoints go on all the time.
const SMALL: Tuning = Tuning { cache_bytes: 64 << 10, journal_bytes: 4 << 10, max_pages: None };

fn open_with(path: &Path, options: StoreOptions, tuning: Tuning) -> Result<SharedStore, StoreError> {
    EmbeddedStore::open(path, options, tuning).map(|store| std::sync::Arc::new(store) as SharedStore)
}

fn open(path: &Path) -> SharedStore {
    open_with(path, crate::store_conformance::options(), SMALL).expect("the store opens")
}
