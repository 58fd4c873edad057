//! What goes wrong with a Redis Cluster, and that nothing acknowledged is lost or doubled by it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use handraiser::ids::Shards;
use handraiser::secret::Secret;
use handraiser::store::*;

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
