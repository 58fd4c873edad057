//! The archive of a server at work.

mod bucket;
mod filling;
mod keeping;
pub mod killed;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use handraiser::apply::Past;
use handraiser::engine::HistorySettings;
use handraiser::history::{Archive, PastBlock, block};
use handraiser::ids::{RecordKey, ShardId};
use handraiser::store::SharedStore;

/// An archive in a directory of its own.
pub fn archive() -> (tempfile::TempDir, Archive) {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let archive = Archive::open(&directory.path().join("history")).expect("an archive");
    (directory, archive)
}

/// One that is written as soon as there is something.
pub fn hasty(archive: &Archive) -> HistorySettings {
    HistorySettings {
        flush_after: Duration::ZERO,
        forget_every: Duration::from_secs(1),
        ..HistorySettings::new(archive.clone(), None)
    }
}

/// The blocks of a shard that are in segments.
pub fn in_segments(archive: &Archive, shard: ShardId) -> Vec<PastBlock> {
    let mut blocks = Vec::new();
    let reach = archive.read(
        shard,
        (0, u64::MAX),
        |_| true,
        |block| {
            blocks.push(block);
            ControlFlow::Continue(())
        },
    );
    let reach = reach.expect("the archive can be read");
    assert_eq!(reach.gaps, [], "{shard}");
    blocks
}

/// All of the past: what is in segments, and what still waits in the store.
pub async fn past(archive: &Archive, store: &SharedStore) -> Vec<PastBlock> {
    let mut all = Vec::new();
    for shard in store.shards().all() {
        let mut blocks = in_segments(archive, shard);
        let last = blocks.last().map_or(0, |block| block.head.block);
        for waiting in store.blocks(shard, last, usize::MAX).await.expect("blocks can be read") {
            block::read(&waiting.payload[..], |_| true, |block| blocks.push(block)).expect("a block can be read");
        }
        let numbers: Vec<u64> = blocks.iter().map(|block| block.head.block).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{shard}: {numbers:?}");
        all.extend(blocks);
    }
    all
}

/// How often each message is told of each record.
pub fn told(past: &[PastBlock]) -> BTreeMap<(RecordKey, String), usize> {
    let mut told = BTreeMap::new();
    for row in past.iter().flat_map(|block| &block.rows) {
        if let Past::Counted { event, .. } = &row.past {
            *told.entry((row.of.clone(), event.message_id.to_string())).or_default() += 1;
        }
    }
    told
}
