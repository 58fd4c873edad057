//! The queue: claims, leases, lanes, settling, replay, history.

use handraiser::store::*;
use handraiser::time::Millis;

use super::support::*;

const NOTHING: [&str; 0] = [];

pub async fn a_due_entry_is_claimed_once(store: &SharedStore) {
    let t = now();
    let added = Entry { subject: "account:ü".into(), lane: Some("l".into()), ..entry("q", "e", t) };
    add(store, t, vec![added.clone()]).await;
    let claims = claim(store, "q", t, 10).await;
    assert_eq!(claims.claimed.len(), 1);
    assert_eq!((claims.claimed[0].partition, &claims.claimed[0].entry), (HERE, &added));
    assert_eq!(claims.next_due, Some(t.plus(LEASE_MS)));
    assert_eq!(claim_ids(store, "q", t).await, NOTHING);
    assert_eq!(row_ids(store, EntryState::Pending, "q").await, ["e"]);
}

pub async fn entries_wait_until_they_are_due(store: &SharedStore) {
    let t = now();
    add(store, t, vec![entry("q", "later", t.plus(1_000)), entry("q", "now", t)]).await;
    assert_eq!(claim_ids(store, "q", t).await, ["now"]);
    assert_eq!(claim_ids(store, "q", t.plus(999)).await, NOTHING);
    assert_eq!(claim_ids(store, "q", t.plus(1_000)).await, ["later"]);
}

pub async fn those_due_longest_come_first(store: &SharedStore) {
    let t = now();
    add(store, t, [3, 1, 2, 0].map(|n| entry("q", &format!("e{n}"), t.plus(n))).to_vec()).await;
    assert_eq!(claim_ids(store, "q", t.plus(5)).await, ["e0", "e1", "e2", "e3"]);
}

pub async fn entries_of_one_moment_come_in_the_order_of_adding(store: &SharedStore) {
    let t = now();
    let names: Vec<String> = (0..30).map(|n| format!("e{}", (n * 17) % 31)).collect();
    for names in names.chunks(7) {
        add(store, t, names.iter().map(|name| entry("q", name, t)).collect()).await;
    }
    assert_eq!(claim_ids(store, "q", t).await, names);
}

pub async fn a_limit_leaves_the_rest(store: &SharedStore) {
    let t = now();
    add(store, t, (0..5).map(|n| entry("q", &format!("e{n}"), t.plus(n))).collect()).await;
    let first = claim(store, "q", t.plus(9), 2).await;
    assert_eq!(first.claimed.iter().map(|c| &*c.entry.id).collect::<Vec<_>>(), ["e0", "e1"]);
    assert_eq!(first.next_due, Some(t.plus(2)));
    assert_eq!(claim_ids(store, "q", t.plus(9)).await, ["e2", "e3", "e4"]);
}

pub async fn next_due_tells_when_to_ask_again(store: &SharedStore) {
    let t = now();
    assert_eq!(claim(store, "q", t, 1).await.next_due, None);
    add(store, t, vec![in_lane("q", "head", "a", t.plus(500)), in_lane("q", "tail", "a", t.plus(1))]).await;
    assert_eq!(claim(store, "q", t, 1).await.next_due, Some(t.plus(500)), "who waits for the lane does not count");
    add(store, t, vec![entry("q", "free", t.plus(200))]).await;
    assert_eq!(claim(store, "q", t, 1).await.next_due, Some(t.plus(200)));
    let free = claim_one(store, "q", t.plus(200)).await;
    assert_eq!(claim(store, "q", t.plus(200), 1).await.next_due, Some(t.plus(500)));
    let head = claim_one(store, "q", t.plus(500)).await;
    let next = claim(store, "q", t.plus(500), 1).await.next_due;
    assert_eq!(next, Some(t.plus(200 + LEASE_MS)), "the end of the oldest lease");
    settled(store, t.plus(501), &free, DONE).await;
    settled(store, t.plus(501), &head, retry(t.plus(90_000))).await;
    assert_eq!(claim(store, "q", t.plus(501), 1).await.next_due, Some(t.plus(90_000)));
}

pub async fn a_lease_that_ran_out_can_be_claimed_again(store: &SharedStore) {
    let t = now();
    add(store, t, vec![entry("q", "e", t)]).await;
    let first = claim_one(store, "q", t).await;
    assert_eq!(claim_ids(store, "q", t.plus(LEASE_MS - 1)).await, NOTHING);
    let second = claim_one(store, "q", t.plus(LEASE_MS)).await;
    assert_eq!(second.entry, first.entry);
    assert_ne!(second.lease, first.lease);
}

pub async fn a_late_settle_still_counts_when_nobody_took_over(store: &SharedStore) {
    let t = now();
    add(store, t, vec![entry("q", "e", t)]).await;
    let late = claim_one(store, "q", t).await;
    settled(store, t.plus(3 * LEASE_MS), &late, DONE).await;
    assert_eq!(claim_ids(store, "q", t.plus(9 * LEASE_MS)).await, NOTHING);
}

fn lost(answer: Result<(), CommitError>) -> String {
    match answer {
        Err(CommitError::LeaseLost(id)) => id,
        other => panic!("a lost lease was expected, not {other:?}"),
    }
}

pub async fn a_lost_lease_settles_nothing(store: &SharedStore) {
    let (t, key) = (now(), user(store, "ana"));
    add(store, t, vec![entry("q", "taken", t), entry("q", "held", t.plus(LEASE_MS))]).await;
    let slow = claim_one(store, "q", t).await;
    let taken = claim_one(store, "q", t.plus(LEASE_MS)).await;
    let held = claim_one(store, "q", t.plus(LEASE_MS)).await;
    assert_eq!((&*taken.entry.id, &*held.entry.id), ("taken", "held"));
    let commit = Commit {
        // A conflict as well: the lost lease is what is told.
        writes: vec![write(&key, 4, &[("a", "1")])],
        remember: vec![(hash("m"), Note(1))],
        leads: vec![lead("l", &key, "d", t)],
        enqueue: vec![entry("q", "new", t)],
        settle: vec![settle(&held, DONE), settle(&slow, DONE)],
        ..commit_at(t.plus(LEASE_MS))
    };
    assert_eq!(lost(store.commit(commit).await), "taken");
    assert_eq!(record(store, &key).await, None);
    assert_eq!(store.seen(HERE, &[hash("m")]).await.expect("messages can be read"), [None]);
    assert_eq!(store.lead("l").await.expect("leads can be read"), None);
    for claimed in [&taken, &held] {
        settled(store, t.plus(LEASE_MS), claimed, DONE).await;
    }
    assert!(row_ids(store, EntryState::Pending, "q").await.is_empty());
}

pub async fn an_entry_settles_only_once(store: &SharedStore) {
    let t = now();
    add(store, t, vec![entry("q", "e", t)]).await;
    let held = claim_one(store, "q", t).await;
    let again = || Commit { settle: vec![settle(&held, DONE)], ..commit_at(t) };
    settled(store, t, &held, retry(t.plus(1))).await;
    assert_eq!(lost(store.commit(again()).await), "e");
    let held_again = claim_one(store, "q", t.plus(1)).await;
    assert_eq!(lost(store.commit(again()).await), "e");
    settled(store, t, &held_again, DONE).await;
    assert_eq!(lost(store.commit(again()).await), "e");
    let unknown = Claimed { entry: entry("q", "never there", t), ..held.clone() };
    assert_eq!(
        lost(store.commit(Commit { settle: vec![settle(&unknown, DONE)], ..commit_at(t) }).await),
        "never there"
    );
}

async fn add_lane(store: &SharedStore, t: Millis) {
    add(store, t, ["a1", "a2", "a3"].map(|id| in_lane("q", id, "a", t)).to_vec()).await;
}

pub async fn a_lane_is_worked_in_order(store: &SharedStore) {
    let t = now();
    add_lane(store, t).await;
    // Due long ago, yet it waits for its turn.
    add(store, t, vec![in_lane("q", "a4", "a", t.plus(-5_000))]).await;
    for expected in ["a1", "a2", "a3", "a4"] {
        let claims = claim(store, "q", t, 10).await;
        assert_eq!(claims.claimed.iter().map(|c| &*c.entry.id).collect::<Vec<_>>(), [expected]);
        assert_eq!(claim_ids(store, "q", t).await, NOTHING, "{expected} is still being worked");
        settled(store, t, &claims.claimed[0], DONE).await;
    }
}

pub async fn a_retried_head_holds_its_lane(store: &SharedStore) {
    let t = now();
    add_lane(store, t).await;
    work_one(store, "q", t, retry(t.plus(1_000))).await;
    assert_eq!(claim_ids(store, "q", t.plus(999)).await, NOTHING);
    assert_eq!(claim(store, "q", t.plus(999), 1).await.next_due, Some(t.plus(1_000)));
    assert_eq!(work_one(store, "q", t.plus(1_000), DONE).await, "a1");
    assert_eq!(claim_ids(store, "q", t.plus(1_000)).await, ["a2"]);
}

pub async fn a_dead_head_frees_its_lane(store: &SharedStore) {
    let t = now();
    add_lane(store, t).await;
    assert_eq!(work_one(store, "q", t, dead()).await, "a1");
    assert_eq!(work_one(store, "q", t, DONE).await, "a2");
    let dead = rows(store, EntryState::Dead, "q").await;
    assert_eq!(dead.len(), 1);
    assert_eq!((&*dead[0].entry.id, dead[0].state, dead[0].settled), ("a1", EntryState::Dead, Some(t)));
    assert_eq!((dead[0].entry.attempts, dead[0].entry.last_error.as_deref()), (9, Some("gave up")));
}

pub async fn a_leased_head_holds_its_lane_until_the_lease_runs_out(store: &SharedStore) {
    let t = now();
    add_lane(store, t).await;
    assert_eq!(claim_ids(store, "q", t).await, ["a1"]);
    assert_eq!(claim_ids(store, "q", t.plus(LEASE_MS - 1)).await, NOTHING);
    assert_eq!(claim_ids(store, "q", t.plus(LEASE_MS)).await, ["a1"], "the head again, not its follower");
}

pub async fn lanes_do_not_hold_each_other(store: &SharedStore) {
    let t = now();
    add_lane(store, t).await;
    add(store, t, vec![in_lane("q", "b1", "b", t), entry("q", "free1", t), entry("q", "free2", t)]).await;
    assert_eq!(claim_ids(store, "q", t).await, ["a1", "b1", "free1", "free2"]);
}

pub async fn lanes_of_two_queues_are_apart(store: &SharedStore) {
    let t = now();
    add(store, t, vec![in_lane("q", "e1", "lane", t), in_lane("r", "e1", "lane", t), in_lane("r", "e2", "lane", t)])
        .await;
    assert_eq!(claim_ids(store, "q", t).await, ["e1"]);
    assert_eq!(work_one(store, "r", t, DONE).await, "e1");
    assert_eq!(claim_ids(store, "r", t).await, ["e2"]);
}

pub async fn adding_twice_is_adding_once(store: &SharedStore) {
    let t = now();
    add(store, t, vec![entry("q", "e", t)]).await;
    let other = Entry { payload: "changed".into(), ..entry("q", "e", t.plus(-9)) };
    add(store, t, vec![other.clone()]).await;
    let held = claim_one(store, "q", t).await;
    assert_eq!(held.entry, entry("q", "e", t));
    add(store, t, vec![other.clone()]).await;
    assert_eq!(claim_ids(store, "q", t).await, NOTHING, "a leased entry is in the queue too");
    settled(store, t, &held, DONE).await;
    add(store, t, vec![other.clone()]).await;
    assert_eq!(claim_one(store, "q", t).await.entry, other, "a finished one is not");
}

pub async fn adding_a_dead_entry_changes_nothing(store: &SharedStore) {
    let t = now();
    add(store, t, vec![entry("q", "e", t)]).await;
    work_one(store, "q", t, dead()).await;
    add(store, t, vec![entry("q", "e", t)]).await;
    assert_eq!(claim_ids(store, "q", t).await, NOTHING);
    assert_eq!(row_ids(store, EntryState::Dead, "q").await, ["e"]);
}

pub async fn settle_and_add_in_one_step(store: &SharedStore) {
    let t = now();
    add(store, t, vec![entry("q", "e", t), entry("q", "f", t.plus(1))]).await;
    let held = claim_one(store, "q", t).await;
    let again = Entry { payload: "anew".into(), ..entry("q", "e", t.plus(2)) };
    let commit = Commit {
        settle: vec![settle(&held, Outcome::Done { keep: true })],
        enqueue: vec![again.clone(), entry("r", "next", t)],
        ..commit_at(t)
    };
    ok(store, commit).await;
    assert_eq!(claim_ids(store, "r", t).await, ["next"]);
    let claims = claim(store, "q", t.plus(5), 10).await;
    assert_eq!(claims.claimed.iter().map(|c| &*c.entry.id).collect::<Vec<_>>(), ["f", "e"]);
    assert_eq!(claims.claimed[1].entry, again);
    assert_eq!(row_ids(store, EntryState::Done, "q").await, ["e"]);
}

pub async fn a_retry_keeps_its_error_and_attempts(store: &SharedStore) {
    let t = now();
    let added = entry("q", "e", t);
    add(store, t, vec![added.clone()]).await;
    let outcome = Outcome::Retry { due: t.plus(7), attempts: 3, error: "503 from the CRM".to_owned() };
    work_one(store, "q", t, outcome).await;
    let expected = Entry { due: t.plus(7), attempts: 3, last_error: Some("503 from the CRM".to_owned()), ..added };
    assert_eq!(rows(store, EntryState::Pending, "q").await[0].entry, expected);
    assert_eq!(claim_one(store, "q", t.plus(7)).await.entry, expected);
}

/// Adds entries to `queue_name` and lets all of them die.
async fn add_dead(store: &SharedStore, queue_name: &str, ids: &[&str], t: Millis) {
    add(store, t, ids.iter().map(|id| in_lane(queue_name, id, "lane", t)).collect()).await;
    for id in ids {
        assert_eq!(work_one(store, queue_name, t, dead()).await, *id);
    }
}

async fn replay(store: &SharedStore, which: Replay, t: Millis) -> usize {
    store.replay(&which, t).await.expect("dead entries can be replayed")
}

pub async fn replay_by_id(store: &SharedStore) {
    let t = now();
    add_dead(store, "q", &["d1", "d2"], t).await;
    assert_eq!(replay(store, Replay::Entry("d2".to_owned()), t.plus(50)).await, 1);
    assert_eq!(replay(store, Replay::Entry("d2".to_owned()), t.plus(50)).await, 0);
    assert_eq!(replay(store, Replay::Entry("unknown".to_owned()), t.plus(50)).await, 0);
    assert_eq!(row_ids(store, EntryState::Dead, "q").await, ["d1"]);
    assert_eq!(claim_ids(store, "q", t.plus(49)).await, NOTHING);
    let claimed = claim_one(store, "q", t.plus(50)).await.entry;
    assert_eq!((&*claimed.id, claimed.attempts, claimed.due, claimed.created), ("d2", 0, t.plus(50), t));
    assert_eq!(claimed.last_error.as_deref(), Some("gave up"));
}

pub async fn replay_by_queue_keeps_the_order(store: &SharedStore) {
    let t = now();
    add_dead(store, "q", &["z", "a", "m"], t).await;
    add_dead(store, "r", &["other"], t).await;
    assert_eq!(replay(store, Replay::Queue(queue("q")), t).await, 3);
    for expected in ["z", "a", "m"] {
        assert_eq!(work_one(store, "q", t, DONE).await, expected);
    }
    assert_eq!(row_ids(store, EntryState::Dead, "r").await, ["other"]);
}

pub async fn replay_of_all(store: &SharedStore) {
    let t = now();
    add_dead(store, "q", &["d1"], t).await;
    add_dead(store, "r", &["d2"], t).await;
    let there = Commit { partition: THERE, enqueue: vec![entry("q", "d3", t)], ..commit_at(t) };
    ok(store, there).await;
    let held = store.claim(THERE, &queue("q"), t, LEASE, 1).await.expect("the queue answers").claimed.remove(0);
    ok(store, Commit { partition: THERE, settle: vec![settle(&held, dead())], ..commit_at(t) }).await;
    assert_eq!(replay(store, Replay::All, t).await, 3);
    assert_eq!(claim_ids(store, "q", t).await, ["d1"]);
    assert_eq!(claim_ids(store, "r", t).await, ["d2"]);
    let there = store.claim(THERE, &queue("q"), t, LEASE, 1).await.expect("the queue answers");
    assert_eq!(there.claimed[0].entry.id, "d3");
}

pub async fn a_replayed_entry_goes_to_the_end_of_its_lane(store: &SharedStore) {
    let t = now();
    add_dead(store, "q", &["d1"], t).await;
    add(store, t, vec![in_lane("q", "e1", "lane", t), in_lane("q", "e2", "lane", t)]).await;
    assert_eq!(replay(store, Replay::All, t.plus(-10)).await, 1);
    for expected in ["e1", "e2", "d1"] {
        assert_eq!(work_one(store, "q", t, DONE).await, expected);
    }
}

pub async fn finished_entries_are_kept_when_asked(store: &SharedStore) {
    let t = now();
    add(store, t, vec![entry("q", "kept", t), entry("q", "gone", t.plus(1))]).await;
    work_one(store, "q", t.plus(5), Outcome::Done { keep: true }).await;
    work_one(store, "q", t.plus(5), DONE).await;
    let done = rows(store, EntryState::Done, "q").await;
    let expected = EntryRow { entry: entry("q", "kept", t), state: EntryState::Done, settled: Some(t.plus(5)) };
    assert_eq!(done, [expected]);
    assert!(row_ids(store, EntryState::Pending, "q").await.is_empty());
    assert_eq!(replay(store, Replay::All, t).await, 0, "what is finished is not replayed");
}

pub async fn history_is_bounded(store: &SharedStore) {
    let t = now();
    let total = DONE_KEPT * 3;
    for (n, moment) in (0..total).zip(t.0..) {
        add(store, t, vec![entry("q", &format!("e{n}"), t)]).await;
        work_one(store, "q", Millis(moment), Outcome::Done { keep: true }).await;
    }
    let done = row_ids(store, EntryState::Done, "q").await;
    assert!((DONE_KEPT..=2 * DONE_KEPT).contains(&done.len()), "{} are kept", done.len());
    let newest: Vec<_> = (0..total).rev().take(DONE_KEPT).map(|n| format!("e{n}")).collect();
    assert_eq!(done[..DONE_KEPT], newest);
}

pub async fn entries_come_newest_first(store: &SharedStore) {
    let t = now();
    for (at, partition) in [(2, HERE), (0, THERE), (3, THERE), (1, HERE)] {
        let enqueue = vec![entry("q", &format!("e{at}"), t.plus(at))];
        ok(store, Commit { partition, enqueue, ..commit_at(t) }).await;
    }
    assert_eq!(row_ids(store, EntryState::Pending, "q").await, ["e3", "e2", "e1", "e0"]);
    let two = EntryQuery { state: EntryState::Pending, queue: None, queue_prefix: None, limit: 2 };
    let two = store.entries(&two).await.expect("entries can be listed");
    assert_eq!(two.iter().map(|row| &*row.entry.id).collect::<Vec<_>>(), ["e3", "e2"]);
    // The dead by when they died.
    work_one(store, "q", t.plus(50), dead()).await;
    work_one(store, "q", t.plus(60), dead()).await;
    assert_eq!(row_ids(store, EntryState::Dead, "q").await, ["e2", "e1"]);
}

pub async fn entries_are_filtered_by_queue(store: &SharedStore) {
    let t = now();
    let names = ["deliver:a", "deliver:b", "deliver", "route", "merge"];
    add(store, t, (0..).zip(names).map(|(at, name)| entry(name, name, t.plus(at))).collect()).await;
    let query = |only: Option<&str>, prefix: Option<&str>| EntryQuery {
        state: EntryState::Pending,
        queue: only.map(queue),
        queue_prefix: prefix.map(str::to_owned),
        limit: 100,
    };
    let ids = async |query| -> Vec<String> {
        store.entries(&query).await.expect("entries can be listed").into_iter().map(|row| row.entry.id).collect()
    };
    assert_eq!(ids(query(None, Some("deliver:"))).await, ["deliver:b", "deliver:a"]);
    assert_eq!(ids(query(Some("deliver"), None)).await, ["deliver"]);
    assert_eq!(ids(query(Some("deliver:a"), Some("deliver:"))).await, ["deliver:a"]);
    assert_eq!(ids(query(Some("route"), Some("deliver:"))).await, NOTHING);
    assert_eq!(ids(query(None, None)).await.len(), names.len());
}

pub async fn stats_tell_depth_and_age(store: &SharedStore) {
    let t = now();
    assert_eq!(store.queue_stats(t).await.expect("queues can be counted"), []);
    let enqueue = vec![entry("q", "e1", t.plus(-70)), entry("q", "e2", t.plus(-90)), entry("r", "e3", t.plus(-50))];
    add(store, t, enqueue).await;
    let there = Commit { partition: THERE, enqueue: vec![entry("q", "e4", t.plus(900))], ..commit_at(t) };
    ok(store, there).await;
    work_one(store, "r", t, dead()).await;
    work_one(store, "q", t, Outcome::Done { keep: true }).await;
    claim_one(store, "q", t).await;
    let mut stats = store.queue_stats(t).await.expect("queues can be counted");
    stats.sort_by(|a, b| a.queue.cmp(&b.queue));
    let expected = [
        QueueStats { queue: queue("q"), pending: 2, dead: 0, oldest_ms: 70 },
        QueueStats { queue: queue("r"), pending: 0, dead: 1, oldest_ms: 0 },
    ];
    assert_eq!(stats, expected);
}

pub async fn queues_of_partitions_are_apart(store: &SharedStore) {
    let t = now();
    add(store, t, vec![in_lane("q", "e", "lane", t)]).await;
    let there = Commit { partition: THERE, enqueue: vec![in_lane("q", "e", "lane", t)], ..commit_at(t) };
    ok(store, there).await;
    assert_eq!(claim_ids(store, "q", t).await, ["e"]);
    let there = store.claim(THERE, &queue("q"), t, LEASE, 10).await.expect("the queue answers");
    assert_eq!(there.claimed.len(), 1);
    assert_eq!(there.claimed[0].partition, THERE);
}
