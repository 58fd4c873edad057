//! The file: who may open it, by which names, with which rights, and what happens when it goes away.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use handraiser::store::*;

use super::{beside, open, place, refusal, try_open};
use crate::store_conformance::options;
use crate::store_conformance::support::*;

/// Names the store's file to another process, which tries to open it.
const STORE: &str = "HANDRAISER_OPEN_STORE";

#[test]
fn other_process() {
    let Ok(path) = std::env::var(STORE) else { return };
    match try_open(Path::new(&path), options()) {
        Ok(_) => println!("opened"),
        Err(error) => println!("refused: {error}"),
    }
}

fn opened_by_another_process(path: &Path) -> String {
    let output = Command::new(std::env::current_exe().expect("this is a program"))
        .args(["--exact", "store_embedded::files::other_process", "--nocapture", "--test-threads=1"])
        .env(STORE, path)
        .stdin(Stdio::null())
        .output()
        .expect("the process runs");
    String::from_utf8(output.stdout).expect("it is text")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_name_leads_around_the_lock() {
    let (directory, path) = place();
    let (link, hard_link) = (directory.path().join("link.db"), directory.path().join("hard.db"));
    let store = open(&path);
    ok(&store, here()).await;
    symlink(&path, &link).expect("a link can be made");
    std::fs::hard_link(&path, &hard_link).expect("a link can be made");
    let dotted = directory.path().join(".").join("store.db");
    for name in [&path, &link, &hard_link, &dotted] {
        let refused = refusal(name, options());
        assert!(refused.contains("in use by this process"), "{refused}");
        let told = opened_by_another_process(name);
        assert!(told.contains("in use by "), "{told}");
    }
    let told = opened_by_another_process(&link);
    assert!(told.contains(&format!("in use by process {}", std::process::id())), "{told}");
    // Refusing has not dropped SQLite's locks, nor our own.
    ok(&store, here()).await;
    assert!(opened_by_another_process(&path).contains("in use by"));
    drop(store);
    let refused = refusal(&path, options());
    assert!(refused.contains("has 2 names (hard links)"), "{refused}");
    std::fs::remove_file(&hard_link).expect("it can be removed");
    assert!(opened_by_another_process(&link).contains("opened"));
    // Through the link it is the same store.
    append(&open(&link), entries(HERE, 2)).await;
    assert_eq!(progress(&open(&path), HERE).await, (0, 2));
    assert!(!beside(&link, "-durable").exists(), "everything stands beside the real file");
}

#[tokio::test]
async fn a_link_to_nothing_is_not_followed() {
    let (directory, path) = place();
    let link = directory.path().join("link.db");
    symlink(&path, &link).expect("a link can be made");
    insta::assert_snapshot!(refusal(&link, options()), @"the store is unusable: store.db is a symbolic link to a file that is not there: remove or correct it");
    assert!(!path.exists());
}

#[tokio::test]
async fn only_the_owner_may_read() {
    let (_directory, path) = place();
    let store = open(&path);
    append(&store, entries(HERE, 1)).await;
    for ending in ["", "-wal", "-shm", "-durable"] {
        let mode = std::fs::metadata(beside(&path, ending)).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "store.db{ending}");
    }
}

#[tokio::test]
async fn no_link_beside_the_file_is_written_through() {
    let (directory, path) = place();
    let other = directory.path().join("precious");
    std::fs::write(&other, "kept").expect("it can be written");
    symlink(&other, beside(&path, "-durable")).expect("a link can be made");
    let refused = refusal(&path, options());
    assert!(refused.contains("can't write store.db-durable"), "{refused}");
    assert_eq!(std::fs::read(&other).expect("it is there"), b"kept");
}

/// Appends until that fails; answers why.
async fn append_until_refused(store: &SharedStore) -> String {
    let deadline = std::time::Instant::now() + SOON;
    loop {
        match store.append(entries(HERE, 1)).await {
            Ok(_) => assert!(std::time::Instant::now() < deadline, "nobody noticed"),
            Err(StoreError::Unusable(why)) => return why,
            Err(other) => panic!("{other}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_goes_away_is_noticed() {
    for (ending, replaced) in [("", false), ("", true), ("-wal", false), ("-wal", true)] {
        let (_directory, path) = place();
        let store = open(&path);
        append(&store, entries(HERE, 1)).await;
        let gone = beside(&path, ending);
        std::fs::rename(&gone, path.with_file_name("aside")).expect("it can be moved");
        if replaced {
            std::fs::write(&gone, "somebody else's").expect("it can be written");
        }
        let why = append_until_refused(&store).await;
        let what = if replaced { "replaced" } else { "deleted" };
        assert!(why.contains(&format!("store.db{ending} was {what} while the store was running")), "{why}");
        assert!(matches!(store.ping().await, Err(StoreError::Unusable(_))));
        assert!(matches!(store.commit(vec![here()]).await, Err(CommitError::Store(StoreError::Unusable(_)))));
        let _ = store.close().await;
        drop(store);
        if replaced && ending.is_empty() {
            assert_eq!(std::fs::read(&gone).expect("it is there"), b"somebody else's", "it was left alone");
        }
    }
}
