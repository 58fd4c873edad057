//! Short words for what the cases say over and over.

use std::time::Duration;

use handraiser::cdp::MessageHash;
use handraiser::identity::{PartitionId, Partitions, RecordKey};
use handraiser::store::*;
use handraiser::time::{Clock, Millis};

/// The partition that most cases play in.
pub const HERE: PartitionId = PartitionId(3);
/// Another one.
pub const THERE: PartitionId = PartitionId(5);
pub const LEASE: Duration = Duration::from_secs(30);
pub const LEASE_MS: i64 = 30_000;

/// A moment to start from. Real time, because a store may let messages expire by its own clock.
pub fn now() -> Millis {
    Clock::System.now()
}

/// A user of `partition` whose name starts with `name`.
pub fn user_in(partitions: Partitions, partition: PartitionId, name: &str) -> RecordKey {
    let mut names = (0..).map(|n| RecordKey::user(&format!("{name}-{n}")));
    names.find(|key| partitions.of(key) == partition).expect("some name falls into every partition")
}

/// A user of [`HERE`].
pub fn user(store: &SharedStore, name: &str) -> RecordKey {
    user_in(store.partitions(), HERE, name)
}

pub fn hash(name: &str) -> MessageHash {
    MessageHash::of(&handraiser::cdp::SourceName::new("test"), name.as_bytes())
}

pub fn queue(name: &str) -> QueueName {
    QueueName::new(name)
}

/// A commit in [`HERE`] at `now`.
pub fn commit_at(now: Millis) -> Commit {
    Commit { partition: HERE, now, ..Commit::default() }
}

pub fn write(key: &RecordKey, expected: u64, set: &[(&str, &str)]) -> Write {
    let set = set.iter().copied().collect();
    Write { key: key.clone(), expected, version: expected + 1, set, unset: Vec::new() }
}

pub fn entry(queue_name: &str, id: &str, due: Millis) -> Entry {
    Entry {
        id: id.to_owned(),
        queue: queue(queue_name),
        lane: None,
        subject: "user:nobody".to_owned(),
        due,
        created: due,
        attempts: 0,
        last_error: None,
        payload: format!(r#"{{"id":"{id}"}}"#),
    }
}

pub fn in_lane(queue_name: &str, id: &str, lane: &str, due: Millis) -> Entry {
    Entry { lane: Some(lane.to_owned()), ..entry(queue_name, id, due) }
}

pub fn lead(id: &str, subject: &RecordKey, definition: &str, updated: Millis) -> LeadRow {
    let json = format!(r#"{{"id":"{id}","at":{}}}"#, updated.0);
    LeadRow { id: id.to_owned(), subject: subject.clone(), definition: definition.to_owned(), updated, json }
}

pub fn settle(claimed: &Claimed, outcome: Outcome) -> Settle {
    Settle { queue: claimed.entry.queue.clone(), id: claimed.entry.id.clone(), lease: claimed.lease, outcome }
}

pub const DONE: Outcome = Outcome::Done { keep: false };

pub fn retry(due: Millis) -> Outcome {
    Outcome::Retry { due, attempts: 1, error: "try again".to_owned() }
}

pub fn dead() -> Outcome {
    Outcome::Dead { attempts: 9, error: "gave up".to_owned() }
}

pub async fn ok(store: &SharedStore, commit: Commit) {
    store.commit(commit).await.expect("the commit goes through");
}

pub async fn add(store: &SharedStore, now: Millis, enqueue: Vec<Entry>) {
    ok(store, Commit { enqueue, ..commit_at(now) }).await;
}

pub async fn settled(store: &SharedStore, now: Millis, claimed: &Claimed, outcome: Outcome) {
    ok(store, Commit { settle: vec![settle(claimed, outcome)], ..commit_at(now) }).await;
}

pub async fn record(store: &SharedStore, key: &RecordKey) -> Option<Record> {
    let partition = store.partitions().of(key);
    let mut loaded = store.load(partition, std::slice::from_ref(key)).await.expect("the record can be read");
    assert_eq!(loaded.len(), 1);
    loaded.remove(0)
}

pub async fn claim(store: &SharedStore, queue_name: &str, now: Millis, limit: usize) -> Claims {
    store.claim(HERE, &queue(queue_name), now, LEASE, limit).await.expect("the queue answers")
}

/// The ids of what can be claimed now; it is claimed by this.
pub async fn claim_ids(store: &SharedStore, queue_name: &str, now: Millis) -> Vec<String> {
    claim(store, queue_name, now, 100).await.claimed.into_iter().map(|c| c.entry.id).collect()
}

pub async fn claim_one(store: &SharedStore, queue_name: &str, now: Millis) -> Claimed {
    let mut claims = claim(store, queue_name, now, 1).await;
    claims.claimed.pop().expect("an entry is due")
}

pub async fn rows(store: &SharedStore, state: EntryState, queue_name: &str) -> Vec<EntryRow> {
    let query = EntryQuery { state, queue: Some(queue(queue_name)), queue_prefix: None, limit: 10_000 };
    store.entries(&query).await.expect("entries can be listed")
}

pub async fn row_ids(store: &SharedStore, state: EntryState, queue_name: &str) -> Vec<String> {
    rows(store, state, queue_name).await.into_iter().map(|row| row.entry.id).collect()
}

/// Claims the only due entry of `queue_name` and settles it.
pub async fn work_one(store: &SharedStore, queue_name: &str, now: Millis, outcome: Outcome) -> String {
    let claimed = claim_one(store, queue_name, now).await;
    settled(store, now, &claimed, outcome).await;
    claimed.entry.id
}
