//! Closing and opening again, with and without a last checkpoint.

use std::path::{Path, PathBuf};
use std::time::Duration;

use handraiser::identity::{Partitions, RecordKey};
use handraiser::store::embedded::Tuning;
use handraiser::store::*;

use super::{open, open_with};
use crate::store_conformance::options;
use crate::store_conformance::support::*;

/// Something of everything, over many commits.
async fn fill(store: &SharedStore, rounds: u64) {
    let t = now();
    for round in 0..rounds {
        let keys: Vec<RecordKey> = (0..5).map(|n| user(store, &format!("u{n}"))).collect();
        let text = round.to_string();
        let large = "x".repeat(200);
        let set = [("n", text.as_str()), ("large", &large)];
        let commit = Commit {
            writes: keys.iter().map(|key| write(key, round, &set)).collect(),
            remember: vec![(hash(&format!("m{round}")), Note((round % 200) as u8))],
            leads: vec![lead(&format!("l{}", round % 7), &keys[0], "d", t.plus(round as i64))],
            enqueue: vec![in_lane("q", &format!("e{round}"), "lane", t)],
            ..commit_at(t)
        };
        ok(store, commit).await;
    }
}

async fn check_filled(store: &SharedStore, rounds: u64) {
    for n in 0..5 {
        let found = record(store, &user(store, &format!("u{n}"))).await.expect("it is there");
        assert_eq!((found.version, found.fields["n"].parse()), (rounds, Ok(rounds - 1)));
    }
    let messages: Vec<_> = (0..=rounds).map(|n| hash(&format!("m{n}"))).collect();
    let seen = store.seen(HERE, &messages).await.expect("messages can be read");
    let expected = (0..rounds).map(|n| Some(Note((n % 200) as u8))).chain([None]);
    assert_eq!(seen, expected.collect::<Vec<_>>());
    let leads = store.leads(&LeadQuery { limit: 99, ..LeadQuery::default() }).await.expect("leads can be listed");
    assert_eq!(leads.len() as u64, rounds.min(7));
    let pending: Vec<_> = (0..rounds).rev().map(|n| format!("e{n}")).collect();
    assert_eq!(row_ids(store, EntryState::Pending, "q").await, pending);
}

/// What a kill leaves behind: the file and its log as they are at this moment, elsewhere.
fn crash_image(path: &Path, directory: &Path) -> PathBuf {
    let (image, log) = (directory.join("image.db"), |path: &Path| PathBuf::from(format!("{}-wal", path.display())));
    std::fs::copy(path, &image).expect("the file can be copied");
    std::fs::copy(log(path), log(&image)).expect("the log can be copied");
    image
}

#[tokio::test]
async fn a_long_log_that_a_kill_left_behind_is_moved_at_start() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("store.db");
    let store = open(&path);
    let (key, large) = (user(&store, "u"), "x".repeat(4 << 20));
    for round in 0..12 {
        let text = format!("{round}{large}");
        ok(&store, Commit { writes: vec![write(&key, round, &[("n", text.as_str())])], ..commit_at(now()) }).await;
    }
    let image = crash_image(&path, directory.path());
    let log = || std::fs::metadata(format!("{}-wal", image.display())).map_or(0, |log| log.len());
    assert!(log() >= 32 << 20, "the log is long: {}", log());
    let reopened = open(&image);
    assert!(log() < 1 << 20, "the log was moved: {}", log());
    assert_eq!(record(&reopened, &key).await.expect("it is there").version, 12);
}

#[tokio::test]
async fn everything_survives_with_and_without_a_last_checkpoint() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("new directory").join("store.db");
    fill(&open(&path), 100).await;
    check_filled(&open(&path), 100).await;
    let store = open(&path);
    store.close().await.expect("it closes");
    let closed = store.commit(commit_at(now())).await;
    assert!(matches!(closed, Err(CommitError::Store(StoreError::Unavailable(_)))), "{closed:?}");
    drop(store);
    let reopened = open(&path);
    check_filled(&reopened, 100).await;
    let figures = reopened.figures().await.expect("it has figures");
    assert!(figures.contains(&("journal_rows".to_owned(), 0)), "{figures:?}");
    // What was known before is known now.
    let again = Commit { remember: vec![(hash("m5"), Note(1))], ..commit_at(now()) };
    assert!(matches!(reopened.commit(again).await, Err(CommitError::Seen(_))));
    let stale = Commit { writes: vec![write(&user(&reopened, "u1"), 99, &[])], ..commit_at(now()) };
    assert!(matches!(reopened.commit(stale).await, Err(CommitError::Conflict(_))));
}

#[tokio::test]
async fn a_long_journal_is_replayed() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("store.db");
    let store = open_with(&path, options(), Tuning::default()).expect("the store opens");
    fill(&store, 300).await;
    let gone = user(&store, "u0");
    store.forget(&gone).await.expect("it can be forgotten");
    ok(&store, Commit { writes: vec![write(&gone, 0, &[("life", "second")])], ..commit_at(now()) }).await;
    drop(store);
    let store = open_with(&path, options(), Tuning::default()).expect("the store opens");
    let second = record(&store, &gone).await.expect("it is there");
    assert_eq!((second.version, second.fields.len()), (1, 1));
    assert_eq!(record(&store, &user(&store, "u1")).await.expect("it is there").version, 300);
}

#[tokio::test]
async fn claims_end_with_the_process() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("store.db");
    let t = now();
    let store = open(&path);
    add(&store, t, ["a", "b", "c", "d"].map(|id| in_lane("q", id, "lane", t)).to_vec()).await;
    work_one(&store, "q", t, Outcome::Done { keep: true }).await;
    work_one(&store, "q", t, dead()).await;
    work_one(&store, "q", t, retry(t.plus(10))).await;
    let held = claim_one(&store, "q", t.plus(10)).await;
    drop(store);
    let store = open(&path);
    assert_eq!(row_ids(&store, EntryState::Done, "q").await, ["a"]);
    assert_eq!(row_ids(&store, EntryState::Dead, "q").await, ["b"]);
    let again = claim_one(&store, "q", t.plus(10)).await;
    assert_eq!(again.entry, held.entry);
    settled(&store, t, &again, DONE).await;
    add(&store, t, vec![in_lane("q", "b", "lane", t), in_lane("q", "e", "lane", t)]).await;
    assert_eq!(work_one(&store, "q", t, DONE).await, "d");
    assert_eq!(work_one(&store, "q", t, DONE).await, "e", "`b` is dead and stays so");
}

#[tokio::test]
async fn subjects_begin_anew_after_idling_and_teams_stay() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("store.db");
    let day = Duration::from_secs(86_400);
    let options = StoreOptions { idle_subjects: Some(day), ..options() };
    let store = open_with(&path, options, super::SMALL).expect("the store opens");
    let partitions = store.partitions();
    let (idle, busy) = (user(&store, "idle"), user(&store, "busy"));
    let team = (0..100_000).map(|n| RecordKey::team(&format!("team{n}"))).find(|key| partitions.of(key) == HERE);
    let team = team.expect("some name falls into every partition");
    let t = now();
    let writes = [&idle, &busy, &team].map(|key| write(key, 0, &[("a", "1")])).to_vec();
    ok(&store, Commit { writes, ..commit_at(t.plus(-48 * 3_600_000)) }).await;
    ok(&store, Commit { writes: vec![write(&busy, 1, &[("a", "2")])], ..commit_at(t) }).await;
    store.close().await.expect("it closes");
    drop(store);
    let store = open_with(&path, options, super::SMALL).expect("the store opens");
    assert_eq!(record(&store, &idle).await, None);
    assert_eq!(record(&store, &busy).await.map(|record| record.version), Some(2));
    assert_eq!(record(&store, &team).await.map(|record| record.version), Some(1));
    ok(&store, Commit { writes: vec![write(&idle, 0, &[("a", "new")])], ..commit_at(t) }).await;
    drop(store);
    let store = open_with(&path, options, super::SMALL).expect("the store opens");
    assert_eq!(record(&store, &idle).await.map(|record| record.version), Some(1));
}

/// The refusal to open `path`, with the path taken out.
fn refusal(path: &std::path::Path, options: StoreOptions) -> String {
    let refused = open_with(path, options, super::SMALL).err().expect("it is refused");
    refused.to_string().replace(&path.display().to_string(), "store.db")
}

#[tokio::test]
async fn refusals_name_the_file_and_the_mend() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("store.db");
    let store = open(&path);
    let in_use = refusal(&path, options()).replace(&std::process::id().to_string(), "4711");
    insta::assert_snapshot!(in_use, @"the store is unusable: the store at store.db is in use by process 4711: stop that one, give this one another `store.path`, or ask the running server");
    drop(store);
    let other = StoreOptions { partitions: Partitions::new(64).expect("64 is not zero"), ..options() };
    insta::assert_snapshot!(refusal(&path, other), @"the store is unusable: store.db: it was created with 8 partitions, the configuration says 64: set `store.partitions` to 8, or begin a new store");
    let meta = rusqlite::Connection::open(&path).expect("it is a database");
    meta.execute("UPDATE meta SET value = 99 WHERE name = 'format'", []).expect("it can be changed");
    drop(meta);
    insta::assert_snapshot!(refusal(&path, options()), @"the store is unusable: store.db: its format is 99, this program reads 2: use the version of Handraiser that wrote it, or a newer one");

    let foreign = directory.path().join("foreign.db");
    let other = rusqlite::Connection::open(&foreign).expect("a database can be made");
    other.execute("CREATE TABLE theirs (a)", []).expect("a table can be made");
    drop(other);
    insta::assert_snapshot!(refusal(&foreign, options()), @"the store is unusable: store.db: this is no store of Handraiser: name another file in `store.path`");
    let text = directory.path().join("text.db");
    std::fs::write(&text, "no database at all, but long enough to be looked at as one".repeat(50))
        .expect("a file can be made");
    insta::assert_snapshot!(refusal(&text, options()), @"the store is unusable: store.db: the store's file is damaged: file is not a database");
}
