//! Records: whole texts by name.

use handraiser::ids::{RecordKey, RecordKind, ShardId};
use handraiser::store::*;

use super::support::*;

pub async fn absent_records_are_none(store: &SharedStore) {
    assert_eq!(record(store, &user(store, "nobody")).await, None);
    assert_eq!(store.load(&[]).await.expect("nothing can be read"), Vec::new());
}

pub async fn a_write_is_read_back(store: &SharedStore) {
    let key = user(store, "ana");
    written(store, vec![write(&key, "plan pro\nseats 12\n")]).await;
    assert_eq!(record(store, &key).await.as_deref(), Some("plan pro\nseats 12\n"));
}

pub async fn a_write_replaces_the_whole_record(store: &SharedStore) {
    let key = user(store, "ana");
    for text in ["plan pro\nseats 12\n", "seats 1\n", "", "seats 2\nplan free\n"] {
        written(store, vec![write(&key, text)]).await;
        assert_eq!(record(store, &key).await.as_deref(), Some(text));
    }
}

pub async fn a_deleted_record_is_absent(store: &SharedStore) {
    let (ana, ben) = (user(store, "ana"), user(store, "ben"));
    written(store, vec![write(&ana, "ana"), write(&ben, "ben")]).await;
    written(store, vec![delete(&ana)]).await;
    assert_eq!(record(store, &ana).await, None);
    assert_eq!(record(store, &ben).await.as_deref(), Some("ben"));
    // What is not there can be deleted, and begin again.
    written(store, vec![delete(&ana)]).await;
    written(store, vec![write(&ana, "again")]).await;
    assert_eq!(record(store, &ana).await.as_deref(), Some("again"));
}

pub async fn records_come_in_the_order_asked_for(store: &SharedStore) {
    let [ana, ben, nobody] = ["ana", "ben", "nobody"].map(|name| user(store, name));
    written(store, vec![write(&ana, "ana"), write(&ben, "ben")]).await;
    let found = store.load(&[ben.clone(), nobody, ana, ben]).await.expect("records can be read");
    let found: Vec<_> = found.iter().map(Option::as_deref).collect();
    assert_eq!(found, [Some("ben"), None, Some("ana"), Some("ben")]);
}

pub async fn records_of_every_shard_are_read_in_one_call(store: &SharedStore) {
    let keys: Vec<_> = store.shards().all().map(|shard| user_in(store, shard, "ana")).collect();
    for (shard, key) in keys.iter().enumerate() {
        let shard = ShardId(u16::try_from(shard).unwrap());
        ok(store, Commit { records: vec![write(key, &shard.to_string())], ..stay(shard) }).await;
    }
    let found = store.load(&keys).await.expect("records can be read");
    let expected: Vec<_> = store.shards().all().map(|shard| Some(shard.to_string().into())).collect();
    assert_eq!(found, expected);
}

/// Text that some store could take for something else.
pub const NASTY: [&str; 24] = [
    " ",
    "\0",
    "a\0b",
    "\r\n",
    "\n\n",
    "\u{1}\u{7f}",
    "ünïcode",
    "日本語",
    "🙋‍♀️",
    "{s3}",
    "}{",
    "a:b:c",
    "a/b//c",
    "\"'`\\",
    "\\n",
    "%s$1",
    "\u{feff}",
    "\u{10ffff}",
    "'; drop table records; --",
    "*",
    "[a]?",
    "nil",
    "-1",
    "1e400",
];

pub async fn any_text_survives(store: &SharedStore) {
    let texts = NASTY.iter().map(|text| (*text).to_owned()).chain([String::new(), NASTY.join("\n"), NASTY.concat()]);
    let texts: Vec<_> = texts.enumerate().map(|(n, text)| (user(store, &format!("user{n}")), text)).collect();
    written(store, texts.iter().map(|(key, text)| write(key, text)).collect()).await;
    for (key, text) in texts {
        assert_eq!(record(store, &key).await.as_deref(), Some(&*text));
    }
}

pub async fn any_name_is_a_name(store: &SharedStore) {
    let long = "lang-ü".repeat(150);
    let names = NASTY.iter().copied().chain([&*long]);
    let keys = names.flat_map(|name| RecordKind::ALL.map(|kind| RecordKey::new(kind, &format!("{name}/{name}"))));
    let keys: Vec<_> = keys.collect();
    for shard in store.shards().all() {
        let of_shard = keys.iter().filter(|key| store.shards().of(key) == shard);
        let put = |key: &RecordKey| RecordWrite { listed: place("all", 1), ..write(key, &key.to_string()) };
        ok(store, Commit { records: of_shard.map(put).collect(), ..stay(shard) }).await;
    }
    let found = store.load(&keys).await.expect("records can be read");
    for (key, found) in keys.iter().zip(found) {
        assert_eq!(found.as_deref(), Some(&*key.to_string()));
    }
    let mut in_list: Vec<_> = listed(store, "all", 10_000).await.into_iter().map(|(_, key)| key).collect();
    in_list.sort();
    let mut keys = keys;
    keys.sort();
    assert_eq!(in_list, keys);
}

pub async fn a_large_record_survives(store: &SharedStore) {
    let key = user(store, "ana");
    for shift in 0..3 {
        let large: String = (shift..0x180_u32).cycle().filter_map(char::from_u32).take(300_000).collect();
        written(store, vec![write(&key, &large)]).await;
        let found = record(store, &key).await.expect("it was written");
        assert!(*found == *large, "the large record came back changed");
    }
}

pub async fn many_records_in_one_commit(store: &SharedStore) {
    let keys: Vec<_> = (0..2_000).map(|n| user(store, &format!("many{n}"))).collect();
    for round in 0..2 {
        let text = |key: &RecordKey| format!("{round} {key}");
        written(store, keys.iter().map(|key| write(key, &text(key))).collect()).await;
        let found = store.load(&keys).await.expect("records can be read");
        for (key, found) in keys.iter().zip(found) {
            assert_eq!(found.as_deref(), Some(&*text(key)));
        }
    }
    written(store, keys.iter().map(delete).collect()).await;
    let found = store.load(&keys).await.expect("records can be read");
    assert!(found.iter().all(Option::is_none));
}

/// Who is told of, page by page, with `between` every two of them.
async fn told(store: &SharedStore, shards: &[ShardId], limit: usize, mut between: impl AsyncFnMut()) -> Vec<RecordKey> {
    let (mut told, mut after) = (Vec::new(), None::<Box<str>>);
    for _ in 0..10_000 {
        let page = store.subjects(shards, after.as_deref(), limit).await.expect("they can be told of");
        told.extend(page.keys);
        after = page.next;
        if after.is_none() {
            told.sort();
            told.dedup();
            return told;
        }
        between().await;
    }
    panic!("it has no end");
}

/// Those shards that may be asked for together.
fn together(store: &SharedStore, shards: &[ShardId]) -> Vec<Vec<ShardId>> {
    if store.commits_shards_together() {
        return vec![shards.to_vec()];
    }
    shards.iter().map(|shard| vec![*shard]).collect()
}

pub async fn everybody_is_told_of_in_pages(store: &SharedStore) {
    let shards = [HERE, THERE];
    assert_eq!(told(store, &[HERE], 7, async || {}).await, []);
    let mut expected = Vec::new();
    for shard in shards {
        let mut records = Vec::new();
        for n in 0..60 {
            let key = user_in(store, shard, &format!("user {n} {}", NASTY[n % NASTY.len()]));
            let account = RecordKey::account(&key.id);
            records.push(write(&key, &"text ".repeat(n)));
            expected.push(key);
            if store.shards().of(&account) == shard {
                records.push(write(&account, "text"));
                expected.push(account);
            }
        }
        // Neither users nor accounts.
        records.extend([RecordKey::roster(shard), RecordKey::archived(shard)].map(|key| write(&key, "text")));
        ok(store, Commit { records, ..stay(shard) }).await;
    }
    expected.sort();
    for limit in [1, 7, 10_000] {
        let mut found = Vec::new();
        for some in together(store, &shards) {
            found.extend(told(store, &some, limit, async || {}).await);
        }
        found.sort();
        assert_eq!(found, expected, "{limit} at a time");
        let only: Vec<_> = expected.iter().filter(|key| store.shards().of(key) == THERE).cloned().collect();
        assert_eq!(told(store, &[THERE], limit, async || {}).await, only, "of one shard alone");
    }
}

pub async fn who_is_there_all_along_is_told_of(store: &SharedStore) {
    let stays: Vec<RecordKey> = (0..40).map(|n| user(store, &format!("stays {n}"))).collect();
    written(store, stays.iter().map(|key| write(key, "text")).collect()).await;
    let mut round = 0;
    let found = told(store, &[HERE], 3, async || {
        round += 1;
        // Others come and go, and records that stay are written anew, here and there, shorter and longer.
        let comes: Vec<_> = (0..5).map(|n| user(store, &format!("comes {round} {n}"))).collect();
        let again = stays.iter().skip(round % 7).step_by(5).map(|key| write(key, &"x".repeat(round * 300)));
        let records: Vec<_> = comes.iter().map(|key| write(key, "text")).chain(again).collect();
        written(store, records).await;
        written(store, comes.iter().skip(1).map(delete).collect()).await;
    });
    let found = found.await;
    let missing: Vec<_> = stays.iter().filter(|key| !found.contains(key)).collect();
    assert_eq!(missing, Vec::<&RecordKey>::new());
}

pub async fn what_says_nothing_begins_anew(store: &SharedStore) {
    let all: Vec<RecordKey> = (0..20).map(|n| user(store, &format!("user {n}"))).collect();
    written(store, all.iter().map(|key| write(key, "text")).collect()).await;
    for nonsense in ["nonsense", "", "1:2:3", "0000"] {
        let page = store.subjects(&[HERE], Some(nonsense), 10_000).await.expect("they can be told of");
        assert_eq!((page.keys.len(), page.next), (20, None), "{nonsense}");
    }
}
