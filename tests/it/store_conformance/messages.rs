//! Remembered messages: what makes a retry harmless.

use handraiser::store::*;

use super::support::*;

/// How long the suite's stores remember, in milliseconds.
const REMEMBER: i64 = 3_600_000;

fn seen_at(answer: Result<(), CommitError>) -> Vec<(usize, Note)> {
    match answer {
        Err(CommitError::Seen(seen)) => seen,
        other => panic!("a seen message was expected, not {other:?}"),
    }
}

async fn seen(store: &SharedStore, name: &str) -> Option<Note> {
    store.seen(HERE, &[hash(name)]).await.expect("messages can be read").remove(0)
}

pub async fn messages_are_remembered_with_their_notes(store: &SharedStore) {
    let remember = vec![(hash("a"), Note::NONE), (hash("b"), Note(0)), (hash("c"), Note(17))];
    ok(store, Commit { remember, ..commit_at(now()) }).await;
    let found = store.seen(HERE, &["c", "new", "a", "b"].map(hash)).await.expect("messages can be read");
    assert_eq!(found, [Some(Note(17)), None, Some(Note::NONE), Some(Note(0))]);
    assert!(store.seen(HERE, &[]).await.expect("messages can be read").is_empty());
}

pub async fn a_seen_message_writes_nothing_at_all(store: &SharedStore) {
    let (key, t) = (user(store, "ana"), now());
    add(store, t, vec![entry("q", "held", t)]).await;
    let held = claim_one(store, "q", t).await;
    ok(store, Commit { remember: vec![(hash("old"), Note(3))], ..commit_at(t) }).await;
    let commit = Commit {
        writes: vec![write(&key, 0, &[("a", "1")])],
        remember: vec![(hash("new"), Note(4)), (hash("old"), Note(5))],
        leads: vec![lead("l", &key, "d", t)],
        enqueue: vec![entry("q", "new", t)],
        settle: vec![settle(&held, DONE)],
        ..commit_at(t)
    };
    assert_eq!(seen_at(store.commit(commit).await), [(1, Note(3))]);
    assert_eq!(record(store, &key).await, None);
    assert_eq!(seen(store, "new").await, None);
    assert_eq!(seen(store, "old").await, Some(Note(3)));
    assert_eq!(store.lead("l").await.expect("leads can be read"), None);
    assert_eq!(row_ids(store, EntryState::Pending, "q").await, ["held"]);
    settled(store, t, &held, DONE).await;
}

pub async fn every_seen_message_is_named_with_its_first_note(store: &SharedStore) {
    let remember = vec![(hash("a"), Note(1)), (hash("b"), Note(2))];
    ok(store, Commit { remember, ..commit_at(now()) }).await;
    let remember = vec![(hash("b"), Note(8)), (hash("new"), Note(9)), (hash("a"), Note::NONE)];
    let answer = store.commit(Commit { remember, ..commit_at(now()) }).await;
    assert_eq!(seen_at(answer), [(0, Note(2)), (2, Note(1))]);
}

pub async fn seen_comes_before_conflict(store: &SharedStore) {
    let key = user(store, "ana");
    ok(store, Commit { remember: vec![(hash("a"), Note(1))], ..commit_at(now()) }).await;
    let writes = vec![write(&key, 9, &[])];
    let answer = store.commit(Commit { writes, remember: vec![(hash("a"), Note(1))], ..commit_at(now()) }).await;
    assert_eq!(seen_at(answer), [(0, Note(1))]);
}

pub async fn messages_are_forgotten_in_time(store: &SharedStore) {
    // Twice the time: a store may remember somewhat longer than it has to.
    let t = now();
    ok(store, Commit { remember: vec![(hash("a"), Note(1))], ..commit_at(t.plus(-2 * REMEMBER)) }).await;
    ok(store, commit_at(t)).await;
    assert_eq!(seen(store, "a").await, None);
    ok(store, Commit { remember: vec![(hash("a"), Note(2))], ..commit_at(t) }).await;
    assert_eq!(seen(store, "a").await, Some(Note(2)));
}

pub async fn messages_are_remembered_long_enough(store: &SharedStore) {
    let t = now();
    ok(store, Commit { remember: vec![(hash("a"), Note(1))], ..commit_at(t.plus(60_000 - REMEMBER)) }).await;
    ok(store, Commit { remember: vec![(hash("b"), Note(2))], ..commit_at(t) }).await;
    assert_eq!(seen(store, "a").await, Some(Note(1)));
    let again = Commit { remember: vec![(hash("a"), Note(3))], ..commit_at(t) };
    assert_eq!(seen_at(store.commit(again).await), [(0, Note(1))]);
}

pub async fn messages_are_remembered_by_partition(store: &SharedStore) {
    let remember = |partition, note| Commit { partition, remember: vec![(hash("a"), note)], ..commit_at(now()) };
    ok(store, remember(HERE, Note(1))).await;
    ok(store, remember(THERE, Note(2))).await;
    assert_eq!(seen(store, "a").await, Some(Note(1)));
    assert_eq!(store.seen(THERE, &[hash("a")]).await.expect("messages can be read"), [Some(Note(2))]);
}
