//! Commits of several partitions at once.

use handraiser::store::*;

use super::support::*;

/// A write of `key` that expects `version`, and a message, in the partition of the key.
fn change(store: &SharedStore, key: &handraiser::identity::RecordKey, version: u64, message: &str) -> Commit {
    Commit {
        partition: store.partitions().of(key),
        now: now(),
        writes: vec![write(key, version, &[("n", message)])],
        remember: vec![(hash(message), Note(7))],
        ..Commit::default()
    }
}

async fn version(store: &SharedStore, key: &handraiser::identity::RecordKey) -> u64 {
    record(store, key).await.map_or(0, |record| record.version)
}

pub async fn several_partitions_are_committed_in_one_call(store: &SharedStore) {
    let keys: Vec<_> =
        store.partitions().all().map(|partition| user_in(store.partitions(), partition, "several")).collect();
    let commits = keys.iter().map(|key| change(store, key, 0, "one")).collect();
    let outcomes = store.commit_all(commits).await;
    assert!(outcomes.len() == keys.len() && outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let loaded = store.load_all(&keys).await.expect("they are read");
    let values: Vec<_> = loaded.into_iter().map(|record| record.expect("it was written").fields["n"].clone()).collect();
    assert_eq!(values, vec![Box::from("one"); keys.len()]);
    let messages: Vec<_> = keys.iter().map(|key| (store.partitions().of(key), hash("one"))).collect();
    assert_eq!(store.seen_all(&messages).await.expect("they are looked up"), vec![Some(Note(7)); keys.len()]);
    assert!(store.commit_all(Vec::new()).await.is_empty());
}

pub async fn what_is_read_together_comes_in_the_order_asked_for(store: &SharedStore) {
    let (here, there) = (user(store, "order"), user_in(store.partitions(), THERE, "order"));
    store.commit(change(store, &there, 0, "there")).await.expect("it is written");
    let loaded = store.load_all(&[there.clone(), here.clone(), there.clone()]).await.expect("they are read");
    assert_eq!(loaded.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
    let asked = [(THERE, hash("nothing")), (HERE, hash("there")), (THERE, hash("there"))];
    assert_eq!(store.seen_all(&asked).await.expect("they are looked up"), [None, None, Some(Note(7))]);
}

pub async fn a_refusal_spares_the_others_or_withdraws_them(store: &SharedStore) {
    let (here, there) = (user(store, "refused"), user_in(store.partitions(), THERE, "spared"));
    store.commit(change(store, &here, 0, "first")).await.expect("it is written");
    let seen = store.commit_all(vec![change(store, &here, 1, "first"), change(store, &there, 0, "other")]).await;
    let moved = store.commit_all(vec![change(store, &there, 9, "next"), change(store, &here, 1, "second")]).await;
    let atomic = store.together() == Together::Atomic;
    assert!(matches!(&*seen, [Err(CommitError::Seen(found)), _] if *found == [(0, Note(7))]), "{seen:?}");
    assert!(matches!(&*moved, [Err(CommitError::Conflict(keys)), _] if *keys == [there.clone()]), "{moved:?}");
    for other in [&seen[1], &moved[1]] {
        assert!(if atomic { matches!(other, Err(CommitError::Withdrawn)) } else { other.is_ok() }, "{other:?}");
    }
    let expected = if atomic { (1, 0) } else { (2, 1) };
    assert_eq!((version(store, &here).await, version(store, &there).await), expected);
    let messages = [(THERE, hash("other")), (THERE, hash("next")), (HERE, hash("second"))];
    let known = store.seen_all(&messages).await.expect("they are looked up");
    assert_eq!(known.iter().map(Option::is_some).collect::<Vec<_>>(), [!atomic, false, !atomic]);
}
