//! Files in a directory: each is there whole and durably, or not at all.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::error::{ArchiveError, io_error};
use super::found::Found;
use crate::time::Millis;

/// A file that was begun so long ago, in milliseconds, is nobody's any more.
const ABANDONED: i64 = Millis::HOUR;
/// What files end with that are not complete.
const PARTIAL: &str = ".partial";

/// A directory of files.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    root: PathBuf,
}

impl Directory {
    /// Makes the directory when there is none.
    pub fn open(root: &Path) -> Result<Self, ArchiveError> {
        fs::create_dir_all(root).map_err(|cause| io_error(root, cause))?;
        Ok(Self { root: root.to_owned() })
    }

    pub fn folders(&self, of: &str) -> Result<Vec<String>, ArchiveError> {
        let name = |path: PathBuf| Some(path.file_name()?.to_str()?.to_owned());
        Ok(entries(&self.root.join(of))?.into_iter().filter(|path| path.is_dir()).filter_map(name).collect())
    }

    pub fn list(&self, below: &str) -> Result<Vec<Found>, ArchiveError> {
        let mut found = Vec::new();
        for path in entries(&self.root.join(below))? {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let key = format!("{below}/{name}");
            if path.is_dir() {
                found.extend(self.list(&key)?);
            } else if !key.ends_with(PARTIAL) {
                found.push(Found { key, bytes: fs::metadata(&path).map_or(0, |metadata| metadata.len()) });
            }
        }
        Ok(found)
    }

    pub fn read(&self, key: &str) -> Result<Vec<u8>, ArchiveError> {
        let path = self.root.join(key);
        fs::read(&path).map_err(|cause| io_error(&path, cause))
    }

    pub fn write(&self, key: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        let path = self.root.join(key);
        let directory = path.parent().unwrap_or(&self.root);
        if !directory.is_dir() {
            fs::create_dir_all(directory).map_err(|cause| io_error(directory, cause))?;
            directory.ancestors().skip(1).take(2).try_for_each(sync_directory)?;
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(format!(".{}{PARTIAL}", std::process::id()));
        let partial = PathBuf::from(partial);
        let written = File::create(&partial).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        if let Err(cause) = written {
            let _ = fs::remove_file(&partial);
            return Err(io_error(&partial, cause));
        }
        fs::rename(&partial, &path).map_err(|cause| io_error(&path, cause))?;
        sync_directory(directory)
    }

    pub fn remove(&self, key: &str) -> Result<(), ArchiveError> {
        remove(&self.root.join(key))
    }

    pub fn remove_below(&self, folder: &str) -> Result<(), ArchiveError> {
        let path = self.root.join(folder);
        match fs::remove_dir_all(&path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(io_error(&path, cause)),
            _ => Ok(()),
        }
    }

    /// Lets go of files that were never completed.
    pub fn tidy(&self, below: &str, now: Millis) -> Result<(), ArchiveError> {
        for path in entries(&self.root.join(below))? {
            if path.to_str().is_some_and(|path| path.ends_with(PARTIAL)) && age(&path, now) > ABANDONED {
                remove(&path)?;
            }
        }
        Ok(())
    }
}

/// What is in a directory; nothing where there is none.
fn entries(directory: &Path) -> Result<Vec<PathBuf>, ArchiveError> {
    let read = match fs::read_dir(directory) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(|cause| io_error(directory, cause))?,
    };
    let mut paths = Vec::new();
    for entry in read {
        paths.push(entry.map_err(|cause| io_error(directory, cause))?.path());
    }
    paths.sort_unstable();
    Ok(paths)
}

fn age(path: &Path, now: Millis) -> i64 {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let since = modified.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    since.map_or(0, |since| now.0.saturating_sub(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
}

/// Deletes a file that may be gone already.
fn remove(path: &Path) -> Result<(), ArchiveError> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(io_error(path, cause)),
        _ => Ok(()),
    }
}

fn sync_directory(directory: &Path) -> Result<(), ArchiveError> {
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(|cause| io_error(directory, cause))
}
