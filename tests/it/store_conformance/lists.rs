//! Lists: where records stand, and since or until when.

use handraiser::ids::{RecordKey, ShardId};
use handraiser::store::*;

use super::records::NASTY;
use super::support::*;

/// Writes a record into a list.
fn put(key: &RecordKey, list: &str, at: i64) -> RecordWrite {
    RecordWrite { listed: place(list, at), ..write(key, "text") }
}

/// Writes a record from one list into another.
fn shift(key: &RecordKey, was: (&str, i64), is: (&str, i64)) -> RecordWrite {
    RecordWrite { was_listed: place(was.0, was.1), ..put(key, is.0, is.1) }
}

pub async fn a_record_stands_where_it_was_put(store: &SharedStore) {
    let [ana, ben, cem] = ["ana", "ben", "cem"].map(|name| user(store, name));
    written(store, vec![put(&ana, "timers", 5), put(&ben, "waiting", 7), write(&cem, "nowhere")]).await;
    assert_eq!(due(store, HERE, "timers", 100, 10).await, [(5, ana.clone())]);
    assert_eq!(due(store, HERE, "waiting", 100, 10).await, [(7, ben)]);
    assert_eq!(due(store, HERE, "other", 100, 10).await, []);
    // Written again in the same place.
    written(store, vec![shift(&ana, ("timers", 5), ("timers", 5))]).await;
    assert_eq!(due(store, HERE, "timers", 100, 10).await, [(5, ana)]);
}

pub async fn a_record_moves_between_lists(store: &SharedStore) {
    let ana = user(store, "ana");
    written(store, vec![put(&ana, "a", 5)]).await;
    written(store, vec![shift(&ana, ("a", 5), ("a", 9))]).await;
    assert_eq!(due(store, HERE, "a", 100, 10).await, [(9, ana.clone())]);
    written(store, vec![shift(&ana, ("a", 9), ("a", 2))]).await;
    assert_eq!(due(store, HERE, "a", 100, 10).await, [(2, ana.clone())]);
    written(store, vec![shift(&ana, ("a", 2), ("b", 3))]).await;
    assert_eq!(due(store, HERE, "a", 100, 10).await, []);
    assert_eq!(due(store, HERE, "b", 100, 10).await, [(3, ana.clone())]);
    written(store, vec![RecordWrite { was_listed: place("b", 3), ..write(&ana, "free") }]).await;
    assert_eq!(due(store, HERE, "b", 100, 10).await, []);
    assert_eq!(lists(store).await, []);
    assert_eq!(record(store, &ana).await.as_deref(), Some("free"));
}

pub async fn a_deleted_record_leaves_its_list(store: &SharedStore) {
    let (ana, ben) = (user(store, "ana"), user(store, "ben"));
    written(store, vec![put(&ana, "a", 5), put(&ben, "a", 6)]).await;
    written(store, vec![RecordWrite { was_listed: place("a", 5), ..delete(&ana) }]).await;
    assert_eq!(due(store, HERE, "a", 100, 10).await, [(6, ben.clone())]);
    assert_eq!(listed(store, "a", 10).await, [(6, ben)]);
}

pub async fn the_earliest_are_due_first(store: &SharedStore) {
    // Moments as they are in life, one far away, and one before everything.
    let times = [0, 1, 999, 1_700_000_000_000, 1_700_000_000_001, 253_402_300_799_999];
    let keys: Vec<_> = times.iter().map(|at| user(store, &format!("at{at}"))).collect();
    let order = [3, 0, 5, 1, 4, 2];
    written(store, order.iter().map(|n| put(&keys[*n], "timers", times[*n])).collect()).await;
    let expected: Vec<_> = times.into_iter().zip(keys).collect();
    assert_eq!(due(store, HERE, "timers", i64::MAX, 100).await, expected);
    assert_eq!(due(store, HERE, "timers", i64::MAX, 2).await, expected[..2]);
    assert_eq!(due(store, HERE, "timers", i64::MAX, 0).await, []);
}

pub async fn due_is_up_to_and_including_the_moment(store: &SharedStore) {
    let t = 1_700_000_000_000;
    let keys: Vec<_> = (0..3).map(|n| user(store, &format!("u{n}"))).collect();
    written(store, keys.iter().zip(t..).map(|(key, at)| put(key, "timers", at)).collect()).await;
    for (until, count) in [(i64::MIN, 0), (-1, 0), (t - 1, 0), (t, 1), (t + 1, 2), (t + 2, 3), (t + 3, 3)] {
        assert_eq!(due(store, HERE, "timers", until, 10).await.len(), count, "until {until}");
    }
}

pub async fn a_list_is_worked_off_in_pages(store: &SharedStore) {
    let keys: Vec<_> = (0..1_000).map(|n| user(store, &format!("many{n}"))).collect();
    written(store, keys.iter().zip(0..).map(|(key, at)| put(key, "timers", at / 3)).collect()).await;
    let mut worked = Vec::new();
    loop {
        let page = due(store, HERE, "timers", 10_000, 64).await;
        if page.is_empty() {
            break;
        }
        assert!(page.is_sorted_by_key(|(at, _)| *at) && page.len() <= 64);
        let settled = |(at, key): &(i64, RecordKey)| RecordWrite { was_listed: place("timers", *at), ..delete(key) };
        written(store, page.iter().map(settled).collect()).await;
        worked.extend(page);
    }
    assert!(worked.is_sorted_by_key(|(at, _)| *at));
    let mut worked: Vec<_> = worked.into_iter().map(|(_, key)| key).collect();
    worked.sort();
    let mut keys = keys;
    keys.sort();
    assert_eq!(worked, keys);
}

/// Some records in the same list in several shards: at 0, 10, 20, … in order.
async fn spread(store: &SharedStore) -> Vec<(i64, RecordKey)> {
    let mut all = Vec::new();
    for (n, shard) in [HERE, THERE, ShardId(0), HERE, ShardId(7), THERE].into_iter().enumerate() {
        let (at, key) = (10 * i64::try_from(n).unwrap(), user_in(store, shard, &format!("u{n}")));
        ok(store, Commit { records: vec![put(&key, "dead", at)], ..stay(shard) }).await;
        all.push((at, key));
    }
    all
}

pub async fn shards_have_lists_of_their_own(store: &SharedStore) {
    let all = spread(store).await;
    let of = |places: &[usize]| places.iter().map(|n| all[*n].clone()).collect::<Vec<_>>();
    assert_eq!(due(store, HERE, "dead", 1_000, 10).await, of(&[0, 3]));
    assert_eq!(due(store, THERE, "dead", 1_000, 10).await, of(&[1, 5]));
    assert_eq!(due(store, ShardId(1), "dead", 1_000, 10).await, []);
}

pub async fn listed_are_the_newest_of_all_shards(store: &SharedStore) {
    let mut all = spread(store).await;
    all.reverse();
    assert_eq!(listed(store, "dead", 100).await, all);
    assert_eq!(listed(store, "dead", 3).await, all[..3]);
    assert_eq!(listed(store, "dead", 0).await, []);
    assert_eq!(listed(store, "other", 100).await, []);
}

pub async fn lists_tell_how_much_they_hold(store: &SharedStore) {
    assert_eq!(lists(store).await, []);
    let all = spread(store).await;
    let ana = user(store, "ana");
    written(store, vec![put(&ana, "timers", 1_700_000_000_000)]).await;
    let timers = ("timers".to_owned(), 1, 1_700_000_000_000);
    assert_eq!(lists(store).await, [("dead".to_owned(), 6, 0), timers.clone()]);
    let (at, first) = &all[0];
    written(store, vec![RecordWrite { was_listed: place("dead", *at), ..delete(first) }]).await;
    assert_eq!(lists(store).await, [("dead".to_owned(), 5, 10), timers]);
}

pub async fn deliveries_live_with_their_destination(store: &SharedStore) {
    for name in ["crm", "crm/west: {1}", "größte"] {
        let destination = RecordKey::destination(name);
        let shard = store.shards().of(&destination);
        let deliveries: Vec<_> = (0..20).map(|n| RecordKey::delivery(name, &format!("lead_{n}"))).collect();
        let list = format!("deliver:{name}");
        let mut records: Vec<_> = deliveries.iter().zip(0..).map(|(key, at)| put(key, &list, at)).collect();
        records.push(write(&destination, "breaker closed"));
        ok(store, Commit { records, ..stay(shard) }).await;
        let expected: Vec<_> = (0..).zip(deliveries).collect();
        assert_eq!(due(store, shard, &list, 1_000, 100).await, expected);
        let texts = store.load(&[destination, expected[3].1.clone()]).await.expect("records can be read");
        assert_eq!(texts, [Some("breaker closed".into()), Some("text".into())]);
    }
}

pub async fn any_name_is_a_list(store: &SharedStore) {
    let names: Vec<_> = NASTY.iter().map(|name| format!("deliver:{name}")).collect();
    let keys: Vec<_> = (0..names.len()).map(|n| user(store, &format!("u{n}"))).collect();
    written(store, keys.iter().zip(&names).map(|(key, name)| put(key, name, 5)).collect()).await;
    for (key, name) in keys.iter().zip(&names) {
        assert_eq!(due(store, HERE, name, 5, 10).await, [(5, key.clone())], "{name:?}");
        assert_eq!(listed(store, name, 10).await, [(5, key.clone())], "{name:?}");
    }
    let mut expected: Vec<_> = names.into_iter().map(|name| (name, 1, 5)).collect();
    expected.sort();
    assert_eq!(lists(store).await, expected);
}
