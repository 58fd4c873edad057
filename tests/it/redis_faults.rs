//! What goes wrong with a Redis, and that nothing acknowledged is lost or doubled by it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use handraiser::cdp::MessageHash;
use handraiser::cdp::source::Secret;
use handraiser::config::Durability;
use handraiser::identity::{Partitions, RecordKey};
use handraiser::store::{
    Commit, CommitError, FieldList, Note, RedisSettings, RedisStore, SharedStore, StoreError, StoreOptions, Write,
};
use handraiser::time::{Clock, Millis};
use tokio::task::JoinSet;

use crate::redis_server::{Cluster, Server};

const PATIENT: Duration = Duration::from_secs(30);

fn settings(server: &Server, durability: Durability) -> RedisSettings {
    RedisSettings::new(vec![Secret::new(&server.url())], false, durability)
}

async fn open(settings: RedisSettings) -> Result<SharedStore, StoreError> {
    let options = StoreOptions { partitions: Partitions::new(8).expect("8 is not zero"), ..StoreOptions::default() };
    Ok(Arc::new(RedisStore::open(settings, options).await?))
}

async fn opened(server: &Server) -> SharedStore {
    open(settings(server, Durability::Redis)).await.expect("the store opens")
}

fn now() -> Millis {
    Clock::System.now()
}

/// Counts one message for `key`, as the engine does: load, apply, commit. `Ok(false)`: it had been counted before.
async fn count(store: &SharedStore, key: &RecordKey, message: u128) -> Result<bool, StoreError> {
    let partition = store.partitions().of(key);
    loop {
        let before = store.load(partition, std::slice::from_ref(key)).await?.remove(0).unwrap_or_default();
        let n: u64 = before.fields.get("n").map_or(0, |n| n.parse().expect("a number was written"));
        let write = Write {
            key: key.clone(),
            expected: before.version,
            version: before.version + 1,
            set: [("n", (n + 1).to_string())].into(),
            unset: Vec::new(),
        };
        let remember = vec![(MessageHash(message), Note::NONE)];
        let commit = Commit { partition, now: now(), writes: vec![write], remember, ..Commit::default() };
        match store.commit(commit).await {
            Ok(()) => return Ok(true),
            Err(CommitError::Seen(_)) => return Ok(false),
            Err(CommitError::Conflict(_) | CommitError::Withdrawn) => {}
            Err(CommitError::LeaseLost(_)) => unreachable!("nothing is settled"),
            Err(CommitError::Store(error)) => return Err(error),
        }
    }
}

/// Counts until the store has it, as a sender does that retries.
async fn count_at_last(store: &SharedStore, key: &RecordKey, message: u128) {
    let start = Instant::now();
    while let Err(error) = count(store, key, message).await {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert!(start.elapsed() < PATIENT, "still {error}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn counted(store: &SharedStore, key: &RecordKey) -> u64 {
    let loaded = store.load(store.partitions().of(key), std::slice::from_ref(key)).await.expect("it can be read");
    loaded[0].as_ref().map_or(0, |record| record.fields["n"].parse().expect("a number was written"))
}

/// Senders that each count `each` messages for a user of their own, with retries.
fn senders(store: &SharedStore, each: u32) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for sender in 0..8_u32 {
        let (store, key) = (Arc::clone(store), RecordKey::user(&format!("sender-{sender}")));
        tasks.spawn(async move {
            for n in 0..each {
                count_at_last(&store, &key, u128::from(sender) << 64 | u128::from(n)).await;
            }
        });
    }
    tasks
}

async fn everything_counted_once(store: &SharedStore, each: u32) {
    for sender in 0..8 {
        assert_eq!(counted(store, &RecordKey::user(&format!("sender-{sender}"))).await, u64::from(each));
    }
}

/// Waits until the store answers again, or fails the test.
async fn answers_again(store: &SharedStore) {
    let start = Instant::now();
    while let Err(error) = store.ping().await {
        assert!(start.elapsed() < PATIENT, "still {error}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_it_loses_nothing_and_doubles_nothing() {
    let mut server = Server::durable();
    let store = open(settings(&server, Durability::Fsync)).await.expect("the store opens");
    let tasks = senders(&store, 150);
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(60)).await;
        tokio::task::block_in_place(|| server.restart());
    }
    tasks.join_all().await;
    everything_counted_once(&store, 150).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_connections_lose_nothing_and_double_nothing() {
    let server = Server::start(&[]);
    let store = opened(&server).await;
    let tasks = senders(&store, 150);
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        tokio::task::block_in_place(|| server.cli(&["client", "kill", "type", "normal", "skipme", "yes"]));
    }
    tasks.join_all().await;
    everything_counted_once(&store, 150).await;
}

#[tokio::test]
async fn forgotten_scripts_are_loaded_again_unnoticed() {
    let server = Server::start(&[]);
    let store = opened(&server).await;
    let key = RecordKey::user("42");
    for message in 0..5 {
        assert_eq!(server.cli(&["script", "flush"]), "OK");
        assert!(count(&store, &key, message).await.expect("a flush of scripts is not felt"));
    }
    assert_eq!(counted(&store, &key).await, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_is_down_calls_fail_soon_and_afterwards_they_work() {
    let mut server = Server::durable();
    let store = opened(&server).await;
    let key = RecordKey::user("42");
    count(&store, &key, 1).await.expect("it is up");
    server.kill();
    let start = Instant::now();
    while count(&store, &key, 2).await.is_ok() {
        assert!(start.elapsed() < PATIENT, "a dead redis answers");
    }
    let failing = Instant::now();
    for message in 3..100 {
        let error = count(&store, &key, message).await.expect_err("it is down");
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    }
    assert!(failing.elapsed() < Duration::from_secs(3), "a hundred calls took {:?}", failing.elapsed());
    tokio::task::block_in_place(|| server.restart());
    answers_again(&store).await;
    assert!(count(&store, &key, 3).await.expect("it is up again"));
    assert_eq!(counted(&store, &key).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_redis_is_given_up_in_time_and_found_again() {
    let server = Server::start(&[]);
    let mut settings = settings(&server, Durability::Redis);
    settings.response_timeout = Duration::from_millis(500);
    let store = open(settings).await.expect("the store opens");
    let key = RecordKey::user("42");
    server.signal("STOP");
    let start = Instant::now();
    let error = count(&store, &key, 1).await.expect_err("it is frozen");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(start.elapsed() < Duration::from_secs(3), "took {:?}", start.elapsed());
    server.signal("CONT");
    answers_again(&store).await;
    count_at_last(&store, &key, 1).await;
    assert_eq!(counted(&store, &key).await, 1);
}

#[tokio::test]
async fn a_redis_that_became_a_replica_is_left_until_it_is_a_master() {
    let (server, other) = (Server::start(&[]), Server::start(&[]));
    let store = opened(&server).await;
    let key = RecordKey::user("42");
    count(&store, &key, 1).await.expect("it is a master");
    let address = other.address();
    server.cli(&["replicaof", &address.ip().to_string(), &address.port().to_string()]);
    let error = count(&store, &key, 2).await.expect_err("a replica takes no writes");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    server.cli(&["replicaof", "no", "one"]);
    answers_again(&store).await;
    count_at_last(&store, &key, 2).await;
}

#[tokio::test]
async fn a_flush_of_all_data_begins_the_store_anew() {
    let server = Server::start(&[]);
    let store = opened(&server).await;
    let key = RecordKey::user("42");
    let partition = store.partitions().of(&key);
    count(&store, &key, 1).await.expect("it is up");
    server.cli(&["flushall"]);
    let stale = Write { key: key.clone(), expected: 1, version: 2, set: FieldList::default(), unset: Vec::new() };
    let commit = Commit { partition, now: now(), writes: vec![stale], ..Commit::default() };
    let refused = store.commit(commit).await.expect_err("what was read is gone");
    assert!(matches!(refused, CommitError::Conflict(keys) if keys == [key.clone()]));
    assert!(count(&store, &key, 1).await.expect("it counts anew"));
    store.ping().await.expect("it answers");
    assert_eq!(server.cli(&["hget", "hr:meta", "partitions"]), "8");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_comes_back_with_another_store_is_refused() {
    let mut server = Server::start(&[]);
    let store = opened(&server).await;
    tokio::task::block_in_place(|| {
        server.kill();
        server.restart_empty();
        server.cli(&["hset", "hr:meta", "format", "1", "partitions", "32"]);
    });
    let start = Instant::now();
    loop {
        match store.ping().await {
            Err(error) if error.to_string().contains("32 partitions") => break,
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
    let key = RecordKey::user("42");
    let start = Instant::now();
    loop {
        match count(&store, &key, 1).await {
            Err(error) if error.to_string().contains("appendfsync") => break,
            other => assert!(start.elapsed() < PATIENT, "{other:?}"),
        }
    }
    assert_eq!(server.cli(&["config", "set", "appendfsync", "always"]), "OK");
    count_at_last(&store, &key, 2).await;
    tokio::task::block_in_place(|| server.restart());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_wait_for_replicas_and_so_does_what_they_left_behind() {
    let master = Server::start(&["--repl-diskless-sync-delay", "0"]);
    let to = [master.address().ip().to_string(), master.address().port().to_string()];
    let replica = Server::start(&["--replicaof", &format!("{} {}", to[0], to[1])]);
    let mut settings = settings(&master, Durability::Replicas(1));
    settings.response_timeout = Duration::from_millis(800);
    let store = open(settings).await.expect("the store opens");
    let key = RecordKey::user("42");
    count_at_last(&store, &key, 1).await;
    let tasks = senders(&store, 20);
    tasks.join_all().await;
    everything_counted_once(&store, 20).await;

    replica.signal("STOP");
    let error = count(&store, &key, 2).await.expect_err("no replica has it");
    assert!(error.to_string().contains("replicas"), "{error}");
    // It is on the master; saying that it was counted before would acknowledge it all the same.
    count(&store, &key, 2).await.expect_err("still, no replica has it");
    replica.signal("CONT");
    count_at_last(&store, &key, 2).await;
    assert_eq!(counted(&store, &key).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_fails_over_and_loses_nothing_that_replicas_had() {
    let mut cluster = tokio::task::block_in_place(|| Cluster::start(Duration::from_millis(1_000)));
    let urls = cluster.urls().iter().map(|url| Secret::new(url)).collect();
    let settings = RedisSettings::new(urls, true, Durability::Replicas(1));
    let store = open(settings).await.expect("the store opens");
    // One sender for every partition, so that each node has some.
    senders(&store, 10).join_all().await;
    let tasks = senders(&store, 40);
    tokio::time::sleep(Duration::from_millis(50)).await;
    cluster.masters[0].kill();
    let start = Instant::now();
    while cluster.replicas[0].cli(&["role"]).lines().next() != Some("master") {
        assert!(start.elapsed() < PATIENT, "no failover");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Its slots are served by a master without a replica now: commits there wait until the old master follows.
    tokio::task::block_in_place(|| cluster.masters[0].restart());
    tasks.join_all().await;
    everything_counted_once(&store, 40).await;
    assert!(start.elapsed() < PATIENT, "took {:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_forgets_scripts_and_drops_connections_unnoticed() {
    let cluster = tokio::task::block_in_place(|| Cluster::start(Duration::from_secs(5)));
    let urls = cluster.urls().iter().map(|url| Secret::new(url)).collect();
    let store = open(RedisSettings::new(urls, true, Durability::Redis)).await.expect("the store opens");
    let tasks = senders(&store, 40);
    for _ in 0..3 {
        for node in &cluster.masters {
            node.cli(&["script", "flush"]);
            node.cli(&["client", "kill", "type", "normal", "skipme", "yes"]);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tasks.join_all().await;
    everything_counted_once(&store, 40).await;
}
