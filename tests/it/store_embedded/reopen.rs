//! Closing and opening again, with and without a graceful stop.

use std::time::Duration;

use handraiser::ids::{Position, RecordKey, Shards};
use handraiser::store::*;

use super::{crash_image, open, place, refusal};
use crate::store_conformance::options;
use crate::store_conformance::support::*;

/// Something of everything, over many commits.
async fn fill(store: &SharedStore, rounds: u64) {
    for round in 0..rounds {
        append(store, entries(HERE, 3)).await;
        let keys: Vec<RecordKey> = (0..5).map(|n| user(store, &format!("u{n}"))).collect();
        let at = |round: u64| crate::store_conformance::support::place("q", i64::try_from(round).unwrap());
        let listed = |key| RecordWrite {
            was_listed: at(round).filter(|_| round > 0),
            listed: at(round + 1),
            ..write(key, &format!("{round} {}", "x".repeat(200)))
        };
        let commit = Commit {
            records: keys.iter().map(listed).collect(),
            ids: vec![round, round + 1_000_000],
            leads: vec![lead(&format!("l{}", round % 7), &keys[0], "d", now())],
            messages: vec![entry(THERE, format!("from {round}"))],
            rejected: vec![rejected(1)],
            // One entry stays behind, until the next commit.
            ..Commit::new(HERE, Position((round * 3).saturating_sub(1)), Position(round * 3 + 2), now())
        };
        ok(store, commit).await;
    }
}

async fn check_filled(store: &SharedStore, rounds: u64) {
    for n in 0..5 {
        let found = record(store, &user(store, &format!("u{n}"))).await.expect("it is there");
        assert!(found.starts_with(&format!("{} x", rounds - 1)), "{found}");
    }
    let ids: Vec<_> = remembered(store, HERE).await.into_iter().flat_map(|(_, ids)| ids).collect();
    assert!(ids.into_iter().eq((0..rounds).flat_map(|round| [round, round + 1_000_000])));
    assert_eq!(lead_ids(store, all()).await.len() as u64, rounds.min(7));
    assert_eq!(listed(store, "q", 99).await.len(), 5);
    assert_eq!(lists(store).await, [("q".to_owned(), 5, i64::try_from(rounds).unwrap())]);
    assert_eq!(progress(store, HERE).await, (rounds * 3 - 1, rounds * 3));
    assert_eq!(texts(&arrived(store, HERE, rounds * 3 - 1, 1).await), ["entry 2"]);
    let messages = arrived(store, THERE, 0, usize::try_from(rounds).unwrap()).await;
    assert_eq!(texts(&messages), (0..rounds).map(|n| format!("from {n}")).collect::<Vec<_>>());
    let rejected = store.rejected(100).await.expect("they can be read").len() as u64;
    assert!((rounds.min(50)..=60).contains(&rejected), "{rejected}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_survives_with_and_without_a_graceful_stop() {
    let (directory, _) = place();
    let path = directory.path().join("new directory").join("store.db");
    let store = open(&path);
    fill(&store, 100).await;
    let killed = crash_image(&path, "killed.db");
    check_filled(&open(&killed), 100).await;
    drop(store);
    let store = open(&path);
    check_filled(&store, 100).await;
    store.close().await.expect("it closes");
    let closed = store.commit(vec![here()]).await;
    assert!(matches!(closed, Err(CommitError::Store(StoreError::Unavailable(_)))), "{closed:?}");
    assert!(matches!(store.append(entries(HERE, 1)).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
    let read = store.read(&[(HERE, Position(0))], PLENTY, Duration::from_secs(60)).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    // The file is free though the store is still held.
    let again = open(&path);
    check_filled(&again, 100).await;
    drop(store);
    check_filled(&again, 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_waits_is_told_of_the_end() {
    let (_directory, path) = place();
    let store = open(&path);
    let waiting = {
        let store = store.clone();
        tokio::spawn(async move { store.read(&[(HERE, Position(0))], PLENTY, Duration::from_secs(60)).await })
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    store.close().await.expect("it closes");
    let told = tokio::time::timeout(SOON, waiting).await.expect("it does not wait on").expect("it ends");
    assert!(matches!(told, Err(StoreError::Unavailable(_))), "{told:?}");
}

/// More than stays in memory: the beginning is read from the table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_backlog_is_read_in_order() {
    let (_directory, path) = place();
    let store = open(&path);
    let (each, rounds) = (200, 50);
    for round in 0..rounds {
        let payload = |n| format!("{} {}", round * each + n, "x".repeat(10_000));
        append(&store, (0..each).map(|n| entry(HERE, payload(n))).collect()).await;
        append(&store, vec![entry(THERE, round.to_string())]).await;
    }
    let read_all = async |store: &SharedStore| {
        let (mut at, mut next) = (0, 0);
        while at < each * rounds {
            let found = store.read(&[(HERE, Position(at)), (THERE, Position(0))], 1 << 20, SOON).await;
            for (shard, entries) in found.expect("the log can be read") {
                if shard == THERE {
                    assert_eq!(entries.len() as u64, rounds);
                    continue;
                }
                for entry in entries {
                    at += 1;
                    assert_eq!(entry.position.0, at);
                    assert!(entry.payload.starts_with(format!("{next} ").as_bytes()));
                    next += 1;
                }
            }
        }
    };
    read_all(&store).await;
    drop(store);
    let store = open(&path);
    read_all(&store).await;
    // What is passed goes, though the other shard has something in the same time.
    ok(&store, Commit::new(HERE, Position(0), Position(each * rounds - 1), now())).await;
    assert_eq!(arrived(&store, HERE, 0, 1).await.len(), 1);
    drop(store);
    let store = open(&path);
    assert_eq!(arrived(&store, HERE, 0, 1).await.len(), 1);
    assert_eq!(arrived(&store, THERE, 0, usize::try_from(rounds).unwrap()).await.len() as u64, rounds);
}

#[tokio::test]
async fn refusals_name_the_file_and_the_fix() {
    let (directory, path) = place();
    let store = open(&path);
    insta::assert_snapshot!(refusal(&path, options()), @"the store is unusable: the store at store.db is in use by this process: stop that one, give this one another `store.path`, or ask the running server");
    drop(store);
    let other = StoreOptions { shards: Shards::new(64).expect("64 is not zero"), ..options() };
    insta::assert_snapshot!(refusal(&path, other), @"the store is unusable: store.db: it was created with 8 shards, the configuration says 64: set `store.shards` to 8, or begin a new store");
    let meta = rusqlite::Connection::open(&path).expect("it is a database");
    meta.execute("UPDATE meta SET value = 99 WHERE name = 'format'", []).expect("it can be changed");
    drop(meta);
    insta::assert_snapshot!(refusal(&path, options()), @"the store is unusable: store.db: its format is 99, this program reads 4: use the version of Handraiser that wrote it, or a newer one");

    let foreign = directory.path().join("foreign.db");
    let other = rusqlite::Connection::open(&foreign).expect("a database can be made");
    other.execute("CREATE TABLE theirs (a)", []).expect("a table can be made");
    drop(other);
    insta::assert_snapshot!(refusal(&foreign, options()), @"the store is unusable: store.db: this is no store of Handraiser: name another file in `store.path`");
    let text = directory.path().join("text.db");
    std::fs::write(&text, "no database at all, but long enough to be looked at as one".repeat(50))
        .expect("a file can be made");
    insta::assert_snapshot!(refusal(&text, options()), @"the store is unusable: store.db: the file is no database, or is damaged: restore it from a backup, or name another file in `store.path`");
    insta::assert_snapshot!(refusal(directory.path(), options()), @"the store is unusable: store.db is no file: name a file in `store.path`");
}

#[tokio::test]
async fn what_hashes_begin_with_is_the_stores_own_and_stays() {
    let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let seed = |at: usize| open(&directories[at].path().join("handraiser.db")).seed();
    let (one, other) = (seed(0), seed(1));
    assert_eq!((seed(0), seed(1)), (one, other), "opened again");
    assert!(one != other && one != 0);
}
