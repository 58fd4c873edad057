//! Records of every size are written, moved about and deleted over many commits, and stay what they are.

use std::collections::BTreeMap;

use handraiser::ids::RecordKey;
use handraiser::store::*;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::{crash_image, open, place};
use crate::store_conformance::support::*;

type Model = BTreeMap<RecordKey, Option<Box<str>>>;

/// Mostly as records are, some tiny, some larger than a page.
fn text(dice: &mut StdRng, round: u32) -> Box<str> {
    let len = match dice.random_range(0..100) {
        0..10 => dice.random_range(0..20),
        10..90 => dice.random_range(200..700),
        90..98 => dice.random_range(2_000..5_000),
        _ => dice.random_range(8_000..60_000),
    };
    format!("{round} {}", "ü\n 7 x".chars().cycle().take(len).collect::<String>()).into()
}

async fn check(store: &SharedStore, model: &Model) {
    let keys: Vec<_> = model.keys().cloned().collect();
    let found = store.load(&keys).await.expect("records can be read");
    for ((key, expected), found) in model.iter().zip(found) {
        assert!(*expected == found, "{key}: {expected:?}, not {found:?}");
    }
}

/// Commits of random records of one shard, some deleted.
async fn churn(store: &SharedStore, dice: &mut StdRng, model: &mut Model, keys: &[RecordKey], round: u32) {
    let count = *[1, 3, 40, 600].get(dice.random_range(0..4)).expect("one of four");
    let mut writes = BTreeMap::new();
    for _ in 0..count {
        let key = &keys[dice.random_range(0..keys.len())];
        let text = dice.random_bool(0.9).then(|| text(dice, round));
        writes.insert(key.clone(), text);
    }
    let records = writes.iter().map(|(key, text)| RecordWrite { text: text.clone(), ..write(key, "") });
    written(store, records.collect()).await;
    model.extend(writes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_survive_being_moved_about() {
    let (_directory, path) = place();
    let mut store = open(&path);
    let mut dice = StdRng::seed_from_u64(7);
    let names = (0..).map(|n| RecordKey::user(&format!("u{n}")));
    let keys: Vec<_> = names.filter(|key| store.shards().of(key) == HERE).take(1_500).collect();
    let mut model = Model::new();
    for round in 0..600 {
        churn(&store, &mut dice, &mut model, &keys, round).await;
        if round % 60 == 59 {
            check(&store, &model).await;
            check(&open(&crash_image(&path, &format!("image{round}.db"))), &model).await;
            if round % 120 == 119 {
                store.close().await.expect("it closes");
            }
            drop(store);
            store = open(&path);
            check(&store, &model).await;
        }
    }
    let bytes: u64 = model.iter().filter_map(|(key, text)| Some((key.id.len() + text.as_ref()?.len()) as u64)).sum();
    store.close().await.expect("it closes");
    let file = std::fs::metadata(&path).expect("it is there").len();
    assert!(file < 4 * bytes, "{file} bytes for {bytes} bytes of records");
}

/// While a writer moves records about, readers see each as it was last acknowledged, or newer.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_never_see_the_past() {
    let (_directory, path) = place();
    let store = open(&path);
    let keys: Vec<_> = (0..300).map(|n| user(&store, &format!("u{n}"))).collect();
    let write_all = async |round: u32, keys: &[RecordKey]| {
        let text = format!("{round} {}", "x".repeat(300));
        written(&store, keys.iter().map(|key| write(key, &text)).collect()).await;
    };
    write_all(0, &keys).await;
    let acknowledged = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (store, keys, acknowledged) = (store.clone(), keys.clone(), acknowledged.clone());
            tokio::spawn(async move {
                let mut reads = 0;
                loop {
                    let at_least = acknowledged.load(std::sync::atomic::Ordering::SeqCst);
                    if at_least == u32::MAX {
                        return reads;
                    }
                    for text in store.load(&keys).await.expect("records can be read") {
                        let text = text.expect("it is there");
                        let round: u32 = text.split(' ').next().unwrap().parse().unwrap();
                        assert!(round >= at_least, "{round} after {at_least}");
                    }
                    reads += 1;
                }
            })
        })
        .collect();
    for round in 1..300 {
        write_all(round, &keys).await;
        acknowledged.store(round, std::sync::atomic::Ordering::SeqCst);
        // In between some only, so that rows are half alive and get emptied.
        write_all(round, &keys[..(round as usize % 300)]).await;
    }
    acknowledged.store(u32::MAX, std::sync::atomic::Ordering::SeqCst);
    for reader in readers {
        assert!(reader.await.expect("no reader saw the past") > 10);
    }
}
