//! What strangers make the store do, and what waits while it does nothing: over a Redis that counts what it is asked, and that can be
//! stopped for a moment.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use futures::future::join_all;

use crate::harness::Server;
use crate::harness::http::Connection;
use crate::harness::server::ADMIN_TOKEN;
use crate::redis_server::Server as Redis;

async fn start(directory: &Path, redis: &Redis, limits: &str) -> Server {
    Server::start(directory, |address: SocketAddr| {
        format!(
            "server: {{ listen: '{address}', admin_token: {ADMIN_TOKEN}, limits: {{ {limits} }} }}\n\
             store: {{ redis: {{ url: '{}' }} }}\n\
             sources: {{ web: {{ write_key: store-web-key }} }}\n",
            redis.url()
        )
    })
    .await
}

/// How often Redis was asked each command so far.
fn asked(redis: &Redis) -> BTreeMap<String, u64> {
    let text = redis.cli(&["info", "commandstats"]);
    let count = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
    };
    text.lines().filter_map(count).collect()
}

async fn get(address: SocketAddr, path: &str) -> u16 {
    let mut connection = Connection::open(address).await.expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n");
    connection.exchange(request.as_bytes()).await.expect("an answer")
}

/// `/metrics` reads every list of the store, and `/ready` writes to it to see whether it takes anything: for all who ask within a second
/// once. Both are open to everybody.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_how_it_is_asks_the_store_no_more_often_than_once_a_second() {
    let (directory, redis) = (tempfile::tempdir().unwrap(), Redis::start(&[]));
    let server = start(directory.path(), &redis, "").await;
    let shards = 16;
    for (path, times) in [("/metrics", 300_u64), ("/ready", 300)] {
        // As long as one answer is good, nothing that it asks is left over from before.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let before = asked(&redis);
        let began = Instant::now();
        assert!(join_all((0..times).map(|_| get(server.address(), path))).await.iter().all(|status| *status == 200));
        let seconds = began.elapsed().as_secs() + 2;
        let after = asked(&redis);
        let more = |name: &str| after.get(name).copied().unwrap_or(0) - before.get(name).copied().unwrap_or(0);
        let scans = more("smembers");
        assert!(
            scans <= seconds * shards,
            "{path}: {scans} lists of names were read for {times} requests in {seconds} s"
        );
        // The owners of shards ask as well, at their own pace.
        let all: u64 = after.keys().filter(|name| !name.starts_with("xread")).map(|name| more(name)).sum();
        assert!(all < times + seconds * 100, "{path}: {all} commands for {times} requests: {before:?} {after:?}");
        let pings = ["get", "hget", "hgetall", "eval", "evalsha", "fcall", "ping"].map(more).into_iter().max();
        assert!(pings < Some(times / 3), "{path}: {before:?} {after:?}");
    }
}

fn gzip(body: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

/// 2,500 calls of 42 bytes each become events that take ten times as much, and are held until the store has them: that is what counts
/// as under way, not the text.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_the_store_counts_as_what_it_became() {
    let (directory, redis) = (tempfile::tempdir().unwrap(), Redis::start(&[]));
    let server = start(directory.path(), &redis, "request: 1MB, signed_request: 1MB, bodies_per_address: 4MB").await;
    let calls = r#"{"type":"track","userId":"u","event":"e"},"#.repeat(2_500);
    let text = format!("[{}]", calls.trim_end_matches(','));
    assert!(8 * text.len() < 1 << 20, "all that is sent fits four times: {}", text.len());
    let body = gzip(&text);
    let head = format!(
        "POST /v1/batch?writeKey=store-web-key HTTP/1.1\r\nHost: t\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let request = [head.into_bytes(), body].concat();
    redis.signal("STOP");
    let attack: Vec<_> = (0..8)
        .map(|_| {
            let (address, request) = (server.address(), request.clone());
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await.expect("it listens");
                connection.exchange(&request).await.expect("an answer")
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    redis.signal("CONT");
    let answers: Vec<u16> = join_all(attack).await.into_iter().map(|answer| answer.expect("it ends")).collect();
    assert!(answers.contains(&429), "all of it was held: {answers:?}");
    assert!(answers.iter().all(|status| [200, 429, 503].contains(status)), "{answers:?}");
    let mut connection = Connection::open(server.address()).await.expect("it listens");
    let last = crate::harness::eventually("it is taken again", Duration::from_secs(10), async || {
        (connection.exchange(&request).await.ok()? == 200).then_some(())
    });
    last.await;
}
