//! Forgetting a subject, and the log of rejected events.

use handraiser::store::*;

use super::support::*;

fn of_subject(entry: Entry, subject: &str) -> Entry {
    Entry { subject: subject.to_owned(), ..entry }
}

pub async fn forgetting_takes_everything_of_the_subject(store: &SharedStore) {
    let (t, ana, ben) = (now(), user(store, "ana"), user(store, "ben"));
    let named = |queue: &str, id: &str, key: &handraiser::identity::RecordKey| {
        of_subject(entry(queue, id, t), &key.to_string())
    };
    let commit = Commit {
        writes: vec![write(&ana, 0, &[("a", "1")]), write(&ben, 0, &[("a", "1")])],
        leads: vec![lead("l1", &ana, "d", t), lead("l2", &ana, "e", t), lead("l3", &ben, "d", t)],
        enqueue: vec![named("done", "e1", &ana), named("dead", "e2", &ana), named("done", "e3", &ben)],
        ..commit_at(t)
    };
    ok(store, commit).await;
    for claimed in claim(store, "done", t, 10).await.claimed {
        settled(store, t, &claimed, Outcome::Done { keep: true }).await;
    }
    work_one(store, "dead", t, dead()).await;
    add(store, t, vec![named("q", "e4", &ana), named("q", "e5", &ben)]).await;

    let gone = store.forget(&ana).await.expect("a subject can be forgotten");
    assert_eq!(gone, Forgotten { records: 1, leads: 2, entries: 3 });
    assert_eq!(record(store, &ana).await, None);
    assert!(record(store, &ben).await.is_some());
    let leads = store.leads(&LeadQuery { limit: 9, ..LeadQuery::default() }).await.expect("leads can be listed");
    assert_eq!(leads.iter().map(|lead| &*lead.id).collect::<Vec<_>>(), ["l3"]);
    assert_eq!(store.lead("l1").await.expect("leads can be read"), None);
    assert_eq!(row_ids(store, EntryState::Done, "done").await, ["e3"]);
    assert!(row_ids(store, EntryState::Dead, "dead").await.is_empty());
    assert_eq!(claim_ids(store, "q", t).await, ["e5"]);
    assert_eq!(store.forget(&ana).await.expect("a subject can be forgotten"), Forgotten::default());
}

pub async fn forgetting_spares_what_is_leased(store: &SharedStore) {
    let (t, ana) = (now(), user(store, "ana"));
    let enqueue = ["e1", "e2"].map(|id| of_subject(in_lane("q", id, "lane", t), &ana.to_string())).to_vec();
    add(store, t, enqueue).await;
    let held = claim_one(store, "q", t).await;
    assert_eq!(store.forget(&ana).await.expect("a subject can be forgotten").entries, 1);
    settled(store, t, &held, DONE).await;
    assert!(row_ids(store, EntryState::Pending, "q").await.is_empty());
    // The lane is free for what comes later.
    add(store, t, vec![in_lane("q", "e2", "lane", t)]).await;
    assert_eq!(claim_ids(store, "q", t).await, ["e2"]);
}

pub async fn a_forgotten_message_is_still_known(store: &SharedStore) {
    let ana = user(store, "ana");
    let commit = Commit { writes: vec![write(&ana, 0, &[])], remember: vec![(hash("m"), Note(1))], ..commit_at(now()) };
    ok(store, commit).await;
    assert_eq!(store.forget(&ana).await.expect("a subject can be forgotten").records, 1);
    assert_eq!(store.seen(HERE, &[hash("m")]).await.expect("messages can be read"), [Some(Note(1))]);
}

pub async fn a_forgotten_record_begins_anew(store: &SharedStore) {
    let ana = user(store, "ana");
    ok(store, Commit { writes: vec![write(&ana, 0, &[("old", "1")])], ..commit_at(now()) }).await;
    ok(store, Commit { writes: vec![write(&ana, 1, &[("old", "2")])], ..commit_at(now()) }).await;
    store.forget(&ana).await.expect("a subject can be forgotten");
    let stale = store.commit(Commit { writes: vec![write(&ana, 2, &[])], ..commit_at(now()) }).await;
    assert!(matches!(stale, Err(CommitError::Conflict(_))), "{stale:?}");
    ok(store, Commit { writes: vec![write(&ana, 0, &[("new", "1")])], ..commit_at(now()) }).await;
    let found = record(store, &ana).await.expect("it was written");
    assert_eq!((found.version, found.fields.len()), (1, 1));
}

fn rejected(n: usize) -> Rejected {
    Rejected {
        at: now(),
        source: "app".to_owned(),
        index: n,
        code: "missing_id".to_owned(),
        message: "name a `userId` or an `anonymousId`".to_owned(),
        message_id: n.is_multiple_of(2).then(|| format!("m{n}")),
        excerpt: "{\"type\":\"träck\"}\0".to_owned(),
    }
}

pub async fn rejected_events_come_newest_first(store: &SharedStore) {
    let log: Vec<_> = (0..5).map(rejected).collect();
    store.reject(log[..3].to_vec()).await.expect("the log takes it");
    store.reject(log[3..].to_vec()).await.expect("the log takes it");
    store.reject(Vec::new()).await.expect("nothing is fine");
    let found = store.rejected(10).await.expect("the log can be read");
    assert_eq!(found, log.iter().rev().cloned().collect::<Vec<_>>());
    let found = store.rejected(2).await.expect("the log can be read");
    assert_eq!(found.iter().map(|r| r.index).collect::<Vec<_>>(), [4, 3]);
}

pub async fn the_rejected_log_is_bounded(store: &SharedStore) {
    let bound = super::options().rejected_log;
    for batch in (0..bound * 3).collect::<Vec<_>>().chunks(bound / 3) {
        store.reject(batch.iter().copied().map(rejected).collect()).await.expect("the log takes it");
    }
    let found = store.rejected(bound * 3).await.expect("the log can be read");
    assert_eq!(found.iter().map(|r| r.index).collect::<Vec<_>>(), (bound * 2..bound * 3).rev().collect::<Vec<_>>());
    // More at once than it holds.
    store.reject((0..bound * 2).map(rejected).collect()).await.expect("the log takes it");
    let found = store.rejected(bound * 3).await.expect("the log can be read");
    assert_eq!(found.iter().map(|r| r.index).collect::<Vec<_>>(), (bound..bound * 2).rev().collect::<Vec<_>>());
}

pub async fn the_store_answers(store: &SharedStore) {
    store.ping().await.expect("it answers");
    assert_eq!(store.partitions(), super::options().partitions);
    store.figures().await.expect("it has figures");
    store.warnings().await;
    store.close().await.expect("it closes");
}
