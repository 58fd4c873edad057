//! Message ids, by hour.

use handraiser::store::*;
use handraiser::time::Millis;

use super::support::*;

/// A commit that remembers ids in an hour.
fn remember(hour: i64, ids: &[u64]) -> Commit {
    Commit { now: Millis(hour * Millis::HOUR + 1_234_567), ids: ids.to_vec(), ..here() }
}

const HOUR: i64 = 472_222;

pub async fn ids_are_packed_by_hour(store: &SharedStore) {
    assert_eq!(remembered(store, HERE).await, []);
    // A server's clock may be behind another's.
    for (hour, ids) in [(0, &[7, 3][..]), (2, &[u64::MAX, 0]), (1, &[1 << 63]), (0, &[5, 3]), (2, &[])] {
        ok(store, remember(HOUR + hour, ids)).await;
    }
    let expected = [(HOUR, vec![7, 3, 5, 3]), (HOUR + 1, vec![1 << 63]), (HOUR + 2, vec![u64::MAX, 0])];
    assert_eq!(remembered(store, HERE).await, expected);
    // The first and the last moment of an hour.
    let at = |ms, id| Commit { now: Millis((HOUR + 3) * Millis::HOUR + ms), ids: vec![id], ..here() };
    for (ms, id) in [(-1, 1), (0, 2), (Millis::HOUR - 1, 3), (Millis::HOUR, 4)] {
        ok(store, at(ms, id)).await;
    }
    let expected = [(HOUR + 2, vec![u64::MAX, 0, 1]), (HOUR + 3, vec![2, 3]), (HOUR + 4, vec![4])];
    assert_eq!(remembered(store, HERE).await[2..], expected);
}

pub async fn many_ids_in_one_commit(store: &SharedStore) {
    let ids: Vec<u64> = (0..10_000).map(|n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
    for _ in 0..3 {
        ok(store, remember(HOUR, &ids)).await;
    }
    let found = remembered(store, HERE).await;
    assert_eq!((found.len(), found[0].0), (1, HOUR));
    assert!(found[0].1 == ids.repeat(3), "{} ids came back changed", found[0].1.len());
}

pub async fn hours_are_forgotten(store: &SharedStore) {
    for hour in 0..5 {
        ok(store, remember(HOUR + hour, &[1, 2])).await;
    }
    let forget_ids = vec![HOUR, HOUR + 2, HOUR + 1_000];
    ok(store, Commit { forget_ids, ..remember(HOUR + 3, &[3]) }).await;
    let expected = [(HOUR + 1, vec![1, 2]), (HOUR + 3, vec![1, 2, 3]), (HOUR + 4, vec![1, 2])];
    assert_eq!(remembered(store, HERE).await, expected);
    ok(store, Commit { forget_ids: vec![HOUR + 1, HOUR + 3, HOUR + 4], ..here() }).await;
    assert_eq!(remembered(store, HERE).await, []);
    // An hour that was forgotten may begin again.
    ok(store, remember(HOUR, &[9])).await;
    assert_eq!(remembered(store, HERE).await, [(HOUR, vec![9])]);
}

pub async fn ids_are_remembered_by_shard(store: &SharedStore) {
    ok(store, remember(HOUR, &[1])).await;
    ok(store, Commit { shard: THERE, ..remember(HOUR, &[2]) }).await;
    ok(store, Commit { forget_ids: vec![HOUR], ..here() }).await;
    assert_eq!(remembered(store, HERE).await, []);
    assert_eq!(remembered(store, THERE).await, [(HOUR, vec![2])]);
}
