//! The disk is full: appends and commits are refused, nothing of them remains, and when there is room again they go through.

use std::sync::Arc;

use handraiser::store::embedded::Tuning;
use handraiser::store::*;

use super::{open, place};
use crate::store_conformance::options;
use crate::store_conformance::support::*;

const PAGES: u32 = 300;

fn step_of(store: &SharedStore, n: u64, json: &str) -> Commit {
    let (key, other) = (user(store, "ana"), user(store, &format!("other{}", n % 40)));
    let at = |n: u64| crate::store_conformance::support::place("q", i64::try_from(n).unwrap());
    let ana = RecordWrite { was_listed: at(n).filter(|_| n > 0), listed: at(n + 1), ..write(&key, &n.to_string()) };
    Commit {
        records: vec![ana, write(&other, &"x".repeat(900))],
        ids: vec![n],
        leads: vec![LeadRow { json: json.to_owned(), ..lead(&format!("l{n}"), &key, "d", now()) }],
        messages: vec![entry(THERE, n.to_string())],
        ..here()
    }
}

/// Commits until the disk is full; answers how many went through.
async fn fill_up(store: &SharedStore) -> u64 {
    let large = "x".repeat(20_000);
    for n in 0.. {
        match store.commit(vec![step_of(store, n, &large)]).await {
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
    let ana = user(store, "ana");
    assert_eq!(record(store, &ana).await, Some((committed - 1).to_string().into()));
    for n in 0..committed.min(40) {
        let other = record(store, &user(store, &format!("other{n}"))).await;
        assert_eq!(other.map(|text| text.len()), Some(900), "other{n}");
    }
    let ids: Vec<_> = remembered(store, HERE).await.into_iter().flat_map(|(_, ids)| ids).collect();
    assert!(ids.into_iter().eq(0..committed));
    assert!(store.lead(&format!("l{}", committed - 1)).await.expect("leads can be read").is_some());
    assert!(store.lead(&format!("l{committed}")).await.expect("leads can be read").is_none());
    assert_eq!(listed(store, "q", 10).await, [(i64::try_from(committed).unwrap(), ana)]);
    assert_eq!(progress(store, THERE).await, (0, committed));
    assert_eq!(arrived(store, THERE, 0, usize::try_from(committed).unwrap()).await.len() as u64, committed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_and_loses_nothing() {
    let (_directory, path) = place();
    let tuning = Tuning { max_pages: Some(PAGES) };
    let store = EmbeddedStore::open(&path, options(), tuning).expect("the store opens");
    let store: SharedStore = Arc::new(store);
    let committed = fill_up(&store).await;
    assert!(committed > 20, "{committed} went through");
    check(&store, committed).await;
    // Again and again, and senders are refused the same way.
    for _ in 0..5 {
        let large = "x".repeat(40_000);
        let refused = store.commit(vec![step_of(&store, committed, &large)]).await;
        assert!(matches!(refused, Err(CommitError::Store(StoreError::Unavailable(_)))), "{refused:?}");
        let refused = store.append(vec![entry(HERE, large)]).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }
    check(&store, committed).await;
    assert_eq!(progress(&store, HERE).await, (0, 0));

    // Room comes back while it runs: large leads become small ones.
    let key = user(&store, "ana");
    let small = (0..committed).map(|n| lead(&format!("l{n}"), &key, "d", now())).collect();
    ok(&store, Commit { leads: small, ..here() }).await;
    ok(&store, step_of(&store, committed, "{}")).await;
    check(&store, committed + 1).await;
    drop(store);

    // And with a larger disk all of it is there after a start.
    let store = open(&path);
    check(&store, committed + 1).await;
    ok(&store, step_of(&store, committed + 1, &"x".repeat(90_000))).await;
    check(&store, committed + 2).await;
}

/// One commit that is too large doesn't take those with it that wait beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moved_commit_spoils_nothing_beside_it() {
    let (_directory, path) = place();
    let store = open(&path);
    let both = (0..50).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            if n % 2 == 0 {
                append(&store, entries(HERE, 3)).await;
            } else {
                let stale = store.commit(vec![step(7, 7)]).await;
                assert_eq!(moved(stale), [HERE]);
            }
        })
    });
    for one in futures::future::join_all(both).await {
        one.expect("each got its answer");
    }
    assert_eq!(progress(&store, HERE).await, (0, 75));
}
