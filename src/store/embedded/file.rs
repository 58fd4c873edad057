//! The database file: found by its real path, created for its owner's eyes alone, and taken by one process at a time.
//!
//! The lock is on the file itself, so that no other name of it (a symbolic link, a hard link) leads around the lock. It is a
//! `flock`, which SQLite's own POSIX locks know nothing of. But closing *any* descriptor of a file drops this process's POSIX
//! locks of it. So no second descriptor is ever opened beside SQLite's: a registry tells which files this process holds, before
//! anything is opened, and the lock's descriptor stays until SQLite has closed its own.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::durable;
use crate::store::StoreError;

/// How long to wait for an owner that is about to end, or for a child of it that was forked and has not begun its own program
/// yet, which holds the lock for that moment.
const PATIENCE: Duration = Duration::from_millis(500);
const LOOK: Duration = Duration::from_millis(10);

/// Device and inode: what a file is, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FileId(u64, u64);

impl FileId {
    fn of(metadata: &Metadata) -> Self {
        Self(metadata.dev(), metadata.ino())
    }

    /// The file that `path` leads to now.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self::of(&fs::metadata(path)?))
    }
}

/// The files that this process holds.
static HELD: Mutex<Option<HashSet<FileId>>> = Mutex::new(None);

fn held() -> MutexGuard<'static, Option<HashSet<FileId>>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The database file, taken for this process; given back when it is dropped, or when the process ends, however it ends.
pub(super) struct DatabaseFile {
    path: PathBuf,
    id: FileId,
    lock: Option<File>,
}

/// Why the file was not taken.
enum Refusal {
    /// Somebody has it: the process of this number, as far as that is known.
    InUse(Option<u32>),
    /// It was replaced between two looks.
    Moving,
    Failed(String),
}

impl DatabaseFile {
    /// Takes the file at `path`; creates it, and the directory that it stands in, when there is none.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let path = resolve(path).map_err(StoreError::Unusable)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let refusal = match Self::try_take(&path) {
                Ok(taken) => return taken.with_one_name(),
                Err(Refusal::Failed(why)) => return Err(StoreError::Unusable(why)),
                Err(refusal) => refusal,
            };
            if Instant::now() >= deadline {
                return Err(StoreError::Unusable(refusal.words(&path)));
            }
            std::thread::sleep(LOOK);
        }
    }

    fn try_take(path: &Path) -> Result<Self, Refusal> {
        let failed = |error: io::Error| Refusal::Failed(format!("can't open {}: {error}", path.display()));
        let mut held = held();
        let held = held.get_or_insert_default();
        match fs::metadata(path) {
            Ok(there) if !there.is_file() => {
                return Err(Refusal::Failed(format!("{} is no file: name a file in `store.path`", path.display())));
            }
            Ok(there) if held.contains(&FileId::of(&there)) => return Err(Refusal::InUse(Some(std::process::id()))),
            _ => {}
        }
        let file = durable::private().create(true).truncate(false).read(true).write(true).open(path);
        let file = file.map_err(failed)?;
        let id = FileId::of(&file.metadata().map_err(failed)?);
        if held.contains(&id) {
            // It was put here just now. Better a lost descriptor than SQLite's locks, which closing it would drop.
            std::mem::forget(file);
            return Err(Refusal::Moving);
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Refusal::InUse(durable::owner(path))),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        if FileId::at(path).ok() != Some(id) {
            return Err(Refusal::Moving);
        }
        held.insert(id);
        Ok(Self { path: path.to_owned(), id, lock: Some(file) })
    }

    /// SQLite finds the write-ahead log by the file's name. After a crash under one name, opening it under another would miss
    /// what only the log has.
    fn with_one_name(self) -> Result<Self, StoreError> {
        let names = self.lock.as_ref().map(File::metadata).and_then(Result::ok).map_or(1, |metadata| metadata.nlink());
        if names > 1 {
            return Err(StoreError::Unusable(format!(
                "the file {} has {names} names (hard links), and its write-ahead log belongs to one of them: \
                 keep the name that it was used under and remove the others",
                self.path.display()
            )));
        }
        Ok(self)
    }

    /// Its real path, without symbolic links.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) const fn id(&self) -> FileId {
        self.id
    }
}

impl Drop for DatabaseFile {
    fn drop(&mut self) {
        let mut held = held();
        // The lock first: who finds the file free here must be able to lock it.
        self.lock = None;
        if let Some(held) = held.as_mut() {
            held.remove(&self.id);
        }
    }
}

impl Refusal {
    fn words(self, path: &Path) -> String {
        let owner = match self {
            Self::InUse(Some(owner)) if owner == std::process::id() => "this process".to_owned(),
            Self::InUse(Some(owner)) => format!("process {owner}"),
            Self::InUse(None) => "another process".to_owned(),
            Self::Moving => {
                return format!("the file {} is being replaced: start again when that is done", path.display());
            }
            Self::Failed(why) => return why,
        };
        format!(
            "the store at {} is in use by {owner}: stop that one, give this one another `store.path`, or ask the running server",
            path.display()
        )
    }
}

/// The path without symbolic links, so that everybody speaks of the same file and the same write-ahead log.
fn resolve(path: &Path) -> Result<PathBuf, String> {
    let failed = |path: &Path, error: io::Error| format!("can't open {}: {error}", path.display());
    match fs::canonicalize(path) {
        Ok(path) => return Ok(path),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(path, error)),
        Err(_) => {}
    }
    if fs::symlink_metadata(path).is_ok() {
        return Err(format!("{} is a symbolic link to a file that is not there: remove or correct it", path.display()));
    }
    let name = path.file_name().map(OsStr::to_owned);
    let name = name.ok_or_else(|| format!("{} is no file: name a file in `store.path`", path.display()))?;
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(|error| format!("can't create {}: {error}", directory.display()))?;
    Ok(fs::canonicalize(directory).map_err(|error| failed(directory, error))?.join(name))
}
