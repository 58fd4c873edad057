//! A Redis that comes back with less than it had, while nothing happens: whoever reads on behind what is no more would count nothing for
//! as long as it takes until there is as much again, and everybody who asks would be told that all is done.

use std::time::Duration;

use serde_json::{Value, json};

use super::servers::{Host, PATIENT, task};
use crate::harness::eventually;
use crate::redis_server::Server as Redis;

/// Entries in one log, of which a lost Redis has none.
const SENT: usize = 40;

async fn on(redis: &Redis) -> Host {
    Host::start(&format!("{{ redis: {{ url: \"{}\" }} }}", redis.url()), "backlog: 100").await
}

async fn send_each(host: &Host, ids: std::ops::Range<usize>) {
    for id in ids {
        host.send(&[task("ana", id)]).await;
    }
}

/// Nothing is sent before the server has nothing more to do.
async fn is_idle(host: &Host) {
    let lag = async || host.server.admin("/engine").await.expect("it answers")["lag_entries"].clone();
    eventually("no lag", PATIENT, async || (lag().await == json!(0)).then_some(())).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
}

/// What one more event finds: it counts, and who asks for it waits until it does.
async fn counts(host: &Host, id: usize, expected: usize) {
    host.send(&[task("ana", id)]).await;
    // With a barrier, so that it need not be asked twice.
    assert_eq!(host.tasks("ana").await.as_f64(), Some(expected as f64), "{}", host.server.log());
    let status = host.server.admin("/engine").await.expect("it answers");
    assert_eq!(status["lag_entries"], json!(0), "{status}");
    assert!(host.server.log().contains("less than it had"), "{}", host.server.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_server_counts_on_when_redis_came_back_empty() {
    let mut redis = Redis::start(&[]);
    let host = on(&redis).await;
    send_each(&host, 0..SENT).await;
    assert_eq!(host.tasks("ana").await.as_f64(), Some(SENT as f64));
    is_idle(&host).await;
    tokio::task::block_in_place(|| redis.restart_empty());
    counts(&host, SENT, 1).await;
    // The owner is at work again: events are not only counted when somebody asks.
    send_each(&host, SENT + 1..SENT + 5).await;
    let eventual = async || host.server.admin("/explain/user/ana?consistency=eventual").await;
    eventually("what was sent is counted", PATIENT, async || {
        let counted: Value = eventual().await?["counters"]["tasks"].clone();
        (counted.as_f64() == Some(5.0)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_server_counts_on_when_redis_came_back_with_an_older_file() {
    let mut redis = Redis::start(&["--dbfilename", "older.rdb"]);
    let host = on(&redis).await;
    send_each(&host, 0..SENT / 2).await;
    assert_eq!(host.tasks("ana").await.as_f64(), Some(SENT as f64 / 2.0));
    assert_eq!(redis.cli(&["save"]), "OK");
    send_each(&host, SENT / 2..SENT).await;
    assert_eq!(host.tasks("ana").await.as_f64(), Some(SENT as f64));
    is_idle(&host).await;
    tokio::task::block_in_place(|| redis.restart());
    counts(&host, SENT, SENT / 2 + 1).await;
    // What was lost is sent again, and known from what was kept.
    send_each(&host, 0..SENT).await;
    assert_eq!(host.tasks("ana").await.as_f64(), Some(SENT as f64 + 1.0));
}
