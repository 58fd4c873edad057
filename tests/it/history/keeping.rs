//! What is kept, what is forgotten, and what happens when it can't be kept.

use std::time::Duration;

use handraiser::apply::Past;
use handraiser::event::Call;
use handraiser::ids::RecordKey;
use serde_json::json;

use super::{archive, hasty, in_segments, past, told};
use crate::desk::Desk;
use crate::harness::eventually;

pub const COUNTERS: &str = "
counters: { tasks: { of: account, event: Task Created } }
definitions: [ { name: busy, of: account, intent: [ tasks >= 1000000 ] } ]
";
pub const PATIENT: Duration = Duration::from_secs(30);

/// Waits until all that was counted is in segments.
pub async fn archived(desk: &Desk) {
    desk.settle().await;
    eventually("all of the past is in segments", PATIENT, async || {
        let waiting = desk.engine.status().archiving.expect("there is an archive").waiting_bytes;
        (waiting == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn each_event_is_kept_for_whom_it_was_counted() {
    let (_directory, archive) = archive();
    let desk = Desk::archived(COUNTERS, hasty(&archive));
    desk.send(vec![desk.visit("anon-1"), desk.visit("anon-1")]).await;
    desk.send(vec![desk.identify("ana", "anon-1")]).await;
    desk.group("ana", "acme", json!({"name": "Acme"})).await;
    let again = desk.track("ana", "Task Created");
    desk.send(vec![again.clone()]).await;
    desk.send(vec![again]).await;
    archived(&desk).await;
    let told = told(&past(&archive, &desk.store).await);
    let of =
        |key: &RecordKey| told.iter().filter(|((of, _), _)| of == key).map(|(_, times)| *times).collect::<Vec<_>>();
    assert_eq!(of(&RecordKey::user("anon-1")), [1, 1]);
    assert_eq!(of(&RecordKey::user("ana")), [1, 1, 1], "identify, group, and one task, though it was sent twice");
    // The visits waited for their account, and were counted for it once it was known.
    assert_eq!(of(&RecordKey::account("acme")).iter().sum::<usize>(), 4, "{told:?}");
    let all = past(&archive, &desk.store).await;
    let same: Vec<_> = all
        .iter()
        .flat_map(|block| &block.rows)
        .filter_map(|row| match &row.past {
            Past::Same { from, to } => Some((row.of.to_string(), from.to_string(), to.to_string())),
            _ => None,
        })
        .collect();
    assert!(same.contains(&("user:ana".to_owned(), "anon-1".to_owned(), "ana".to_owned())), "{same:?}");
}

#[tokio::test]
async fn forgetting_reaches_the_archive() {
    let (directory, archive) = archive();
    let desk = Desk::archived(COUNTERS, hasty(&archive));
    for user in ["ada-77", "ben"] {
        desk.send(vec![desk.visit(&format!("anon-of-{user}"))]).await;
        desk.send(vec![desk.identify(user, &format!("anon-of-{user}"))]).await;
        desk.group(user, "acme", json!({})).await;
        desk.track_times(user, "Task Created", 3).await;
    }
    archived(&desk).await;
    assert!(told(&past(&archive, &desk.store).await).keys().any(|(of, _)| *of.id == *"ada-77"));
    desk.engine.forget(&RecordKey::user("ada-77")).await.expect("forgets").expect("is known");
    let names = |text: &str| text.contains("ada-77");
    let all = format!("{:?}", past(&archive, &desk.store).await);
    // What waits in the store is told by nobody but this test.
    archived(&desk).await;
    eventually("no file names them", PATIENT, async || {
        let segments = desk.store.shards().all().flat_map(|shard| archive.segments(shard).expect("segments"));
        let clear = segments.into_iter().all(|segment| {
            let bytes = std::fs::read(archive.root().join(segment.path())).unwrap_or_default();
            let mut text = String::new();
            let read = std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(&bytes[..]), &mut text);
            read.is_ok() && !names(&text)
        });
        clear.then_some(())
    })
    .await;
    let told = told(&past(&archive, &desk.store).await);
    assert!(told.keys().any(|(of, _)| *of == RecordKey::user("ben")), "{all}");
    assert_eq!(told.keys().filter(|(of, _)| *of == RecordKey::account("acme")).count(), 5, "{told:?}");

    // Somebody whom only the archive knows is forgotten there.
    let before = told.len();
    desk.engine.forget(&RecordKey::user("who-left-long-ago")).await.expect("forgets").expect("may be known");
    assert_eq!(super::told(&past(&archive, &desk.store).await).len(), before);

    // A deletion request that comes as an event does the same.
    desk.send(vec![desk.event(Call::Delete, "ben")]).await;
    archived(&desk).await;
    let shards = desk.store.shards();
    assert!(shards.all().all(|shard| !format!("{:?}", in_segments(&archive, shard)).contains("\"ben\"")));
    drop(directory);
}

#[tokio::test]
async fn a_directory_that_cant_be_written_holds_nobody_up_and_loses_nothing() {
    let (directory, archive) = archive();
    let desk = Desk::archived(COUNTERS, hasty(&archive));
    desk.track_times("ana", "Task Created", 2).await;
    archived(&desk).await;
    // In the way of every shard.
    let (root, away) = (directory.path().join("history"), directory.path().join("away"));
    std::fs::rename(&root, &away).expect("it can be moved");
    std::fs::write(&root, "no directory").expect("it can be written");
    desk.track_times("ana", "Task Created", 2).await;
    let status = eventually("the failure is told", PATIENT, async || {
        desk.engine.status().archiving.filter(|archiving| archiving.error.is_some())
    })
    .await;
    assert!(status.waiting_bytes > 0 && !status.blocked, "{status:?}");
    desk.track_times("ana", "Task Created", 2).await;
    std::fs::remove_file(&root).expect("it can be removed");
    std::fs::rename(&away, &root).expect("it can be moved back");
    archived(&desk).await;
    eventually("the failure is over", PATIENT, async || {
        desk.engine.status().archiving.is_some_and(|archiving| archiving.error.is_none()).then_some(())
    })
    .await;
    let told = told(&past(&archive, &desk.store).await);
    assert_eq!(told.len(), 6);
    assert!(told.values().all(|times| *times == 1), "{told:?}");
}
