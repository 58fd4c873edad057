//! Blocks: what commits leave for the archive.

use bytes::Bytes;
use handraiser::store::*;

use super::support::*;

/// A commit of [`HERE`] that has had `step` before it.
fn leave(step: u64, block: Option<&[u8]>, passed: Option<u64>) -> Commit {
    Commit { step: Some(step), block: block.map(Bytes::copy_from_slice), blocks_passed: passed, ..here() }
}

async fn blocks(store: &SharedStore, after: u64, max_bytes: usize) -> Vec<(u64, Vec<u8>)> {
    let found = store.blocks(HERE, after, max_bytes).await.expect("blocks can be read");
    found.into_iter().map(|block| (block.number, block.payload.to_vec())).collect()
}

pub async fn blocks_stay_until_they_are_passed(store: &SharedStore) {
    let first = store.progress(&[HERE]).await.expect("the progress can be read")[0].step;
    let any_bytes = [0, 255, b'\n', 0xc3, 0x28];
    ok(store, leave(first, Some(b"one"), None)).await;
    ok(store, leave(first + 1, None, None)).await;
    ok(store, leave(first + 2, Some(&any_bytes), None)).await;
    ok(store, leave(first + 3, Some(b"four"), None)).await;
    let all = [(first + 1, b"one".to_vec()), (first + 3, any_bytes.to_vec()), (first + 4, b"four".to_vec())].to_vec();
    assert_eq!(blocks(store, 0, PLENTY).await, all);
    assert_eq!(blocks(store, first + 1, PLENTY).await, all[1..]);
    assert_eq!(blocks(store, first + 2, 1).await, all[1..2], "one at least");
    assert_eq!(blocks(store, 0, 8).await, all[..2]);
    assert_eq!(store.blocks(THERE, 0, PLENTY).await, Ok(Vec::new()), "shards have blocks of their own");

    // What is passed leaves in the same step in which something else may come.
    ok(store, leave(first + 4, Some(b"five"), Some(first + 3))).await;
    assert_eq!(blocks(store, 0, PLENTY).await, [(first + 4, b"four".to_vec()), (first + 5, b"five".to_vec())]);
    ok(store, leave(first + 5, None, Some(first + 5))).await;
    assert_eq!(blocks(store, 0, PLENTY).await, []);
    ok(store, leave(first + 6, Some(b"seven"), None)).await;
    assert_eq!(blocks(store, 0, PLENTY).await, [(first + 7, b"seven".to_vec())], "numbers are never used again");
}

pub async fn a_refused_commit_leaves_no_block(store: &SharedStore) {
    let first = store.progress(&[HERE]).await.expect("the progress can be read")[0].step;
    ok(store, leave(first, Some(b"one owner"), None)).await;
    let late = leave(first, Some(b"the other"), Some(first + 1));
    assert_eq!(moved(store.commit(vec![late]).await), [HERE]);
    assert_eq!(blocks(store, 0, PLENTY).await, [(first + 1, b"one owner".to_vec())]);
}

pub async fn many_large_blocks_are_read_in_pages(store: &SharedStore) {
    let first = store.progress(&[HERE]).await.expect("the progress can be read")[0].step;
    let large = |n: u64| vec![u8::try_from(n).expect("few"); 20_000];
    for n in 0..70 {
        ok(store, leave(first + n, Some(&large(n)), None)).await;
    }
    let (mut after, mut found) = (0, Vec::new());
    loop {
        let page = blocks(store, after, 100_000).await;
        let Some((last, _)) = page.last() else { break };
        assert!(page.len() <= 5, "{} blocks at once", page.len());
        after = *last;
        found.extend(page);
    }
    assert_eq!(found, (0..70).map(|n| (first + n + 1, large(n))).collect::<Vec<_>>());
}
