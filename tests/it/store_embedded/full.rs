//! The disk is full: commits are refused, nothing of them remains, and when there is room again they go through.

use handraiser::store::embedded::Tuning;
use handraiser::store::*;

use super::open_with;
use crate::store_conformance::options;
use crate::store_conformance::support::*;

fn step(store: &SharedStore, n: u64, json: &str) -> Commit {
    let key = user(store, "ana");
    Commit {
        writes: vec![write(&key, n, &[("n", &n.to_string())])],
        remember: vec![(hash(&format!("m{n}")), Note::NONE)],
        leads: vec![LeadRow { json: json.to_owned(), ..lead(&format!("l{n}"), &key, "d", now()) }],
        enqueue: vec![entry("q", &format!("e{n}"), now())],
        ..commit_at(now())
    }
}

/// Commits until the disk is full; answers how many went through.
async fn fill_up(store: &SharedStore) -> u64 {
    let large = "x".repeat(20_000);
    for n in 0.. {
        match store.commit(step(store, n, &large)).await {
            Ok(()) => {}
            Err(CommitError::Store(StoreError::Unavailable(why))) => {
                assert!(why.contains("full"), "{why}");
                return n;
            }
            Err(other) => panic!("{other}"),
        }
    }
    unreachable!("the disk gets full")
}

async fn check(store: &SharedStore, committed: u64) {
    let found = record(store, &user(store, "ana")).await.expect("it is there");
    assert_eq!(found.version, committed);
    let seen = store.seen(HERE, &[committed - 1, committed].map(|n| hash(&format!("m{n}")))).await;
    assert_eq!(seen.expect("messages can be read"), [Some(Note::NONE), None]);
    assert!(store.lead(&format!("l{}", committed - 1)).await.expect("leads can be read").is_some());
    assert!(store.lead(&format!("l{committed}")).await.expect("leads can be read").is_none());
    assert_eq!(row_ids(store, EntryState::Pending, "q").await.len() as u64, committed);
    let stats = store.queue_stats(now()).await.expect("queues can be counted");
    assert_eq!(stats[0].pending, committed);
}

#[tokio::test]
async fn a_full_disk_refuses_and_loses_nothing() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("store.db");
    let tuning = Tuning { max_pages: Some(200), ..super::SMALL };
    let store = open_with(&path, options(), tuning).expect("the store opens");
    let committed = fill_up(&store).await;
    assert!(committed > 5, "{committed} went through");
    check(&store, committed).await;
    // Again and again, and other writers are refused the same way.
    for _ in 0..5 {
        let refused = store.commit(step(&store, committed, &"x".repeat(40_000))).await;
        assert!(matches!(refused, Err(CommitError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    }
    check(&store, committed).await;

    // Room comes back while it runs: large leads become small ones.
    let key = user(&store, "ana");
    let small = (0..committed).map(|n| lead(&format!("l{n}"), &key, "d", now())).collect();
    ok(&store, Commit { leads: small, ..commit_at(now()) }).await;
    ok(&store, step(&store, committed, "{}")).await;
    check(&store, committed + 1).await;
    drop(store);

    // And with a larger disk all of it is there after a start.
    let store = open_with(&path, options(), super::SMALL).expect("the store opens");
    check(&store, committed + 1).await;
    ok(&store, step(&store, committed + 1, "{}")).await;
    check(&store, committed + 2).await;
}
