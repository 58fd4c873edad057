//! Short words for what the laws say over and over.

use std::time::{Duration, Instant};

use bytes::Bytes;
use handraiser::ids::{Position, RecordKey, ShardId};
use handraiser::store::*;
use handraiser::time::{Clock, Millis};

/// The shard that most laws play in.
pub const HERE: ShardId = ShardId(3);
/// Another one.
pub const THERE: ShardId = ShardId(5);
/// How long something may take that has to happen at once.
pub const SOON: Duration = Duration::from_secs(20);
/// As much as anybody could want to read at once.
pub const PLENTY: usize = 64 << 20;

/// A moment to start from.
pub fn now() -> Millis {
    Clock::System.now()
}

/// A user of `shard` whose name starts with `name`.
pub fn user_in(store: &SharedStore, shard: ShardId, name: &str) -> RecordKey {
    let mut names = (0..).map(|n| RecordKey::user(&format!("{name}-{n}")));
    names.find(|key| store.shards().of(key) == shard).expect("some name falls into every shard")
}

/// A user of [`HERE`].
pub fn user(store: &SharedStore, name: &str) -> RecordKey {
    user_in(store, HERE, name)
}

/// A step of [`HERE`].
pub fn step(from: u64, to: u64) -> Commit {
    Commit::new(HERE, Position(from), Position(to), now())
}

/// A step of [`HERE`] in a store where nothing was applied yet, which stays so.
pub fn here() -> Commit {
    step(0, 0)
}

/// The same for any shard.
pub fn stay(shard: ShardId) -> Commit {
    Commit { shard, ..here() }
}

/// Writes a record that stands in no list.
pub fn write(key: &RecordKey, text: &str) -> RecordWrite {
    RecordWrite { key: key.clone(), text: Some(text.into()), was_listed: None, listed: None }
}

/// Deletes a record that stands in no list.
pub fn delete(key: &RecordKey) -> RecordWrite {
    RecordWrite { key: key.clone(), text: None, was_listed: None, listed: None }
}

/// A place in a list.
pub fn place(list: &str, at: i64) -> Option<Listed> {
    Some(Listed { list: ListName::new(list), at: Millis(at) })
}

pub fn lead(id: &str, subject: &RecordKey, definition: &str, updated: Millis) -> LeadRow {
    let json = format!(r#"{{"id":"{id}","at":{}}}"#, updated.0);
    LeadRow { id: id.to_owned(), subject: subject.clone(), definition: definition.to_owned(), updated, json }
}

pub fn rejected(n: usize) -> Rejected {
    Rejected {
        at: now().plus(i64::try_from(n).unwrap()),
        source: "app".to_owned(),
        index: n,
        code: "missing_id".to_owned(),
        message: "name a `userId` or an `anonymousId`".to_owned(),
        message_id: n.is_multiple_of(2).then(|| format!("m{n}")),
        excerpt: "{\"type\":\"träck\"}\0".to_owned(),
    }
}

/// An entry, or a message.
pub fn entry(shard: ShardId, payload: impl AsRef<[u8]>) -> Append {
    Append { shard, payload: Bytes::copy_from_slice(payload.as_ref()) }
}

/// So many entries for a shard's log.
pub fn entries(shard: ShardId, count: usize) -> Vec<Append> {
    (0..count).map(|n| entry(shard, format!("entry {n}"))).collect()
}

pub async fn append(store: &SharedStore, entries: Vec<Append>) -> Vec<u64> {
    let positions = store.append(entries).await.expect("the log takes it");
    positions.into_iter().map(|position| position.0).collect()
}

/// A commit of one shard goes through.
pub async fn ok(store: &SharedStore, commit: Commit) {
    store.commit(vec![commit]).await.expect("the commit goes through");
}

/// Records of [`HERE`] are written.
pub async fn written(store: &SharedStore, records: Vec<RecordWrite>) {
    ok(store, Commit { records, ..here() }).await;
}

pub async fn record(store: &SharedStore, key: &RecordKey) -> Option<Box<str>> {
    let mut loaded = store.load(std::slice::from_ref(key)).await.expect("the record can be read");
    assert_eq!(loaded.len(), 1);
    loaded.remove(0)
}

/// A shard's position and its log's end.
pub async fn progress(store: &SharedStore, shard: ShardId) -> (u64, u64) {
    let progress = store.progress(&[shard]).await.expect("the progress can be read");
    assert_eq!(progress.len(), 1);
    (progress[0].position.0, progress[0].end.0)
}

/// One read of one shard.
pub async fn read(store: &SharedStore, shard: ShardId, after: u64, max_bytes: usize, wait: Duration) -> Vec<Entry> {
    let found = store.read(&[(shard, Position(after))], max_bytes, wait).await.expect("the log can be read");
    assert!(found.iter().all(|(of, _)| *of == shard), "only what was asked for: {found:?}");
    found.into_iter().flat_map(|(_, entries)| entries).collect()
}

/// Reads a shard's log until so many entries follow `after`; whether there are more is looked at as well.
pub async fn arrived(store: &SharedStore, shard: ShardId, after: u64, count: usize) -> Vec<Entry> {
    let (mut found, deadline) = (Vec::<Entry>::new(), Instant::now() + SOON);
    while found.len() < count {
        let last = found.last().map_or(after, |entry| entry.position.0);
        found.extend(read(store, shard, last, PLENTY, Duration::from_millis(500)).await);
        assert!(Instant::now() < deadline, "{} of {count} entries arrived in {shard}", found.len());
    }
    let last = found.last().map_or(after, |entry| entry.position.0);
    let more = read(store, shard, last, PLENTY, Duration::from_millis(50)).await;
    assert_eq!((found.len(), more), (count, Vec::new()), "more arrived than were sent");
    found
}

/// What entries say.
pub fn texts(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| String::from_utf8(entry.payload.to_vec()).expect("the law sent text")).collect()
}

pub async fn due(store: &SharedStore, shard: ShardId, list: &str, until: i64, limit: usize) -> Vec<(i64, RecordKey)> {
    let due = store.due(shard, &ListName::new(list), Millis(until), limit).await.expect("the list can be read");
    due.into_iter().map(|(at, key)| (at.0, key)).collect()
}

pub async fn listed(store: &SharedStore, list: &str, limit: usize) -> Vec<(i64, RecordKey)> {
    let listed = store.listed(&ListName::new(list), limit).await.expect("the list can be read");
    listed.into_iter().map(|(at, key)| (at.0, key)).collect()
}

/// Every list by name, with its records and its earliest time.
pub async fn lists(store: &SharedStore) -> Vec<(String, u64, i64)> {
    let lists = store.lists().await.expect("the lists can be read");
    let mut lists: Vec<_> =
        lists.into_iter().map(|stats| (stats.list.to_string(), stats.records, stats.earliest.0)).collect();
    lists.sort();
    lists
}

/// The message ids of a shard by hour.
pub async fn remembered(store: &SharedStore, shard: ShardId) -> Vec<(i64, Vec<u64>)> {
    let packs = store.remembered(shard).await.expect("the ids can be read");
    packs.into_iter().map(|pack| (pack.hour, pack.ids)).collect()
}

/// The ids of leads that are asked for.
pub async fn lead_ids(store: &SharedStore, query: LeadQuery) -> Vec<String> {
    store.leads(&query).await.expect("leads can be listed").into_iter().map(|lead| lead.id).collect()
}

/// Every lead.
pub fn all() -> LeadQuery {
    LeadQuery { limit: 1_000, ..LeadQuery::default() }
}

/// The shards that have moved, as a commit's answer names them.
pub fn moved(answer: Result<(), CommitError>) -> Vec<ShardId> {
    match answer {
        Err(CommitError::Moved(mut shards)) => {
            shards.sort_unstable();
            shards
        }
        other => panic!("`Moved` was expected, not {other:?}"),
    }
}
