//! A flipped byte is found, and said; never is something silently gone.

use std::path::Path;

use handraiser::ids::{Position, RecordKey, ShardId};
use handraiser::store::*;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::{beside, crash_image, open, place, refusal, try_open};
use crate::store_conformance::options;
use crate::store_conformance::support::*;

const USERS: usize = 300;

fn flips() -> usize {
    std::env::var("HANDRAISER_DAMAGE_FLIPS").ok().and_then(|n| n.parse().ok()).unwrap_or(200)
}

/// Something of everything that decides or is delivered.
async fn fill(store: &SharedStore) {
    for round in 0..20 {
        append(store, (0..200).map(|n| entry(ShardId(n % 8), format!("entry {n} {}", "y".repeat(50)))).collect()).await;
        for shard in store.shards().all() {
            let users = (0..USERS).map(|n| RecordKey::user(&format!("u{n}")));
            let records = users.filter(|key| store.shards().of(key) == shard).map(|key| RecordWrite {
                was_listed: crate::store_conformance::support::place("q", round).filter(|_| round > 0),
                listed: crate::store_conformance::support::place("q", round + 1),
                ..write(&key, &format!("{key} {round} {}", "x".repeat(400)))
            });
            let from = u64::try_from(round).unwrap();
            let commit = Commit {
                records: records.collect(),
                ids: (0..100).map(|n| n * 7 + from).collect(),
                ..Commit::new(shard, Position(from), Position(from + 1), now())
            };
            ok(store, commit).await;
        }
    }
}

/// Everything that there is, as text; fails when any of it can't be read.
async fn everything(store: &SharedStore) -> Result<String, StoreError> {
    let shards: Vec<_> = store.shards().all().collect();
    let progress = store.progress(&shards).await?;
    let mut all = format!("{progress:?}");
    let keys: Vec<_> = (0..USERS).map(|n| RecordKey::user(&format!("u{n}"))).collect();
    all += &format!("{:?}", store.load(&keys).await?);
    for (shard, progress) in shards.iter().zip(progress) {
        all += &format!("{:?}", store.remembered(*shard).await?);
        all +=
            &format!("{:?}", store.due(*shard, &ListName::new("q"), handraiser::time::Millis(i64::MAX), 1_000).await?);
        let found = store.read(&[(*shard, progress.position)], PLENTY, std::time::Duration::from_millis(10)).await?;
        all += &format!("{found:?}");
    }
    Ok(all)
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).expect("it is there");
    bytes[at] ^= 1 << (at % 8);
    std::fs::write(path, bytes).expect("it can be written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_anywhere_is_found_or_harmless() {
    let (_directory, path) = place();
    let store = open(&path);
    fill(&store).await;
    let before = everything(&store).await.expect("it can be read");
    store.close().await.expect("it closes");
    drop(store);
    let image = path.with_file_name("image.db");
    let len = usize::try_from(std::fs::metadata(&path).expect("it is there").len()).unwrap();
    let mut dice = StdRng::seed_from_u64(flips() as u64);
    let (mut at_start, mut later, mut harmless) = (0, 0, 0);
    for _ in 0..flips() {
        let at = dice.random_range(0..len);
        for ending in ["-wal", "-shm", "-durable"] {
            let _ = std::fs::remove_file(beside(&image, ending));
        }
        std::fs::copy(&path, &image).expect("it can be copied");
        flip(&image, at);
        let told = match try_open(&image, options()) {
            Err(error) => {
                at_start += 1;
                error
            }
            Ok(store) => match everything(&store).await {
                Ok(found) => {
                    assert!(found == before, "byte {at} changed what is read, and nobody said so");
                    harmless += 1;
                    continue;
                }
                Err(error) => {
                    later += 1;
                    error
                }
            },
        };
        assert!(
            matches!(told, StoreError::Unusable(_)) && told.to_string().contains("image.db"),
            "byte {at}: {told:?}"
        );
    }
    println!("{at_start} found at the start, {later} when it was read, {harmless} harmless");
    assert!(at_start > 20 && later > 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_damaged_log_has_lost_is_said() {
    let (_directory, path) = place();
    let store = open(&path);
    fill(&store).await;
    let before = everything(&store).await.expect("it can be read");
    let image = crash_image(&path, "image.db");
    drop(store);
    let len = usize::try_from(std::fs::metadata(beside(&image, "-wal")).expect("it is there").len()).unwrap();
    let mut dice = StdRng::seed_from_u64(12);
    let (mut said, mut harmless) = (0, 0);
    for _ in 0..40 {
        let damaged = crash_image(&image, "damaged.db");
        let _ = std::fs::remove_file(beside(&damaged, "-shm"));
        flip(&beside(&damaged, "-wal"), dice.random_range(0..len));
        match try_open(&damaged, options()) {
            // An older state of the log's file, behind its end.
            Ok(store) => {
                assert!(everything(&store).await.expect("it can be read") == before);
                harmless += 1;
            }
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains("damaged.db lacks the last") && error.contains("committed steps"), "{error}");
                said += 1;
            }
        }
    }
    println!("{said} said, {harmless} harmless");
    assert!(said > 30);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loss_can_be_accepted() {
    let (_directory, path) = place();
    let store = open(&path);
    append(&store, entries(HERE, 3)).await;
    let image = crash_image(&path, "image.db");
    append(&store, entries(HERE, 3)).await;
    let newer = crash_image(&path, "newer.db");
    drop(store);
    // An older copy comes to the place of a newer one.
    std::fs::copy(beside(&newer, "-durable"), beside(&image, "-durable")).expect("it can be copied");
    let told = refusal(&image, options());
    let (told, when) = (&told, regex::Regex::new(r"\d{4}-\d\d-\d\dT[\d:.]+Z").unwrap());
    insta::assert_snapshot!(when.replace_all(told, "[when]"), @"the store is unusable: store.db lacks the last 1 of 2 committed steps, made between [when] and [when]: its write-ahead log was damaged or removed, or an older copy was put in its place. Restore the file from a backup, or accept the loss by deleting store.db-durable");
    std::fs::remove_file(beside(&image, "-durable")).expect("it can be removed");
    assert_eq!(progress(&open(&image), HERE).await, (0, 3));
    // From here on it counts anew.
    append(&open(&image), entries(HERE, 1)).await;
    assert_eq!(progress(&open(&image), HERE).await, (0, 4));
    // The log alone is gone.
    std::fs::remove_file(beside(&newer, "-wal")).expect("it can be removed");
    let told = refusal(&newer, options());
    assert!(told.contains("lacks the last 2 of 2 committed steps"), "{told}");
}
