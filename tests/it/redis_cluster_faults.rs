//! What goes wrong with a Redis Cluster, and that nothing acknowledged is lost or doubled by it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use handraiser::ids::{Position, ShardId, Shards};
use handraiser::secret::Secret;
use handraiser::store::*;
use handraiser::time::Clock;

use crate::redis_server::{Cluster, await_that};
use crate::small_engine::{Owners, PATIENT, everything_counted_once, senders};

async fn open(cluster: &Cluster, durability: Durability) -> SharedStore {
    let urls = cluster.urls().iter().map(|url| Secret::new(url)).collect();
    let options = StoreOptions { shards: Shards::new(8).expect("8 is not zero"), ..StoreOptions::default() };
    Arc::new(RedisStore::open(RedisSettings::new(urls, true, durability), options).await.expect("the store opens"))
}

fn start(node_timeout: Duration) -> Cluster {
    tokio::task::block_in_place(|| Cluster::start(node_timeout))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_fails_over_and_loses_nothing_that_replicas_had() {
    let mut cluster = start(Duration::from_millis(1_000));
    let store = open(&cluster, Durability::Replicas(1)).await;
    let (owners, tasks) = (Owners::start(&store), senders(&store, 60));
    tokio::time::sleep(Duration::from_millis(100)).await;
    cluster.masters[0].kill();
    let start = Instant::now();
    while cluster.replicas[0].cli(&["role"]).lines().next() != Some("master") {
        assert!(start.elapsed() < PATIENT, "no failover");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Its slots are served by a master without a replica now: commits there wait until the old master follows.
    tokio::task::block_in_place(|| cluster.masters[0].restart());
    tasks.join_all().await;
    everything_counted_once(&store, 60).await;
    owners.stop().await;
    assert!(start.elapsed() < PATIENT, "took {:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_forgets_scripts_and_drops_connections_unnoticed() {
    let cluster = start(Duration::from_secs(5));
    let store = open(&cluster, Durability::Redis).await;
    let (owners, tasks) = (Owners::start(&store), senders(&store, 100));
    for _ in 0..5 {
        for node in &cluster.masters {
            node.cli(&["script", "flush"]);
            node.cli(&["client", "kill", "type", "normal", "skipme", "yes"]);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tasks.join_all().await;
    everything_counted_once(&store, 100).await;
    owners.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_predecessor_left_is_relayed_first() {
    let cluster = start(Duration::from_secs(5));
    let store = open(&cluster, Durability::Redis).await;
    let tasks = senders(&store, 60);
    // Owners that are cut off in the midst of what they do, wherever they are, and others that take over.
    for _ in 0..30 {
        let owners = Owners::start(&store);
        tokio::time::sleep(Duration::from_millis(40)).await;
        drop(owners);
    }
    let owners = Owners::start(&store);
    tasks.join_all().await;
    everything_counted_once(&store, 60).await;
    owners.stop().await;
}

/// A replica takes over that lacks the last commit, whose messages have arrived already.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_after_a_failover_that_lost_something_arrives() {
    let cluster = start(Duration::from_secs(5));
    let store = open(&cluster, Durability::Redis).await;
    let (from, to) = (ShardId(0), ShardId(1));
    let send = async |text: &'static str| {
        store.remembered(from).await.expect("it is taken over");
        let Progress { position, step, .. } = store.progress(&[from]).await.expect("it answers")[0];
        let messages = vec![Append { shard: to, payload: text.into() }];
        let stay = Commit::new(from, position, position, Clock::System.now());
        store.commit(vec![Commit { step: Some(step), messages, ..stay }]).await.expect("it is the owner");
    };
    // Whoever has the slot does it, and the others say whose it is.
    let copy = |was: &str, to: &str| {
        for name in ["state", "outbox"] {
            let key = |of: &str| format!("hr:{{s0}}:{name}{of}");
            cluster.masters.iter().for_each(|node| drop(node.cli(&["copy", &key(was), &key(to), "replace"])));
        }
    };
    send("1").await;
    copy("", ":kept");
    send("lost, and arrived").await;
    copy(":kept", "");
    send("3").await;
    let found = store.read(&[(to, Position(0))], 1 << 20, Duration::from_secs(5)).await.expect("it answers");
    let texts: Vec<_> = found[0].1.iter().map(|entry| entry.payload.clone()).collect();
    assert_eq!(texts, ["1", "lost, and arrived", "3"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_away_keeps_nobody_from_taking_over_what_is_elsewhere() {
    let partly = ["--cluster-require-full-coverage", "no"];
    let mut cluster = tokio::task::block_in_place(|| Cluster::of(3, 0, Duration::from_secs(1), &partly));
    let store = open(&cluster, Durability::Redis).await;
    let all = store.heartbeat("first", &[], "").await.expect("it answers").shards;
    assert_eq!(all.len(), 8);
    // Who lives is known by one node alone.
    let other = cluster.masters.iter().position(|node| node.cli(&["type", "hr:servers"]) != "hash");
    cluster.masters[other.expect("there are three")].kill();
    let start = Instant::now();
    let owned = loop {
        match store.heartbeat("second", &[], "").await {
            Ok(ownership) if !ownership.shards.is_empty() => break ownership.shards,
            answer => assert!(start.elapsed() < PATIENT, "{answer:?}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    for shard in owned {
        store.remembered(shard).await.expect("its node is there");
        store.lists_of(&[shard]).await.expect("its node is there");
    }
}

/// Moves every slot that holds something from one node to another, a few keys at a time.
fn move_slots(cluster: &Cluster, from: usize, to: usize, pause: Duration) {
    let (source, target) = (&cluster.masters[from], &cluster.masters[to]);
    let (source_id, target_id) = (source.cli(&["cluster", "myid"]), target.cli(&["cluster", "myid"]));
    let (host, port) = (target.address().ip().to_string(), target.address().port().to_string());
    let keys = source.cli(&["--scan", "--pattern", "hr:{s*}:state"]);
    for slot in keys.lines().map(|key| source.cli(&["cluster", "keyslot", key])) {
        assert_eq!(target.cli(&["cluster", "setslot", &slot, "importing", &source_id]), "OK");
        assert_eq!(source.cli(&["cluster", "setslot", &slot, "migrating", &target_id]), "OK");
        loop {
            let found = source.cli(&["cluster", "getkeysinslot", &slot, "3"]);
            if found.is_empty() {
                break;
            }
            let mut migrate = vec!["migrate", &host, &port, "", "0", "5000", "keys"];
            migrate.extend(found.lines());
            let answer = source.cli(&migrate);
            assert!(answer == "OK" || answer == "NOKEY", "{answer}");
            std::thread::sleep(pause);
        }
        for node in [target, source] {
            assert_eq!(node.cli(&["cluster", "setslot", &slot, "node", &target_id]), "OK");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn slots_are_moved_under_load() {
    let cluster = start(Duration::from_secs(5));
    let store = open(&cluster, Durability::Redis).await;
    let (owners, tasks) = (Owners::start(&store), senders(&store, 800));
    tokio::task::block_in_place(|| {
        for round in 0..6 {
            let from = round % 3;
            move_slots(&cluster, from, (from + 1) % 3, Duration::from_millis(20));
        }
    });
    tasks.join_all().await;
    everything_counted_once(&store, 800).await;
    owners.stop().await;
    // Nothing was left where it did not belong.
    for node in &cluster.masters {
        await_that("all slots are settled", || !node.cli(&["cluster", "nodes"]).contains("->-"));
    }
}
