//! Where segments lie: files in a directory, or objects in a bucket. Both keep to the same: what is written is there whole and durably, or not
//! at all; it is found by whoever looks afterwards; and it is never changed. Keys are as paths are, below the place.

use super::bucket::Bucket;
use super::directory::Directory;
use super::error::ArchiveError;
use super::found::Found;
use crate::time::Millis;

/// Where segments lie.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Directory(Directory),
    Bucket(Bucket),
}

impl Place {
    /// The names of the folders in a folder; in the place itself where none is named.
    pub fn folders(&self, of: &str) -> Result<Vec<String>, ArchiveError> {
        match self {
            Self::Directory(directory) => directory.folders(of),
            Self::Bucket(bucket) => bucket.folders(of),
        }
    }

    /// Everything in a folder, and in folders in it; nothing where there is none.
    pub fn list(&self, below: &str) -> Result<Vec<Found>, ArchiveError> {
        match self {
            Self::Directory(directory) => directory.list(below),
            Self::Bucket(bucket) => bucket.list(below),
        }
    }

    pub fn read(&self, key: &str) -> Result<Vec<u8>, ArchiveError> {
        match self {
            Self::Directory(directory) => directory.read(key),
            Self::Bucket(bucket) => bucket.read(key),
        }
    }

    pub fn write(&self, key: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        match self {
            Self::Directory(directory) => directory.write(key, bytes),
            Self::Bucket(bucket) => bucket.write(key, bytes),
        }
    }

    /// Deletes what may be gone already.
    pub fn remove(&self, key: &str) -> Result<(), ArchiveError> {
        match self {
            Self::Directory(directory) => directory.remove(key),
            Self::Bucket(bucket) => bucket.remove(key),
        }
    }

    /// Deletes a folder with all that is in it.
    pub fn remove_below(&self, folder: &str) -> Result<(), ArchiveError> {
        match self {
            Self::Directory(directory) => directory.remove_below(folder),
            Self::Bucket(bucket) => bucket.list(folder)?.iter().try_for_each(|found| bucket.remove(&found.key)),
        }
    }

    /// Lets go of what was never completed. In a bucket there is no such thing.
    pub fn tidy(&self, below: &str, now: Millis) -> Result<(), ArchiveError> {
        match self {
            Self::Directory(directory) => directory.tidy(below, now),
            Self::Bucket(_) => Ok(()),
        }
    }
}
