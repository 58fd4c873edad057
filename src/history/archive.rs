//! The archive: writing segments, reading the past, letting go of what is too old, and forgetting. All of it waits for the disk or for a
//! bucket; call it from a thread that may block.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::block::{self, BadBlock, PastBlock};
use super::bucket::{Bucket, BucketAt};
use super::directory::Directory;
use super::error::ArchiveError;
use super::found::Found;
use super::marks::{Mark, Marks};
use super::place::Place;
use super::segment::{Piece, Segment, day_of, pieces};
use crate::apply::Past;
use crate::ids::ShardId;
use crate::store::Block;
use crate::time::{Millis, read_day};

/// Blocks that are smaller than this on average are compressed again, together.
const SMALL_BLOCK: usize = 8 << 10;
/// So many segments in a row that are smaller than one of these are merged into one.
const MERGED_AT_ONCE: usize = 16;
const MERGED_BELOW: [u64; 2] = [64 << 10, 1 << 20];
/// Marks are looked at once more after so long: a server that did not know yet that it lost its shard may have merged meanwhile.
const MARKS_KEPT: i64 = Millis::DAY;
/// Where marks lie in a shard's folder.
const FORGOTTEN: &str = "forgotten";

/// Segments in a directory or a bucket.
#[derive(Clone, Debug)]
pub struct Archive {
    /// For people.
    root: PathBuf,
    place: Place,
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
    /// The archive in the directory `root`; makes it when there is none.
    ///
    /// # Errors
    /// When the directory can't be made.
    pub fn open(root: &Path) -> Result<Self, ArchiveError> {
        Ok(Self { root: root.to_owned(), place: Place::Directory(Directory::open(root)?) })
    }

    /// The archive in a bucket, with the credentials that the environment names. It isn't asked yet.
    ///
    /// # Errors
    /// When what the environment says makes no sense.
    pub fn in_bucket(at: &BucketAt) -> Result<Self, ArchiveError> {
        Self::in_bucket_as(at, None)
    }

    /// The same with a key's id and its secret.
    ///
    /// # Errors
    /// As [`Self::in_bucket`].
    pub fn in_bucket_as(at: &BucketAt, keys: Option<(&str, &str)>) -> Result<Self, ArchiveError> {
        Ok(Self { root: PathBuf::from(at.address()), place: Place::Bucket(Bucket::open(at, keys)?) })
    }

    /// The directory, or the address of the bucket.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The shards of which there is something.
    ///
    /// # Errors
    /// When it can't be listed.
    pub fn shards(&self) -> Result<Vec<ShardId>, ArchiveError> {
        let shard = |name: String| name.strip_prefix('s')?.parse().ok().map(ShardId);
        let mut shards: Vec<_> = self.place.folders("")?.into_iter().filter_map(shard).collect();
        shards.sort_unstable();
        Ok(shards)
    }

    /// All segments of a shard.
    ///
    /// # Errors
    /// When they can't be listed.
    pub fn segments(&self, shard: ShardId) -> Result<Vec<Segment>, ArchiveError> {
        let found = self.place.list(&shard.to_string())?;
        let read = |found: &Found| {
            let (folder, name) = found.key.rsplit_once('/')?;
            Segment::read(shard, read_day(folder.rsplit_once('/')?.1)?, name, found.bytes)
        };
        let mut segments: Vec<Segment> = found.iter().filter_map(read).collect();
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
        let unreadable = |error: BadBlock| damaged(self.root.join(shard.to_string()), &error);
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

    /// Writes a segment.
    fn put(&self, segment: Segment, bytes: &[u8]) -> Result<Segment, ArchiveError> {
        let segment = Segment { hash: xxh3_64(bytes), bytes: bytes.len() as u64, ..segment };
        self.place.write(&segment.key(), bytes)?;
        Ok(segment)
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
                Err(error) if error.is_absence() && !is_last => after = reach.last.max(after),
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
        let key = piece.segment.key();
        let bytes = self.place.read(&key)?;
        if xxh3_64(&bytes) != piece.segment.hash {
            return Err(damaged(self.root.join(key), &"it is not what its name says"));
        }
        let mut blocks = Vec::new();
        block::read(&bytes[..], wanted, |block| blocks.push(block))
            .map_err(|error| damaged(self.root.join(key), &error))?;
        Ok(blocks)
    }
}

fn damaged(path: PathBuf, why: &dyn std::fmt::Display) -> ArchiveError {
    ArchiveError::Damaged { path, why: why.to_string() }
}

/// What is done now and then.
impl Archive {
    /// Lets go of days that lie before `first`, of segments of which nothing counts any more, and of files that were never completed.
    ///
    /// # Errors
    /// When it can't be listed, or something not be deleted.
    pub fn tidy(&self, shard: ShardId, first: Option<Millis>, now: Millis) -> Result<(), ArchiveError> {
        let first = first.map_or(i64::MIN, day_of);
        for name in self.place.folders(&shard.to_string())? {
            let (folder, day) = (format!("{shard}/{name}"), read_day(&name));
            match day {
                Some(day) if day < first => self.place.remove_below(&folder)?,
                Some(_) => self.place.tidy(&folder, now)?,
                None => {}
            }
        }
        let segments = self.segments(shard)?;
        let counts: Vec<Segment> = pieces(segments.clone()).into_iter().map(|piece| piece.segment).collect();
        segments.iter().filter(|segment| !counts.contains(segment)).try_for_each(|one| self.remove(one))
    }

    fn remove(&self, segment: &Segment) -> Result<(), ArchiveError> {
        self.place.remove(&segment.key())
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
        let key = format!("{shard}/{FORGOTTEN}/{:012}.json", last.block);
        let text = serde_json::to_vec(&marks).map_err(|error| damaged(self.root.join(&key), &error))?;
        self.place.write(&key, &text)
    }

    fn mark_files(&self, shard: ShardId) -> Result<BTreeMap<String, Vec<Mark>>, ArchiveError> {
        let mut files = BTreeMap::new();
        let found = self.place.list(&format!("{shard}/{FORGOTTEN}"))?;
        for key in found
            .into_iter()
            .map(|found| found.key)
            .filter(|key| key.rsplit_once('.').is_some_and(|(_, ending)| ending == "json"))
        {
            let text = match self.place.read(&key) {
                Err(error) if error.is_absence() => continue,
                read => read?,
            };
            let marks = serde_json::from_slice(&text).map_err(|error| damaged(self.root.join(&key), &error))?;
            files.insert(key, marks);
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
        for (key, marks) in files {
            if marks.iter().all(|mark| now.since(mark.at) > MARKS_KEPT) {
                self.place.remove(&key)?;
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
