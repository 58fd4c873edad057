//! The archive's directory: writing segments, reading the past, letting go of what is too old, and forgetting. All of it waits for the
//! disk; call it from a thread that may block.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::block::{self, BadBlock, PastBlock};
use super::marks::{Mark, Marks};
use super::segment::{Piece, Segment, day_of, pieces, read_day_name};
use crate::apply::Past;
use crate::ids::ShardId;
use crate::store::Block;
use crate::time::Millis;

/// Blocks that are smaller than this on average are compressed again, together.
const SMALL_BLOCK: usize = 8 << 10;
/// So many segments in a row that are smaller than one of these are merged into one.
const MERGED_AT_ONCE: usize = 16;
const MERGED_BELOW: [u64; 2] = [64 << 10, 1 << 20];
/// Marks are looked at once more after so long: a server that did not know yet that it lost its shard may have merged meanwhile.
const MARKS_KEPT: i64 = Millis::DAY;
/// A file that was begun so long ago, in milliseconds, is nobody's any more.
const ABANDONED: i64 = Millis::HOUR;
/// Where marks lie in a shard's directory.
const FORGOTTEN: &str = "forgotten";
/// What files end with that are not complete.
const PARTIAL: &str = ".partial";

/// Why the archive can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A file or a directory can't be read or written.
    #[error("{}: {cause}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why not, as the system says.
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

/// Segments in a directory.
#[derive(Clone, Debug)]
pub struct Archive {
    root: PathBuf,
}

/// How far a reading went back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// The block behind which it began; `None` when there was nothing.
    pub after: Option<u64>,
    /// The last block that it saw.
    pub last: u64,
    /// Stretches of blocks that nobody has: behind the first, up to the second number.
    pub gaps: Vec<(u64, u64)>,
}

impl Reach {
    /// It goes on with the blocks behind `after` up to `last`.
    fn extend(&mut self, after: u64, last: u64) {
        if self.after.is_none() {
            (self.after, self.last) = (Some(after), after);
        }
        if after > self.last {
            self.gaps.push((self.last, after));
        }
        self.last = last.max(self.last);
    }
}

impl Archive {
    /// The archive at `root`; makes the directory when there is none.
    ///
    /// # Errors
    /// When the directory can't be made.
    pub fn open(root: &Path) -> Result<Self, ArchiveError> {
        fs::create_dir_all(root).map_err(|cause| io_error(root, cause))?;
        Ok(Self { root: root.to_owned() })
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The shards of which there is something.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn shards(&self) -> Result<Vec<ShardId>, ArchiveError> {
        let shard = |path: PathBuf| path.file_name()?.to_str()?.strip_prefix('s')?.parse().ok().map(ShardId);
        let mut shards: Vec<_> = entries(&self.root)?.into_iter().filter_map(shard).collect();
        shards.sort_unstable();
        Ok(shards)
    }

    fn of_shard(&self, shard: ShardId) -> PathBuf {
        self.root.join(shard.to_string())
    }

    /// All segments of a shard.
    ///
    /// # Errors
    /// When a directory can't be read.
    pub fn segments(&self, shard: ShardId) -> Result<Vec<Segment>, ArchiveError> {
        let mut segments = Vec::new();
        for directory in entries(&self.of_shard(shard))? {
            let Some(day) = read_day_name(&directory) else { continue };
            for path in entries(&directory)? {
                let bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                segments.extend(Segment::read(shard, day, name, bytes));
            }
        }
        segments.sort_unstable();
        Ok(segments)
    }

    /// Writes blocks as a segment, those of the first day among them: whole, or not at all. Returns it, and how many blocks it took.
    ///
    /// # Errors
    /// When it can't be written; nothing is left behind then that anybody reads.
    pub fn write(
        &self,
        shard: ShardId,
        after: u64,
        blocks: &[Block],
        now: Millis,
    ) -> Result<Option<(Segment, usize)>, ArchiveError> {
        let unreadable = |error: BadBlock| self.damaged(&self.of_shard(shard), &error);
        let mut heads = Vec::with_capacity(blocks.len());
        for block in blocks {
            heads.push(block::head(&block.payload).map_err(unreadable)?);
        }
        let Some(day) = heads.first().map(|head| day_of(head.at)) else { return Ok(None) };
        let count = heads.iter().take_while(|head| day_of(head.at) == day).count();
        let taken = blocks.get(..count).unwrap_or_default();
        let mut bytes: Vec<u8> = taken.iter().flat_map(|block| &block.payload[..]).copied().collect();
        let forgets = heads.iter().take(count).any(|head| head.forgets);
        if forgets || bytes.len() < SMALL_BLOCK * count {
            let mut read = Vec::new();
            block::read(&bytes[..], |_| true, |block| read.push(block)).map_err(unreadable)?;
            self.mark(shard, &read)?;
            bytes = block::compress_all(&read);
        }
        let last = taken.last().map_or(after, |block| block.number);
        self.put(Segment { shard, day, after, last, written: now, hash: 0, bytes: 0 }, &bytes)
            .map(|segment| Some((segment, count)))
    }

    /// Writes a segment's file.
    fn put(&self, segment: Segment, bytes: &[u8]) -> Result<Segment, ArchiveError> {
        let segment = Segment { hash: xxh3_64(bytes), bytes: bytes.len() as u64, ..segment };
        self.write_file(&self.root.join(segment.path()), bytes)?;
        Ok(segment)
    }

    /// Writes a file so that it is there whole and durably, or not at all.
    fn write_file(&self, path: &Path, bytes: &[u8]) -> Result<(), ArchiveError> {
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
        fs::rename(&partial, path).map_err(|cause| io_error(path, cause))?;
        sync_directory(directory)
    }

    /// Reads the blocks behind `after` up to `to`, in order, without those who are forgotten. `wanted` says of a line, as text, whether
    /// it is worth being read.
    ///
    /// # Errors
    /// When a segment can't be read or is damaged; what came before it was given to `each`.
    pub fn read(
        &self,
        shard: ShardId,
        (mut after, to): (u64, u64),
        wanted: impl Fn(&[u8]) -> bool,
        mut each: impl FnMut(PastBlock) -> ControlFlow<()>,
    ) -> Result<Reach, ArchiveError> {
        let mut reach = Reach::default();
        // A segment that was merged or written anew while we read is found under another name.
        for is_last in [false, false, true] {
            match self.read_on(shard, (after, to), &wanted, &mut each, &mut reach) {
                Err(ArchiveError::Io { cause, .. }) if cause.kind() == io::ErrorKind::NotFound && !is_last => {
                    after = reach.last.max(after);
                }
                read => return read.map(|()| reach),
            }
        }
        Ok(reach)
    }

    /// How far the archive reaches, by the names of segments alone.
    ///
    /// # Errors
    /// When a directory can't be read.
    pub fn reach(&self, shard: ShardId) -> Result<Reach, ArchiveError> {
        let mut reach = Reach::default();
        pieces(self.segments(shard)?).iter().for_each(|piece| reach.extend(piece.after, piece.last));
        Ok(reach)
    }

    fn read_on(
        &self,
        shard: ShardId,
        (after, to): (u64, u64),
        wanted: &impl Fn(&[u8]) -> bool,
        each: &mut impl FnMut(PastBlock) -> ControlFlow<()>,
        reach: &mut Reach,
    ) -> Result<(), ArchiveError> {
        let marks = self.marks(shard)?;
        for piece in pieces(self.segments(shard)?) {
            let (from, until) = (piece.after.max(after), piece.last.min(to));
            if from >= until {
                continue;
            }
            reach.extend(from, from);
            let mut blocks = self.blocks_of(&piece, wanted)?;
            blocks.retain(|block| (from + 1..=until).contains(&block.head.block));
            for mut block in blocks {
                let number = block.head.block;
                block.rows.retain(|row| !marks.hide(row, number));
                if each(block).is_break() {
                    reach.last = number;
                    return Ok(());
                }
            }
            reach.last = until;
        }
        Ok(())
    }

    fn blocks_of(&self, piece: &Piece, wanted: impl Fn(&[u8]) -> bool) -> Result<Vec<PastBlock>, ArchiveError> {
        let path = self.root.join(piece.segment.path());
        let bytes = fs::read(&path).map_err(|cause| io_error(&path, cause))?;
        if xxh3_64(&bytes) != piece.segment.hash {
            return Err(self.damaged(&path, &"it is not what its name says"));
        }
        let mut blocks = Vec::new();
        block::read(&bytes[..], wanted, |block| blocks.push(block)).map_err(|error| self.damaged(&path, &error))?;
        Ok(blocks)
    }

    #[expect(clippy::unused_self, reason = "reads as what it is about")]
    fn damaged(&self, path: &Path, why: &dyn std::fmt::Display) -> ArchiveError {
        ArchiveError::Damaged { path: path.to_owned(), why: why.to_string() }
    }
}

/// What is done now and then.
impl Archive {
    /// Lets go of days that lie before `first`, of segments of which nothing counts any more, and of files that were never completed.
    ///
    /// # Errors
    /// When a directory can't be read or a file not be deleted.
    pub fn tidy(&self, shard: ShardId, first: Option<Millis>, now: Millis) -> Result<(), ArchiveError> {
        let first = first.map_or(i64::MIN, day_of);
        for directory in entries(&self.of_shard(shard))? {
            let Some(day) = read_day_name(&directory) else { continue };
            if day < first {
                fs::remove_dir_all(&directory).map_err(|cause| io_error(&directory, cause))?;
                continue;
            }
            for path in entries(&directory)? {
                if path.to_str().is_some_and(|path| path.ends_with(PARTIAL)) && age(&path, now) > ABANDONED {
                    remove(&path)?;
                }
            }
        }
        let segments = self.segments(shard)?;
        let counts: Vec<Segment> = pieces(segments.clone()).into_iter().map(|piece| piece.segment).collect();
        segments.iter().filter(|segment| !counts.contains(segment)).try_for_each(|one| self.remove(one))
    }

    fn remove(&self, segment: &Segment) -> Result<(), ArchiveError> {
        remove(&self.root.join(segment.path()))
    }

    /// Merges small segments that follow each other; returns whether there were some.
    ///
    /// # Errors
    /// When segments can't be read or written.
    pub fn merge(&self, shard: ShardId, now: Millis) -> Result<bool, ArchiveError> {
        let pieces = pieces(self.segments(shard)?);
        let Some(run) = MERGED_BELOW.into_iter().find_map(|below| small_run(&pieces, below)) else { return Ok(false) };
        self.rewrite(run, now, |_, _| true)?;
        Ok(true)
    }

    /// Writes segments that follow each other anew, as one, without the rows that `stays` doesn't want.
    fn rewrite(
        &self,
        run: &[Piece],
        now: Millis,
        stays: impl Fn(&super::Row, u64) -> bool,
    ) -> Result<(), ArchiveError> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(()) };
        let mut blocks = Vec::new();
        for piece in run {
            blocks.extend(self.blocks_of(piece, |_| true)?);
        }
        blocks.retain(|block| first.after < block.head.block && block.head.block <= last.last);
        for block in &mut blocks {
            let number = block.head.block;
            block.rows.retain(|row| stays(row, number));
        }
        // Written later than what it takes the place of, whatever the clock says.
        let newest = run.iter().map(|piece| piece.segment.written).max().unwrap_or_default();
        let written = now.max(newest.plus(1));
        let segment = Segment { after: first.after, last: last.last, written, ..first.segment.clone() };
        self.put(segment, &block::compress_all(&blocks))?;
        // What of a segment counts elsewhere stays, until nothing of it does.
        run.iter().filter(|piece| piece.is_whole()).try_for_each(|piece| self.remove(&piece.segment))
    }
}

/// Segments in a row, whole ones of one day, that are worth being merged.
fn small_run(pieces: &[Piece], below: u64) -> Option<&[Piece]> {
    let fits = |piece: &Piece| piece.is_whole() && piece.segment.bytes < below;
    let follows = |a: &Piece, b: &Piece| a.last == b.after && a.segment.day == b.segment.day && fits(a) && fits(b);
    pieces.chunk_by(follows).find(|run| run.len() >= MERGED_AT_ONCE)
}

/// Forgetting.
impl Archive {
    /// Notes who is forgotten in blocks that are about to become a segment.
    fn mark(&self, shard: ShardId, blocks: &[PastBlock]) -> Result<(), ArchiveError> {
        let marks: Vec<Mark> = blocks.iter().flat_map(marks_of).collect();
        let Some(last) = marks.last() else { return Ok(()) };
        let path = self.of_shard(shard).join(FORGOTTEN).join(format!("{:012}.json", last.block));
        let text = serde_json::to_vec(&marks).map_err(|error| self.damaged(&path, &error))?;
        self.write_file(&path, &text)
    }

    fn mark_files(&self, shard: ShardId) -> Result<BTreeMap<PathBuf, Vec<Mark>>, ArchiveError> {
        let mut files = BTreeMap::new();
        for path in entries(&self.of_shard(shard).join(FORGOTTEN))? {
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = match fs::read(&path) {
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
                read => read.map_err(|cause| io_error(&path, cause))?,
            };
            let marks = serde_json::from_slice(&text).map_err(|error| self.damaged(&path, &error))?;
            files.insert(path, marks);
        }
        Ok(files)
    }

    fn marks(&self, shard: ShardId) -> Result<Marks, ArchiveError> {
        let mut marks = Marks::default();
        self.mark_files(shard)?.values().flatten().for_each(|mark| marks.add(mark));
        Ok(marks)
    }

    /// Writes anew what still tells of those who are forgotten. Marks leave a day later, when it was looked once more.
    ///
    /// # Errors
    /// When segments can't be read or written; calling again goes on with it.
    pub fn forget(&self, shard: ShardId, now: Millis) -> Result<usize, ArchiveError> {
        let files = self.mark_files(shard)?;
        let mut marks = Marks::default();
        files.values().flatten().for_each(|mark| marks.add(mark));
        if marks.is_empty() {
            return Ok(0);
        }
        let mut rewritten = 0;
        for piece in pieces(self.segments(shard)?) {
            let hides = |block: &PastBlock| block.rows.iter().any(|row| marks.hide(row, block.head.block));
            // Of a segment that counts in parts, all parts leave it.
            if !piece.is_whole() || self.blocks_of(&piece, |_| true)?.iter().any(hides) {
                self.rewrite(std::slice::from_ref(&piece), now, |row, block| !marks.hide(row, block))?;
                rewritten += 1;
            }
        }
        self.tidy(shard, None, now)?;
        for (path, marks) in files {
            if marks.iter().all(|mark| now.since(mark.at) > MARKS_KEPT) {
                remove(&path)?;
            }
        }
        Ok(rewritten)
    }
}

/// Who is forgotten in a block.
fn marks_of(block: &PastBlock) -> impl Iterator<Item = Mark> {
    let gone = block.rows.iter().filter(|row| row.past == Past::Gone);
    gone.map(|row| Mark { of: row.of.to_string(), block: block.head.block, at: block.head.at })
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

fn io_error(path: &Path, cause: io::Error) -> ArchiveError {
    ArchiveError::Io { path: path.to_owned(), cause }
}
