//! Versioned records.

use handraiser::identity::RecordKey;
use handraiser::store::*;

use super::support::*;

pub async fn absent_records_are_none(store: &SharedStore) {
    assert_eq!(record(store, &user(store, "nobody")).await, None);
    assert_eq!(store.load(HERE, &[]).await.expect("nothing can be read"), Vec::new());
}

pub async fn a_write_is_read_back(store: &SharedStore) {
    let key = user(store, "ana");
    ok(store, Commit { writes: vec![write(&key, 0, &[("a", "1"), ("b", "2")])], ..commit_at(now()) }).await;
    let found = record(store, &key).await.expect("it was written");
    assert_eq!(found.version, 1);
    assert_eq!(found.fields.into_iter().collect::<Vec<_>>(), [("a".into(), "1".into()), ("b".into(), "2".into())]);
}

pub async fn records_come_in_the_order_asked_for(store: &SharedStore) {
    let (ana, ben) = (user(store, "ana"), user(store, "ben"));
    let nobody = user(store, "nobody");
    let writes = vec![write(&ana, 0, &[("name", "ana")]), write(&ben, 0, &[("name", "ben")])];
    ok(store, Commit { writes, ..commit_at(now()) }).await;
    let found = store.load(HERE, &[ben.clone(), nobody, ana, ben]).await.expect("records can be read");
    let names: Vec<_> = found.iter().map(|r| r.as_ref().map(|r| &*r.fields["name"])).collect();
    assert_eq!(names, [Some("ben"), None, Some("ana"), Some("ben")]);
}

pub async fn set_and_unset_change_single_fields(store: &SharedStore) {
    let key = user(store, "ana");
    ok(store, Commit { writes: vec![write(&key, 0, &[("a", "1"), ("b", "2"), ("c", "3")])], ..commit_at(now()) }).await;
    let change = Write { unset: vec!["a".into(), "never there".into()], ..write(&key, 1, &[("b", "20"), ("d", "4")]) };
    ok(store, Commit { writes: vec![change], ..commit_at(now()) }).await;
    let found = record(store, &key).await.expect("it was written");
    assert_eq!(found.version, 2);
    let fields: Vec<_> = found.fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(fields, [("b", "20"), ("c", "3"), ("d", "4")]);
}

pub async fn a_field_can_be_replaced_in_one_write(store: &SharedStore) {
    let key = user(store, "ana");
    let change = Write { unset: vec!["a".into()], ..write(&key, 0, &[("a", "set wins")]) };
    ok(store, Commit { writes: vec![change], ..commit_at(now()) }).await;
    assert_eq!(&*record(store, &key).await.expect("it was written").fields["a"], "set wins");
    // The last field may leave; the record stays with its version.
    let change = Write { unset: vec!["a".into()], ..write(&key, 1, &[]) };
    ok(store, Commit { writes: vec![change], ..commit_at(now()) }).await;
    assert_eq!(record(store, &key).await, Some(Record { version: 2, fields: Fields::new() }));
}

fn conflicts(answer: Result<(), CommitError>) -> Vec<RecordKey> {
    match answer {
        Err(CommitError::Conflict(keys)) => keys,
        other => panic!("a conflict was expected, not {other:?}"),
    }
}

pub async fn a_stale_version_conflicts(store: &SharedStore) {
    let key = user(store, "ana");
    for version in 0..3 {
        ok(store, Commit { writes: vec![write(&key, version, &[("n", &version.to_string())])], ..commit_at(now()) })
            .await;
    }
    for stale in [0, 1, 2, 4, u64::MAX / 2] {
        let commit = Commit { writes: vec![write(&key, stale, &[("n", "stale")])], ..commit_at(now()) };
        assert_eq!(conflicts(store.commit(commit).await), std::slice::from_ref(&key), "version {stale}");
    }
    let found = record(store, &key).await.expect("it was written");
    assert_eq!((found.version, &*found.fields["n"]), (3, "2"));
}

pub async fn an_existing_record_is_not_created_again(store: &SharedStore) {
    let key = user(store, "ana");
    let create = || Commit { writes: vec![write(&key, 0, &[])], ..commit_at(now()) };
    ok(store, create()).await;
    assert_eq!(conflicts(store.commit(create()).await), std::slice::from_ref(&key));
}

pub async fn an_absent_record_has_no_version_to_expect(store: &SharedStore) {
    let key = user(store, "ana");
    let commit = Commit { writes: vec![write(&key, 1, &[("a", "1")])], ..commit_at(now()) };
    assert_eq!(conflicts(store.commit(commit).await), std::slice::from_ref(&key));
    assert_eq!(record(store, &key).await, None);
}

pub async fn every_moved_record_is_named(store: &SharedStore) {
    let keys = ["ana", "ben", "cem"].map(|name| user(store, name));
    let writes = keys.iter().map(|key| write(key, 0, &[("a", "1")])).collect();
    ok(store, Commit { writes, ..commit_at(now()) }).await;
    let writes = vec![write(&keys[0], 0, &[]), write(&keys[1], 1, &[]), write(&keys[2], 7, &[])];
    let moved = conflicts(store.commit(Commit { writes, ..commit_at(now()) }).await);
    assert_eq!(moved, [keys[0].clone(), keys[2].clone()]);
}

pub async fn a_conflict_writes_nothing_at_all(store: &SharedStore) {
    let (ana, ben, t) = (user(store, "ana"), user(store, "ben"), now());
    add(store, t, vec![entry("q", "held", t)]).await;
    let held = claim_one(store, "q", t).await;
    ok(store, Commit { writes: vec![write(&ana, 0, &[("a", "1")])], ..commit_at(t) }).await;
    let commit = Commit {
        writes: vec![write(&ben, 0, &[("b", "1")]), write(&ana, 0, &[("a", "2")])],
        remember: vec![(hash("m"), Note(1))],
        leads: vec![lead("l", &ben, "d", t)],
        enqueue: vec![entry("q", "new", t)],
        settle: vec![settle(&held, DONE)],
        ..commit_at(t)
    };
    assert_eq!(conflicts(store.commit(commit).await), std::slice::from_ref(&ana));
    assert_eq!(record(store, &ben).await, None);
    assert_eq!(record(store, &ana).await.expect("it stays").version, 1);
    assert_eq!(store.seen(HERE, &[hash("m")]).await.expect("messages can be read"), [None]);
    assert_eq!(store.lead("l").await.expect("leads can be read"), None);
    assert_eq!(row_ids(store, EntryState::Pending, "q").await, ["held"]);
    settled(store, t, &held, DONE).await;
}

pub async fn any_text_is_a_name_and_a_value(store: &SharedStore) {
    let nasty = [
        "",
        " ",
        "\0",
        "a\0b",
        "\r\n",
        "\u{1}\u{7f}",
        "ünïcode",
        "日本語",
        "🙋‍♀️",
        "{p3}",
        "a:b:c",
        "\"'`\\",
        "%s$1",
        "\u{feff}",
        "\u{10ffff}",
        "'; drop table records; --",
        "v",
        "version",
        "n",
    ];
    for (at, name) in nasty.iter().enumerate() {
        let key = user(store, &format!("{name}{at}"));
        let set: Vec<_> = nasty.iter().map(|field| (*field, *name)).filter(|(field, _)| !field.is_empty()).collect();
        ok(store, Commit { writes: vec![write(&key, 0, &set)], ..commit_at(now()) }).await;
        let found = record(store, &key).await.expect("it was written");
        let fields: Vec<_> = found.fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        let mut expected = set;
        expected.sort_unstable();
        assert_eq!(fields, expected, "{key:?}");
    }
}

pub async fn a_large_field_survives(store: &SharedStore) {
    let key = user(store, "ana");
    let large: String = (0..=0xff_u32).cycle().filter_map(char::from_u32).take(1 << 20).collect();
    for version in 0..3 {
        let write = write(&key, version, &[("large", &large), ("small", &version.to_string())]);
        ok(store, Commit { writes: vec![write], ..commit_at(now()) }).await;
    }
    let found = record(store, &key).await.expect("it was written");
    assert_eq!(found.version, 3);
    assert!(*found.fields["large"] == *large, "the large field came back changed");
}

pub async fn many_records_in_one_commit(store: &SharedStore) {
    let keys: Vec<_> = (0..500).map(|n| user(store, &format!("many{n}"))).collect();
    for version in 0..2 {
        let writes = keys.iter().map(|key| write(key, version, &[("id", &key.id)])).collect();
        ok(store, Commit { writes, ..commit_at(now()) }).await;
    }
    let found = store.load(HERE, &keys).await.expect("records can be read");
    for (key, found) in keys.iter().zip(found) {
        let found = found.expect("it was written");
        assert_eq!((found.version, &*found.fields["id"]), (2, &*key.id));
    }
}

pub async fn an_empty_commit_is_fine(store: &SharedStore) {
    ok(store, commit_at(now())).await;
}

pub async fn partitions_are_apart(store: &SharedStore) {
    let (here, there) = (user(store, "ana"), user_in(store.partitions(), THERE, "ana"));
    ok(store, Commit { writes: vec![write(&here, 0, &[("at", "here")])], ..commit_at(now()) }).await;
    let elsewhere = Commit { partition: THERE, writes: vec![write(&there, 0, &[("at", "there")])], ..commit_at(now()) };
    ok(store, elsewhere).await;
    assert_eq!(&*record(store, &here).await.expect("it was written").fields["at"], "here");
    assert_eq!(&*record(store, &there).await.expect("it was written").fields["at"], "there");
}
