//! A segment: a file of blocks that follow each other, of one shard and one day. Its name says which blocks, when it was written, and
//! a hash of all that is in it: `s3/2026-11-29/000000001200-000000001300.1764450000000.3fa9c1e57b02d846.jsonl.gz` holds the
//! blocks behind number 1200 up to 1300.

use std::path::PathBuf;

use crate::ids::ShardId;
use crate::time::{Millis, write_day};

/// What the names of segments end with.
const ENDING: &str = ".jsonl.gz";

/// A segment, as its name tells.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Segment {
    /// The shard whose past it tells.
    pub shard: ShardId,
    /// The day (UTC) on which its blocks were committed, from 1970-01-01.
    pub day: i64,
    /// The last block before it.
    pub after: u64,
    /// Its last block.
    pub last: u64,
    /// When it was written.
    pub written: Millis,
    /// The hash of the file.
    pub hash: u64,
    /// How long the file is.
    pub bytes: u64,
}

impl Segment {
    /// Where it lies, below the archive's directory.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(self.key())
    }

    /// The same as a text.
    pub(super) fn key(&self) -> String {
        let Self { shard, day, after, last, written, hash, .. } = self;
        format!("{shard}/{}/{after:012}-{last:012}.{}.{hash:016x}{ENDING}", day_name(*day), written.0)
    }

    /// Reads a name in the directory of a shard and a day.
    pub fn read(shard: ShardId, day: i64, name: &str, bytes: u64) -> Option<Self> {
        let mut parts = name.strip_suffix(ENDING)?.split('.');
        let (after, last) = parts.next()?.split_once('-')?;
        let (written, hash) = (parts.next()?.parse().ok()?, u64::from_str_radix(parts.next()?, 16).ok()?);
        let (after, last) = (after.parse().ok()?, last.parse().ok()?);
        (parts.next().is_none() && after < last).then_some(Self {
            shard,
            day,
            after,
            last,
            written: Millis(written),
            hash,
            bytes,
        })
    }
}

/// The day of a moment.
pub(super) const fn day_of(at: Millis) -> i64 {
    at.0.div_euclid(Millis::DAY)
}

/// A day's directory.
pub(super) fn day_name(day: i64) -> String {
    let mut name = String::new();
    write_day(day, &mut name);
    name
}

/// The part of a segment that counts: its blocks behind `after` up to `last`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The segment.
    pub segment: Segment,
    /// Blocks up to this one are told by another segment.
    pub after: u64,
    /// The last one that counts.
    pub last: u64,
}

impl Piece {
    /// Whether all of its segment counts.
    pub(super) fn is_whole(&self) -> bool {
        (self.after, self.last) == (self.segment.after, self.segment.last)
    }
}

/// Which parts of segments count, in order: where two tell of the same blocks, the one that was written last.
pub fn pieces(mut segments: Vec<Segment>) -> Vec<Piece> {
    segments.sort_unstable_by_key(|segment| std::cmp::Reverse((segment.written, segment.hash)));
    let mut pieces: Vec<Piece> = Vec::new();
    for segment in segments {
        let mut free = vec![(segment.after, segment.last)];
        for taken in &pieces {
            free = free.into_iter().flat_map(|one| without(one, (taken.after, taken.last))).collect();
        }
        let piece = |(after, last)| Piece { segment: segment.clone(), after, last };
        pieces.extend(free.into_iter().map(piece));
    }
    pieces.sort_unstable_by_key(|piece| piece.after);
    pieces
}

/// What of a stretch `(after, last]` is left without another one.
fn without((after, last): (u64, u64), (from, to): (u64, u64)) -> impl Iterator<Item = (u64, u64)> {
    let before = (after, last.min(from));
    let behind = (after.max(to), last);
    let whole = (last <= from || to <= after).then_some((after, last));
    let parts = if whole.is_some() { [whole, None] } else { [Some(before), Some(behind)] };
    parts.into_iter().flatten().filter(|(after, last)| after < last)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn segment(after: u64, last: u64, written: i64) -> Segment {
        Segment { shard: ShardId(3), day: 20_421, after, last, written: Millis(written), hash: 7, bytes: 9 }
    }

    #[test]
    fn a_name_tells_all() {
        let segment = segment(1_200, 1_300, 1_764_450_000_000);
        let path = segment.path();
        assert_eq!(
            path.to_str(),
            Some("s3/2025-11-29/000000001200-000000001300.1764450000000.0000000000000007.jsonl.gz")
        );
        let name = path.file_name().and_then(|name| name.to_str()).unwrap();
        assert_eq!(Segment::read(ShardId(3), 20_421, name, 9), Some(segment));
        for other in ["", "x.jsonl.gz", "5-4.1.7.jsonl.gz", "000000001200-000000001300.1.7.jsonl.gz.tmp"] {
            assert_eq!(Segment::read(ShardId(3), 20_421, other, 9), None, "{other}");
        }
    }

    proptest! {
        /// Each block is told once, by the segment that was written last of those that hold it.
        #[test]
        fn each_block_counts_once(ranges in prop::collection::vec((0_u64..30, 1_u64..12), 0..8)) {
            let segments: Vec<Segment> =
                (0..).zip(&ranges).map(|(at, (after, len))| segment(*after, after + len, at)).collect();
            let pieces = pieces(segments.clone());
            for block in 1..60 {
                let holds = |after: u64, last: u64| after < block && block <= last;
                let newest = segments.iter().rfind(|one| holds(one.after, one.last));
                let told: Vec<_> = pieces.iter().filter(|one| holds(one.after, one.last)).map(|one| &one.segment).collect();
                prop_assert_eq!(told, newest.into_iter().collect::<Vec<_>>());
            }
            prop_assert!(pieces.windows(2).all(|two| two[0].last <= two[1].after));
        }
    }
}
