//! How many steps were made durable, kept in a small file beside the database.
//!
//! When a byte of SQLite's write-ahead log is damaged, SQLite takes that place for the log's end, and everything behind it is
//! gone without a word. So every transaction counts itself in the database, and the same count stands here, outside of it,
//! written after the transaction was synced. A database that knows of fewer steps than this file has lost some.
//!
//! The file is not synced itself: after a power failure it may be behind, which says nothing, but never ahead.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::store::StoreError;
use crate::time::Millis;

const HEAD: &str = "handraiser-durable-1";
/// Bytes that a mark takes, and more.
const MOST: u64 = 256;
/// Everything that events say of people stands in the store's files.
const MODE: u32 = 0o600;

/// What is known to be durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Which database it speaks of; another one may have come to its place.
    pub(super) identity: i64,
    /// How many transactions it has seen.
    pub(super) steps: i64,
    /// When the last of them was.
    pub(super) at: Millis,
}

impl Mark {
    /// A line of a fixed length, so that a shorter one never leaves the rest of a longer one behind it.
    fn line(self) -> String {
        let Self { identity, steps, at: Millis(at) } = self;
        let text = format!("{HEAD} {identity:+020} {steps:020} {at:+020} {:010}", std::process::id());
        let sum = xxhash_rust::xxh3::xxh3_64(text.as_bytes());
        format!("{text} {sum:016x}\n")
    }
}

/// Reads a mark and the process that wrote it; `None` when there is none that can be trusted.
fn read(path: &Path) -> Option<(Mark, u32)> {
    let mut line = String::new();
    private().read(true).open(path).ok()?.take(MOST).read_to_string(&mut line).ok()?;
    let (text, sum) = line.trim_end().rsplit_once(' ')?;
    if format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes())) != sum {
        return None;
    }
    let mut words = text.split(' ').skip_while(|word| *word == HEAD);
    let mut number = || words.next()?.parse::<i64>().ok();
    let mark = Mark { identity: number()?, steps: number()?, at: Millis(number()?) };
    Some((mark, u32::try_from(number()?).ok()?))
}

fn path_of(database: &Path) -> PathBuf {
    beside(database, "-durable")
}

/// The process that opened the database last.
pub(super) fn owner(database: &Path) -> Option<u32> {
    read(&path_of(database)).map(|(_, owner)| owner)
}

/// How the store opens files: for their owner alone, and never through a link, which somebody who may write to the directory could
/// have put there to have another file written to.
pub(super) fn private() -> OpenOptions {
    let no_link = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let mut options = OpenOptions::new();
    options.mode(MODE).custom_flags(no_link);
    options
}

/// The path of a file beside `path`, whose name ends with `ending`.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// The file, open to be written.
pub(super) struct DurableMark(File);

impl DurableMark {
    /// Compares what the database says with what was known to be durable, and goes on from there.
    pub(super) fn open(database: &Path, found: Mark) -> Result<Self, StoreError> {
        let path = path_of(database);
        if let Some((known, _)) = read(&path)
            && known.identity == found.identity
            && known.steps > found.steps
        {
            return Err(StoreError::Unusable(missing(database, &path, known, found)));
        }
        let failed = |error: io::Error| StoreError::Unusable(format!("can't write {}: {error}", path.display()));
        let file = private().create(true).truncate(false).write(true).open(&path);
        let mark = Self(file.map_err(failed)?);
        mark.write(found).and_then(|()| mark.0.sync_all()).map_err(failed)?;
        Ok(mark)
    }

    /// Notes that `mark` is durable.
    pub(super) fn write(&self, mark: Mark) -> io::Result<()> {
        self.0.write_all_at(mark.line().as_bytes(), 0)
    }
}

fn missing(database: &Path, path: &Path, known: Mark, found: Mark) -> String {
    format!(
        "{} lacks the last {} of {} committed steps, made between {} and {}: its write-ahead log was damaged or removed, or an \
         older copy was put in its place. Restore the file from a backup, or accept the loss by deleting {}",
        database.display(),
        known.steps - found.steps,
        known.steps,
        found.at.rfc3339(),
        known.at.rfc3339(),
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written_or_not_at_all() {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let database = directory.path().join("store.db");
        let mark = Mark { identity: -7, steps: 12, at: Millis(1_700_000_000_000) };
        DurableMark::open(&database, mark).expect("it can be written");
        assert_eq!(read(&path_of(&database)), Some((mark, std::process::id())));
        let mut bytes = std::fs::read(path_of(&database)).expect("it is there");
        bytes[50] ^= 1;
        std::fs::write(path_of(&database), bytes).expect("it can be written");
        assert_eq!(read(&path_of(&database)), None);
    }
}
