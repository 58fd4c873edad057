//! Commits: all or nothing, and only where they begin.

use handraiser::ids::{Position, RecordKey, ShardId};
use handraiser::store::*;
use handraiser::time::Millis;

use super::support::*;

/// A third shard.
const ELSEWHERE: ShardId = ShardId(6);

pub async fn a_commit_moves_the_position(store: &SharedStore) {
    append(store, entries(HERE, 10)).await;
    for (from, to) in [(0, 1), (1, 4), (4, 10)] {
        ok(store, step(from, to)).await;
        assert_eq!(progress(store, HERE).await, (to, 10));
    }
    assert_eq!(progress(store, THERE).await, (0, 0));
}

pub async fn a_commit_may_stay_where_it_is(store: &SharedStore) {
    let key = user(store, "ana");
    append(store, entries(HERE, 2)).await;
    ok(store, step(0, 2)).await;
    for n in 0..3 {
        ok(store, Commit { records: vec![write(&key, &n.to_string())], ..step(2, 2) }).await;
        assert_eq!(record(store, &key).await.as_deref(), Some(&*n.to_string()));
    }
    assert_eq!(progress(store, HERE).await, (2, 2));
}

pub async fn a_commit_that_stays_is_fenced_by_its_step(store: &SharedStore) {
    let key = user(store, "ana");
    let told = async || store.progress(&[HERE]).await.expect("the progress can be read")[0].step;
    let write = |step, text: &str| Commit { step: Some(step), records: vec![write(&key, text)], ..here() };
    let first = told().await;
    ok(store, write(first, "one owner")).await;
    assert_eq!(moved(store.commit(vec![write(first, "the other")]).await), [HERE], "from the same position");
    assert_eq!(told().await, first + 1, "what was refused is no commit");
    ok(store, write(first + 1, "one owner again")).await;
    ok(store, here()).await;
    assert_eq!(told().await, first + 3, "those that don't say count as well");
    assert_eq!(moved(store.commit(vec![write(first + 2, "the other")]).await), [HERE]);
    assert_eq!(record(store, &key).await.as_deref(), Some("one owner again"));
}

pub async fn no_commit_at_all_is_fine(store: &SharedStore) {
    store.commit(Vec::new()).await.expect("nothing happens");
    ok(store, here()).await;
    assert_eq!(progress(store, HERE).await, (0, 0));
}

/// The records that [`full`] writes and deletes in `shard`.
fn keys(store: &SharedStore, shard: ShardId) -> [RecordKey; 3] {
    ["new", "changed", "deleted"].map(|name| user_in(store, shard, name))
}

/// What has to be there before [`full`]; the shard's log is applied up to its first entry.
fn before(store: &SharedStore, shard: ShardId) -> Commit {
    let [_, changed, deleted] = keys(store, shard);
    let listed = |write: RecordWrite, at| RecordWrite { listed: place("old", at), ..write };
    Commit {
        to: Position(1),
        records: vec![listed(write(&changed, "old"), 5), listed(write(&deleted, "old"), 6)],
        ids: vec![1, 2],
        leads: vec![lead(&format!("old {shard}"), &deleted, "d", Millis(1))],
        ..stay(shard)
    }
}

/// A commit that changes everything that a commit can change.
fn full(store: &SharedStore, shard: ShardId, from: u64, to: u64) -> Commit {
    let [new, changed, deleted] = keys(store, shard);
    let listed = |key: &RecordKey| RecordWrite { listed: place("new", 7), ..write(key, "text") };
    Commit {
        records: vec![
            listed(&new),
            RecordWrite { was_listed: place("old", 5), ..listed(&changed) },
            RecordWrite { was_listed: place("old", 6), ..delete(&deleted) },
        ],
        ids: vec![3, 4],
        forget_leads: vec![deleted],
        leads: vec![lead(&format!("new {shard}"), &new, "d", Millis(2))],
        messages: vec![entry(ShardId(0), format!("from {shard}"))],
        rejected: vec![rejected(1)],
        ..Commit::new(shard, Position(from), Position(to), now())
    }
}

/// Everything that can be asked about some shards.
#[derive(Debug, PartialEq)]
struct Picture {
    progress: Vec<Progress>,
    ids: Vec<Vec<u64>>,
    records: Vec<Option<Box<str>>>,
    lists: Vec<(String, u64, i64)>,
    listed: Vec<(i64, RecordKey)>,
    leads: Vec<String>,
    rejected: usize,
}

impl Picture {
    async fn take(store: &SharedStore, shards: &[ShardId]) -> Self {
        let (mut records, mut ids) = (Vec::new(), Vec::new());
        for shard in shards {
            records.extend(keys(store, *shard));
            ids.push(remembered(store, *shard).await.into_iter().flat_map(|(_, ids)| ids).collect());
        }
        let shards: Vec<_> = shards.iter().copied().chain([ShardId(0)]).collect();
        let mut listed_records = listed(store, "old", 100).await;
        listed_records.extend(listed(store, "new", 100).await);
        listed_records.sort_unstable();
        Self {
            progress: store.progress(&shards).await.expect("the progress can be read"),
            ids,
            records: store.load(&records).await.expect("records can be read"),
            lists: lists(store).await,
            listed: listed_records,
            leads: lead_ids(store, all()).await,
            rejected: store.rejected(100).await.expect("the log can be read").len(),
        }
    }
}

async fn prepare(store: &SharedStore, shards: &[ShardId]) {
    for shard in shards {
        append(store, entries(*shard, 3)).await;
        ok(store, before(store, *shard)).await;
    }
}

/// `full` was done in `shard`, but for its message.
async fn done(store: &SharedStore, shard: ShardId, position: u64) {
    let found = Picture::take(store, &[shard]).await;
    assert_eq!((found.progress[0].position.0, found.progress[0].end.0), (position, 3));
    assert_eq!(found.ids, [[1, 2, 3, 4]]);
    assert_eq!(found.records, [Some("text".into()), Some("text".into()), None]);
    for key in &keys(store, shard)[..2] {
        assert!(found.listed.contains(&(7, key.clone())), "{key} is listed");
    }
    assert!(found.leads.contains(&format!("new {shard}")) && !found.leads.contains(&format!("old {shard}")));
}

pub async fn a_commit_does_all_that_it_names(store: &SharedStore) {
    prepare(store, &[HERE]).await;
    ok(store, full(store, HERE, 1, 2)).await;
    done(store, HERE, 2).await;
    assert_eq!(lists(store).await, [("new".to_owned(), 2, 7)]);
    assert_eq!(texts(&arrived(store, ShardId(0), 0, 1).await), [format!("from {HERE}")]);
    assert_eq!(store.rejected(10).await.expect("the log can be read").len(), 1);
}

pub async fn a_moved_shard_changes_nothing_at_all(store: &SharedStore) {
    prepare(store, &[HERE]).await;
    let before = Picture::take(store, &[HERE]).await;
    for (from, to) in [(0, 1), (0, 0), (0, 3), (2, 2), (2, 3), (3, 3)] {
        let answer = store.commit(vec![full(store, HERE, from, to)]).await;
        assert_eq!(moved(answer), [HERE], "from {from} to {to}");
    }
    assert_eq!(read(store, ShardId(0), 0, PLENTY, std::time::Duration::from_millis(100)).await, Vec::new());
    assert_eq!(Picture::take(store, &[HERE]).await, before);
    ok(store, full(store, HERE, 1, 3)).await;
    done(store, HERE, 3).await;
}

pub async fn several_shards_commit_in_one_step(store: &SharedStore) {
    let shards = [HERE, ELSEWHERE, THERE];
    prepare(store, &shards).await;
    if store.commits_shards_together() {
        let commits = shards.map(|shard| full(store, shard, 1, 3));
        store.commit(commits.to_vec()).await.expect("the commit goes through");
    } else {
        for shard in shards {
            ok(store, full(store, shard, 1, 3)).await;
        }
    }
    for shard in shards {
        done(store, shard, 3).await;
    }
    let mut messages = texts(&arrived(store, ShardId(0), 0, 3).await);
    messages.sort();
    assert_eq!(messages, [HERE, THERE, ELSEWHERE].map(|shard| format!("from {shard}")));
}

pub async fn one_moved_shard_stops_all(store: &SharedStore) {
    if !store.commits_shards_together() {
        return;
    }
    let shards = [HERE, THERE, ELSEWHERE];
    prepare(store, &shards).await;
    let before = Picture::take(store, &shards).await;
    for wrong in [&[HERE][..], &[THERE], &[ELSEWHERE], &[HERE, ELSEWHERE], &shards] {
        let commits = shards.map(|shard| full(store, shard, if wrong.contains(&shard) { 2 } else { 1 }, 3));
        assert_eq!(moved(store.commit(commits.to_vec()).await), wrong);
    }
    assert_eq!(read(store, ShardId(0), 0, PLENTY, std::time::Duration::from_millis(100)).await, Vec::new());
    assert_eq!(Picture::take(store, &shards).await, before);
}
