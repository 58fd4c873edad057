//! Whether the database and its write-ahead log are still the files that were opened.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::durable::beside;
use super::file::{DatabaseFile, FileId};

/// How often to look, at most.
const EVERY: Duration = Duration::from_secs(1);

pub(super) struct Watch {
    database: (PathBuf, FileId),
    /// The write-ahead log: known from the first look on.
    log: (PathBuf, Option<FileId>),
    looked: Instant,
    told: bool,
}

impl Watch {
    pub(super) fn new(file: &DatabaseFile) -> Self {
        let log = beside(file.path(), "-wal");
        let known = FileId::at(&log).ok();
        Self { database: (file.path().to_owned(), file.id()), log: (log, known), looked: Instant::now(), told: false }
    }

    /// Answers what is wrong, once.
    pub(super) fn look(&mut self) -> Option<String> {
        if self.told || self.looked.elapsed() < EVERY {
            return None;
        }
        self.looked = Instant::now();
        let log = FileId::at(&self.log.0).ok();
        self.log.1 = self.log.1.or(log);
        let there = FileId::at(&self.database.0).ok();
        let (path, there) = if there != Some(self.database.1) {
            (&self.database.0, there)
        } else if log != self.log.1 {
            (&self.log.0, log)
        } else {
            return None;
        };
        self.told = true;
        let what = if there.is_none() { "deleted" } else { "replaced" };
        Some(format!(
            "the file {} was {what} while the store was running, so nothing more can be kept: \
             put the original back or accept the loss, and start again",
            path.display()
        ))
    }
}
