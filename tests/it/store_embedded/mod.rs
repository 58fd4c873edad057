//! What only the embedded store promises: what is in its file survives, damage is told, and nobody else writes to it.

mod crash;
mod damage;
mod files;
mod full;
mod records;
mod reopen;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use handraiser::store::embedded::Tuning;
use handraiser::store::{EmbeddedStore, SharedStore, StoreError, StoreOptions};

use crate::store_conformance::options;

fn try_open(path: &Path, options: StoreOptions) -> Result<SharedStore, StoreError> {
    EmbeddedStore::open(path, options, Tuning::default()).map(|store| Arc::new(store) as SharedStore)
}

fn open(path: &Path) -> SharedStore {
    try_open(path, options()).expect("the store opens")
}

/// The refusal to open `path`, with the path taken out.
fn refusal(path: &Path, options: StoreOptions) -> String {
    let refused = try_open(path, options).err().expect("it is refused");
    refused.to_string().replace(&path.display().to_string(), "store.db")
}

/// A new directory, and where a store may stand in it.
fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory can be made");
    // Errors name the real path.
    let path = directory.path().canonicalize().expect("it is there").join("store.db");
    (directory, path)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}{ending}", path.display()))
}

/// What a kill leaves behind: the files as they are at this moment, elsewhere.
fn crash_image(path: &Path, name: &str) -> PathBuf {
    let image = path.with_file_name(name);
    for ending in ["", "-wal", "-durable"] {
        std::fs::copy(beside(path, ending), beside(&image, ending)).expect("the file can be copied");
    }
    image
}
