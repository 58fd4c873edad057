//! Logs: appending, reading, waiting.

use std::sync::Arc;
use std::time::{Duration, Instant};

use handraiser::ids::{Position, ShardId};
use handraiser::store::*;

use super::support::*;

pub async fn entries_are_read_in_order_with_dense_positions(store: &SharedStore) {
    for batch in 0..3 {
        let mixed = (0..4).flat_map(|n| {
            [entry(HERE, format!("here {}", batch * 4 + n)), entry(THERE, format!("there {}", batch * 4 + n))]
        });
        let first = batch * 4 + 1;
        let expected: Vec<_> = (first..first + 4).flat_map(|n| [n, n]).collect();
        assert_eq!(append(store, mixed.collect()).await, expected);
    }
    for (shard, name) in [(HERE, "here"), (THERE, "there")] {
        let found = read(store, shard, 0, PLENTY, SOON).await;
        let expected: Vec<_> = (0..12).map(|n| (n + 1, format!("{name} {n}"))).collect();
        assert_eq!(found.iter().map(|entry| entry.position.0).zip(texts(&found)).collect::<Vec<_>>(), expected);
    }
}

pub async fn an_empty_append_is_fine(store: &SharedStore) {
    assert_eq!(append(store, Vec::new()).await, Vec::<u64>::new());
    assert_eq!(progress(store, HERE).await, (0, 0));
}

pub async fn payloads_come_back_byte_for_byte(store: &SharedStore) {
    let every_byte: Vec<u8> = (0..=255).collect();
    let payloads: Vec<Vec<u8>> = vec![
        Vec::new(),
        vec![0],
        every_byte.clone(),
        b"\r\n*3\r\n$-1\r\n".to_vec(),
        every_byte.into_iter().cycle().take(300_000).collect(),
        "ünïcode 🙋\n\"'{}:".into(),
    ];
    append(store, payloads.iter().map(|payload| entry(HERE, payload)).collect()).await;
    let found = arrived(store, HERE, 0, payloads.len()).await;
    for (found, sent) in found.iter().zip(&payloads) {
        assert!(found.payload == *sent, "entry {} of {} bytes came back changed", found.position, sent.len());
    }
}

pub async fn a_read_begins_where_it_is_told(store: &SharedStore) {
    append(store, entries(HERE, 10)).await;
    for after in [0, 1, 5, 9] {
        let found = read(store, HERE, after, PLENTY, SOON).await;
        let positions: Vec<_> = found.iter().map(|entry| entry.position.0).collect();
        assert_eq!(positions, (after + 1..=10).collect::<Vec<_>>(), "after {after}");
    }
    for after in [10, 11, 1_000] {
        assert_eq!(read(store, HERE, after, PLENTY, Duration::ZERO).await, Vec::new(), "after {after}");
    }
    let found = store.read(&[], PLENTY, Duration::ZERO).await.expect("nothing can be read");
    assert_eq!(found, Vec::new());
}

pub async fn a_read_respects_its_bound_and_gives_one_at_least(store: &SharedStore) {
    let thousand = vec![b'x'; 1_000];
    for shard in [HERE, THERE] {
        append(store, (0..100).map(|_| entry(shard, &thousand)).collect()).await;
    }
    let after = [(HERE, Position(0)), (THERE, Position(50))];
    for (max_bytes, least, most) in [(0, 1, 2), (1, 1, 2), (999, 1, 2), (10_000, 5, 20), (30_500, 15, 45)] {
        let found = store.read(&after, max_bytes, SOON).await.expect("the log can be read");
        assert_eq!(found.iter().map(|(shard, _)| *shard).collect::<Vec<_>>(), [HERE, THERE]);
        for (of, after) in after {
            let (_, entries) = found.iter().find(|(shard, _)| *shard == of).expect("both are there");
            let positions: Vec<_> = entries.iter().map(|entry| entry.position.0).collect();
            assert_eq!(positions, (after.0 + 1..=after.0 + entries.len() as u64).collect::<Vec<_>>());
            assert!((least..=most).contains(&entries.len()), "{} entries for {max_bytes} bytes", entries.len());
        }
    }
}

pub async fn a_long_log_is_read_in_pages(store: &SharedStore) {
    for shard in [HERE, THERE] {
        append(store, entries(shard, 5_000)).await;
    }
    let (mut after, mut pages) = (0, 0);
    while after < 5_000 {
        let page = read(store, HERE, after, 4_096, SOON).await;
        assert!(!page.is_empty(), "nothing follows {after}");
        for entry in page {
            assert_eq!((entry.position.0, &*entry.payload), (after + 1, format!("entry {after}").as_bytes()));
            after += 1;
        }
        pages += 1;
    }
    assert!(pages >= 5, "{pages} pages");
}

/// A page ends before an entry that has no room, also when a later one would have.
pub async fn pages_of_mixed_sizes_leave_no_holes(store: &SharedStore) {
    let sizes = [10, 3_000, 10, 10, 3_000, 2_500, 10];
    for round in 0..30 {
        let sizes = sizes.iter().cycle().skip(round).take(round % 3 + 1);
        append(store, sizes.map(|size| entry(HERE, "x".repeat(*size))).collect()).await;
    }
    let end = progress(store, HERE).await.1;
    let mut after = 0;
    while after < end {
        for entry in read(store, HERE, after, 4_000, SOON).await {
            assert_eq!(entry.position.0, after + 1);
            after += 1;
        }
    }
}

pub async fn a_read_of_nothing_waits_and_gives_up(store: &SharedStore) {
    append(store, entries(HERE, 3)).await;
    let started = Instant::now();
    assert_eq!(read(store, HERE, 3, PLENTY, Duration::ZERO).await, Vec::new());
    assert!(started.elapsed() < SOON, "no wait was asked for");
    let started = Instant::now();
    assert_eq!(read(store, HERE, 3, PLENTY, Duration::from_millis(300)).await, Vec::new());
    assert!(started.elapsed() >= Duration::from_millis(250), "it waited only {:?}", started.elapsed());
    assert!(started.elapsed() < SOON, "it waited {:?}", started.elapsed());
}

/// Starts a long read of both shards, lets it wait, and gives what it found and how long that took from `happens` on.
async fn woken(store: &SharedStore, happens: impl Future<Output = ()>) -> Vec<(ShardId, Vec<String>)> {
    let waiting = {
        let store = Arc::clone(store);
        tokio::spawn(async move { store.read(&[(HERE, Position(0)), (THERE, Position(0))], PLENTY, 3 * SOON).await })
    };
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished(), "there was nothing to read");
    let started = Instant::now();
    happens.await;
    let found = waiting.await.expect("the read ends").expect("the log can be read");
    assert!(started.elapsed() < SOON, "it took {:?} to wake up", started.elapsed());
    let found = found.into_iter().filter(|(_, entries)| !entries.is_empty());
    found.map(|(shard, entries)| (shard, texts(&entries))).collect()
}

pub async fn a_read_wakes_when_something_is_appended(store: &SharedStore) {
    let found = woken(store, async { drop(append(store, vec![entry(HERE, "news")]).await) }).await;
    assert_eq!(found, [(HERE, vec!["news".to_owned()])]);
}

pub async fn a_read_wakes_for_any_of_its_shards(store: &SharedStore) {
    // Of no interest to the read; must not make it return with nothing.
    append(store, vec![entry(ShardId(0), "elsewhere")]).await;
    let found = woken(store, async { drop(append(store, vec![entry(THERE, "news")]).await) }).await;
    assert_eq!(found, [(THERE, vec!["news".to_owned()])]);
}

pub async fn a_read_wakes_for_a_message(store: &SharedStore) {
    let messages = vec![entry(HERE, "message")];
    let found = woken(store, ok(store, Commit { messages, ..stay(ShardId(1)) })).await;
    assert_eq!(found, [(HERE, vec!["message".to_owned()])]);
}

pub async fn positions_are_never_used_again(store: &SharedStore) {
    assert_eq!(append(store, entries(HERE, 5)).await, [1, 2, 3, 4, 5]);
    ok(store, step(0, 3)).await;
    let found = read(store, HERE, 3, PLENTY, SOON).await;
    assert_eq!(texts(&found), ["entry 3", "entry 4"], "what was not applied stays");
    ok(store, step(3, 5)).await;
    assert_eq!(read(store, HERE, 5, PLENTY, Duration::ZERO).await, Vec::new());
    assert_eq!(append(store, entries(HERE, 2)).await, [6, 7], "although everything before was passed");
    assert_eq!(texts(&read(store, HERE, 5, PLENTY, SOON).await), ["entry 0", "entry 1"]);
    assert_eq!(progress(store, HERE).await, (5, 7));
}

pub async fn progress_is_told_in_the_order_asked_for(store: &SharedStore) {
    append(store, entries(HERE, 4)).await;
    append(store, entries(THERE, 2)).await;
    ok(store, step(0, 3)).await;
    let found = store.progress(&[THERE, ShardId(0), HERE]).await.expect("the progress can be read");
    let found: Vec<_> = found.into_iter().map(|progress| (progress.position.0, progress.end.0)).collect();
    assert_eq!(found, [(0, 2), (0, 0), (3, 4)]);
    assert_eq!(store.progress(&[]).await.expect("nothing can be read"), Vec::new());
}

pub async fn the_store_answers(store: &SharedStore) {
    store.ping().await.expect("it answers");
    assert_eq!(store.shards(), super::options().shards);
    store.warnings().await;
    store.close().await.expect("it closes");
}
