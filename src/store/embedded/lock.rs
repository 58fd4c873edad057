//! One process owns the store: what it holds in memory is only true as long as nobody else writes.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::store::StoreError;

/// How long to wait for an owner that is about to end, or for a child of it that was forked and has not begun its own program
/// yet, which holds the lock for that moment.
const PATIENCE: Duration = Duration::from_millis(500);
const LOOK: Duration = Duration::from_millis(10);

/// The ownership of a store, given back when it is dropped or when the process ends, however it ends.
pub(super) struct Ownership(#[expect(dead_code, reason = "held for its lock")] File);

/// Where the lock of the store at `path` stands. It stays there: deleting it would let two owners lock two files.
fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Takes the store at `path` for this process.
pub(super) fn own(path: &Path) -> Result<Ownership, StoreError> {
    let lock = lock_path(path);
    let failed = |error| StoreError::Unusable(format!("can't open {}: {error}", lock.display()));
    let mut file =
        OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&lock).map_err(failed)?;
    match lock_within(&file, PATIENCE) {
        Ok(()) => {
            // For whoever finds the store locked; the lock itself is what counts.
            let named =
                file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id()));
            named.map_err(failed)?;
            Ok(Ownership(file))
        }
        Err(TryLockError::WouldBlock) => Err(StoreError::Unusable(in_use(path, &mut file))),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn lock_within(file: &File, patience: Duration) -> Result<(), TryLockError> {
    let deadline = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(LOOK),
            outcome => return outcome,
        }
    }
}

fn in_use(path: &Path, file: &mut File) -> String {
    let mut owner = String::new();
    let _ = file.read_to_string(&mut owner);
    let owner = if owner.is_empty() { "another process".to_owned() } else { format!("process {owner}") };
    format!(
        "the store at {} is in use by {owner}: stop that one, give this one another `store.path`, or ask the running server",
        path.display()
    )
}
