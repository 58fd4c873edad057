//! What goes wrong with a Redis, and that nothing acknowledged is lost or doubled by it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use handraiser::ids::{Position, RecordKey, ShardId, Shards};
use handraiser::secret::Secret;
use handraiser::store::*;
use handraiser::time::Clock;

use crate::redis_server::{Server, await_that};
use crate::small_engine::{Owners, PATIENT, answers_again, everything_counted_once, senders};

fn settings(server: &Server, durability: Durability) -> RedisSettings {
    RedisSettings::new(vec![Secret::new(&server.url())], false, durability)
}

async fn open(settings: RedisSettings) -> Result<SharedStore, StoreError> {
    let options = StoreOptions { shards: Shards::new(8).expect("8 is not zero"), ..StoreOptions::default() };
    Ok(Arc::new(RedisStore::open(settings, options).await?))
}

async fn opened(server: &Server) -> SharedStore {
    open(settings(server, Durability::Redis)).await.expect("the store opens")
}

fn append(shard: u16, text: &str) -> Vec<Append> {
    vec![Append { shard: ShardId(shard), payload: text.to_owned().into() }]
}

fn stay(shard: u16) -> Commit {
    Commit::new(ShardId(shard), Position(0), Position(0), Clock::System.now())
}

/// Appends until the store takes it, as a sender does that repeats.
async fn append_at_last(store: &SharedStore, shard: u16, text: &str) {
    let start = Instant::now();
    while let Err(error) = store.append(append(shard, text)).await {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert!(start.elapsed() < PATIENT, "still {error}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_it_loses_nothing_and_doubles_nothing() {
    let mut server = Server::durable();
    let store = open(settings(&server, Durability::Fsync)).await.expect("the store opens");
    let (owners, tasks) = (Owners::start(&store), senders(&store, 150));
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(80)).await;
        tokio::task::block_in_place(|| server.restart());
    }
    tasks.join_all().await;
    everything_counted_once(&store, 150).await;
    owners.stop().await;
}

/// Redis cuts such a file off in the wrong place, and would do the half at its second start from then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_commit_that_it_was_killed_in_never_happens() {
    let is_written_anew = |server: &Server| {
        let info = server.cli(&["info", "persistence"]);
        info.contains("aof_rewrite_in_progress:0") && !info.contains("aof_rewrites:0")
    };
    let mut server = Server::durable();
    let store = opened(&server).await;
    tokio::task::block_in_place(|| await_that("its file is written anew", || is_written_anew(&server)));
    let shard = ShardId(0);
    let mut keys = (0..).map(|n| RecordKey::user(&format!("u{n}"))).filter(|key| store.shards().of(key) == shard);
    let (torn, whole) = (keys.next().expect("there is one"), keys.next().expect("there is one"));
    let record =
        |key: &RecordKey| RecordWrite { key: key.clone(), text: Some("n 1".into()), was_listed: None, listed: None };
    store.commit(vec![Commit { records: vec![record(&torn)], ..stay(0) }]).await.expect("it is up");
    tokio::task::block_in_place(|| {
        server.kill();
        server.tear_append_only_file(10);
        server.restart();
        await_that("its file is written anew", || is_written_anew(&server));
    });
    append_at_last(&store, 0, "later").await;
    store.commit(vec![Commit { records: vec![record(&whole)], ..stay(0) }]).await.expect("it is up");
    tokio::task::block_in_place(|| server.restart());
    append_at_last(&store, 0, "last").await;
    let found = store.load(&[torn, whole]).await.expect("it is up");
    assert_eq!(found, [None, Some("n 1".into())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_connections_lose_nothing_and_double_nothing() {
    let server = Server::start(&[]);
    let store = opened(&server).await;
    let (owners, tasks) = (Owners::start(&store), senders(&store, 150));
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(15)).await;
        tokio::task::block_in_place(|| server.cli(&["client", "kill", "type", "normal", "skipme", "yes"]));
    }
    tasks.join_all().await;
    everything_counted_once(&store, 150).await;
    owners.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_again_and_again_it_does_nothing_late() {
    let server = Server::start(&[]);
    let mut settings = settings(&server, Durability::Redis);
    // Answers are given up that come all the same, and what was sent is done after it was given up.
    settings.response_timeout = Duration::from_millis(60);
    let store = open(settings).await.expect("the store opens");
    let (owners, tasks) = (Owners::start(&store), senders(&store, 150));
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(40)).await;
        server.signal("STOP");
        tokio::time::sleep(Duration::from_millis(150)).await;
        server.signal("CONT");
    }
    tasks.join_all().await;
    everything_counted_once(&store, 150).await;
    owners.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owners_that_know_nothing_of_each_other_double_nothing() {
    let server = Server::start(&[]);
    let (one, two) = (opened(&server).await, opened(&server).await);
    let owners = [Owners::start(&one), Owners::start(&two)];
    senders(&one, 60).join_all().await;
    everything_counted_once(&one, 60).await;
    for owners in owners {
        owners.stop().await;
    }
}

#[tokio::test]
async fn forgotten_scripts_are_loaded_again_unnoticed() {
    let server = Server::start(&[]);
    let store = opened(&server).await;
    for n in 1..=5 {
        assert_eq!(server.cli(&["script", "flush"]), "OK");
        store.append(append(3, "event")).await.expect("a flush of scripts is not felt");
        let commit = Commit::new(ShardId(3), Position(n - 1), Position(n), Clock::System.now());
        store.commit(vec![commit]).await.expect("a flush of scripts is not felt");
    }
    assert_eq!(store.progress(&[ShardId(3)]).await.expect("it answers")[0].position, Position(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_is_down_calls_fail_soon_and_afterwards_they_work() {
    let mut server = Server::durable();
    let store = opened(&server).await;
    append_at_last(&store, 3, "1").await;
    server.kill();
    let start = Instant::now();
    while store.append(append(3, "2")).await.is_ok() {
        assert!(start.elapsed() < PATIENT, "a dead redis answers");
    }
    let failing = Instant::now();
    for _ in 0..100 {
        let error = store.append(append(3, "2")).await.expect_err("it is down");
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        let error = store.commit(vec![stay(3)]).await.expect_err("it is down");
        assert!(matches!(error, CommitError::Store(StoreError::Unavailable(_))), "{error}");
    }
    assert!(failing.elapsed() < Duration::from_secs(3), "two hundred calls took {:?}", failing.elapsed());
    tokio::task::block_in_place(|| server.restart());
    answers_again(&store).await;
    append_at_last(&store, 3, "3").await;
    let found = store.read(&[(ShardId(3), Position(0))], 1 << 20, Duration::ZERO).await.expect("it is up");
    let texts: Vec<_> = found[0].1.iter().map(|entry| entry.payload.clone()).collect();
    assert_eq!(texts, ["1", "3"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_redis_is_given_up_in_time_and_found_again() {
    let server = Server::start(&[]);
    let mut settings = settings(&server, Durability::Redis);
    settings.response_timeout = Duration::from_millis(500);
    let store = open(settings).await.expect("the store opens");
    server.signal("STOP");
    let start = Instant::now();
    let error = store.append(append(3, "1")).await.expect_err("it is frozen");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    let reading = store.read(&[(ShardId(3), Position(0))], 1 << 20, Duration::from_millis(100)).await;
    assert!(reading.is_err());
    assert!(start.elapsed() < Duration::from_secs(3), "took {:?}", start.elapsed());
    server.signal("CONT");
    answers_again(&store).await;
    append_at_last(&store, 3, "2").await;
}

#[tokio::test]
async fn a_redis_that_became_a_replica_is_left_until_it_is_a_master() {
    let (server, other) = (Server::start(&[]), Server::start(&[]));
    let store = opened(&server).await;
    append_at_last(&store, 3, "1").await;
    let address = other.address();
    server.cli(&["replicaof", &address.ip().to_string(), &address.port().to_string()]);
    let error = store.append(append(3, "2")).await.expect_err("a replica takes no writes");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    server.cli(&["replicaof", "no", "one"]);
    answers_again(&store).await;
    append_at_last(&store, 3, "3").await;
}

#[tokio::test]
async fn a_flush_of_all_data_begins_the_store_anew() {
    let server = Server::start(&[]);
    let store = opened(&server).await;
    append_at_last(&store, 3, "1").await;
    let from_to = |from, to| Commit::new(ShardId(3), Position(from), Position(to), Clock::System.now());
    store.commit(vec![from_to(0, 1)]).await.expect("it is up");
    server.cli(&["flushall"]);
    let error = store.commit(vec![from_to(1, 1)]).await.expect_err("there is nothing");
    assert!(matches!(error, CommitError::Store(StoreError::Unavailable(_))), "{error}");
    let start = Instant::now();
    while store.commit(vec![from_to(1, 1)]).await != Err(CommitError::Moved(vec![ShardId(3)])) {
        assert!(start.elapsed() < PATIENT, "it is not made again");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(store.append(append(3, "1")).await, Ok(vec![Position(1)]));
    store.commit(vec![from_to(0, 1)]).await.expect("it counts anew");
    assert_eq!(server.cli(&["hget", "hr:meta", "shards"]), "8");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_comes_back_with_another_store_is_refused() {
    let mut server = Server::start(&[]);
    let store = opened(&server).await;
    tokio::task::block_in_place(|| {
        server.kill();
        server.restart_empty();
        server.cli(&["hset", "hr:meta", "format", "2", "shards", "32"]);
    });
    let start = Instant::now();
    loop {
        match store.ping().await {
            Err(error) if error.to_string().contains("32 shards") => break,
            other => assert!(start.elapsed() < PATIENT, "{other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_comes_back_less_durable_is_refused() {
    let mut server = Server::durable();
    let store = open(settings(&server, Durability::Fsync)).await.expect("the store opens");
    server.cli(&["config", "set", "appendfsync", "everysec"]);
    server.cli(&["client", "kill", "type", "normal", "skipme", "yes"]);
    let start = Instant::now();
    loop {
        match store.append(append(3, "1")).await {
            Err(error) if error.to_string().contains("appendfsync") => break,
            other => assert!(start.elapsed() < PATIENT, "{other:?}"),
        }
    }
    assert_eq!(server.cli(&["config", "set", "appendfsync", "always"]), "OK");
    append_at_last(&store, 3, "2").await;
    tokio::task::block_in_place(|| server.restart());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_and_commits_wait_for_replicas() {
    let master = Server::start(&["--repl-diskless-sync-delay", "0"]);
    let to = [master.address().ip().to_string(), master.address().port().to_string()];
    let replica = Server::start(&["--replicaof", &format!("{} {}", to[0], to[1])]);
    let mut settings = settings(&master, Durability::Replicas(1));
    settings.response_timeout = Duration::from_millis(800);
    let store = open(settings).await.expect("the store opens");
    let (owners, tasks) = (Owners::start(&store), senders(&store, 20));
    tasks.join_all().await;
    everything_counted_once(&store, 20).await;
    owners.stop().await;

    replica.signal("STOP");
    let error = store.append(append(3, "1")).await.expect_err("no replica has it");
    assert!(error.to_string().contains("replicas"), "{error}");
    let error = store.commit(vec![stay(7)]).await.expect_err("no replica has it");
    assert!(error.to_string().contains("replicas"), "{error}");
    replica.signal("CONT");
    append_at_last(&store, 3, "2").await;
}
