//! An archive in a bucket: the same as in a directory, whatever of it fails.

use std::sync::Arc;

use handraiser::ids::RecordKey;
use handraiser::store::MemoryStore;
use handraiser::time::{Clock, Millis};
use serde_json::json;

use super::keeping::{COUNTERS, PATIENT, archived};
use super::killed::{campaign, options};
use super::{filling, hasty, past, told};
use crate::desk::Desk;
use crate::harness::eventually;
use crate::standins::bucket::StandInBucket;

fn is_segment(key: &str) -> bool {
    key.rsplit_once('.').is_some_and(|(_, ending)| ending == "gz")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_forgotten_leaves_the_bucket_and_old_days_do() {
    let bucket = StandInBucket::start();
    let archive = bucket.archive("eu/handraiser");
    let desk = Desk::archived(COUNTERS, hasty(&archive));
    for user in ["ada-77", "ben"] {
        desk.group(user, "acme", json!({})).await;
        desk.track_times(user, "Task Created", 3).await;
    }
    archived(&desk).await;
    assert_eq!(told(&past(&archive, &desk.store).await).len(), 16);
    assert!(bucket.objects().keys().all(|key| key.starts_with("eu/handraiser/s")), "{:?}", bucket.objects().keys());
    // Another archive in the same bucket knows nothing of it.
    assert_eq!(bucket.archive("eu/hand").shards().expect("it can be listed"), []);
    desk.engine.forget(&RecordKey::user("ada-77")).await.expect("forgets").expect("is known");
    archived(&desk).await;
    eventually("no object names them", PATIENT, async || {
        let clear = bucket.objects().iter().filter(|(key, _)| is_segment(key)).all(|(_, bytes)| {
            let mut text = String::new();
            let read = std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(&bytes[..]), &mut text);
            read.is_ok() && !text.contains("ada-77")
        });
        clear.then_some(())
    })
    .await;
    assert_eq!(told(&past(&archive, &desk.store).await).len(), 8, "what ben did, for himself and for acme");
    let tomorrow = Clock::System.now().plus(365 * Millis::DAY);
    for shard in archive.shards().expect("it can be listed") {
        archive.tidy(shard, Some(tomorrow), tomorrow).expect("it can be deleted");
    }
    assert!(bucket.objects().keys().all(|key| !is_segment(key)), "{:?}", bucket.objects().keys());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_is_away_holds_nobody_up_and_loses_nothing() {
    let bucket = StandInBucket::start();
    bucket.is_away(true);
    let archive = bucket.archive("");
    let desk = Desk::archived(COUNTERS, hasty(&archive));
    desk.track_times("ana", "Task Created", 2).await;
    let status = eventually("the failure is told", PATIENT, async || {
        desk.engine.status().archiving.filter(|archiving| archiving.error.is_some())
    })
    .await;
    assert!(status.waiting_bytes > 0 && !status.blocked, "{status:?}");
    assert!(status.error.as_ref().is_some_and(|error| error.starts_with("s3://events")), "{status:?}");
    desk.track_times("ana", "Task Created", 2).await;
    bucket.is_away(false);
    archived(&desk).await;
    let told = told(&past(&archive, &desk.store).await);
    assert_eq!((told.len(), told.values().all(|times| *times == 1)), (4, true), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_are_killed_and_a_bucket_that_fails() {
    let bucket = StandInBucket::start();
    bucket.fails_every(5);
    campaign(Arc::new(MemoryStore::new(options())), &bucket.archive("all"), 3, 40).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_counter_sees_the_past_in_a_bucket() {
    let bucket = StandInBucket::start();
    bucket.fails_every(11);
    let store = Arc::new(MemoryStore::new(options()));
    filling::campaign(store, &bucket.archive("all"), 1, 40, &[(25, filling::AFTER)]).await;
}
