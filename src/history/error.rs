//! Why the archive can't be used.

use std::io;
use std::path::{Path, PathBuf};

/// Why the archive can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A file, a directory or an object can't be read or written.
    #[error("{}: {cause}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why not, as the system or the bucket says.
        cause: io::Error,
    },
    /// A segment is not as it was written.
    #[error("{} is damaged ({why}): restore it from a backup, or delete it and go without what it tells", path.display())]
    Damaged {
        /// Which one.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl ArchiveError {
    /// It is not there.
    pub(super) fn is_absence(&self) -> bool {
        matches!(self, Self::Io { cause, .. } if cause.kind() == io::ErrorKind::NotFound)
    }
}

pub(super) fn io_error(path: &Path, cause: io::Error) -> ArchiveError {
    ArchiveError::Io { path: path.to_owned(), cause }
}
