//! Who should own which shards.

use std::collections::BTreeMap;

use handraiser::ids::ShardId;
use handraiser::store::*;

use super::support::*;

/// Servers as they see themselves.
struct Servers<'a> {
    store: &'a SharedStore,
    holding: BTreeMap<String, Vec<ShardId>>,
}

impl<'a> Servers<'a> {
    fn new(store: &'a SharedStore) -> Self {
        Self { store, holding: BTreeMap::new() }
    }

    async fn beat(&mut self, name: &str) -> Ownership {
        let holding = self.holding.remove(name).unwrap_or_default();
        let settings = format!("{{\"of\":\"{name}\"}}");
        let told = self.store.heartbeat(name, &holding, &settings).await.expect("the store answers");
        assert!(told.shards.is_sorted() && told.servers.is_sorted_by_key(|server| &server.name), "{told:?}");
        assert!(told.servers.iter().any(|server| server.name == name && server.settings == settings), "{told:?}");
        self.holding.insert(name.to_owned(), told.shards.clone());
        told
    }

    /// A few heartbeats of each.
    async fn settle(&mut self, names: &[&str]) {
        for _ in 0..3 {
            for name in names {
                self.beat(name).await;
                self.apart();
            }
        }
    }

    /// No two hold the same shard.
    fn apart(&self) {
        let mut held: Vec<_> = self.holding.values().flatten().collect();
        let all = held.len();
        held.sort_unstable();
        held.dedup();
        assert_eq!(held.len(), all, "a shard has two owners: {:?}", self.holding);
    }

    fn sizes(&self) -> Vec<usize> {
        self.holding.values().map(Vec::len).collect()
    }

    async fn leave(&mut self, name: &str) {
        self.store.leave(name).await.expect("the store answers");
        self.holding.remove(name);
    }
}

fn every(store: &SharedStore) -> Vec<ShardId> {
    store.shards().all().collect()
}

pub async fn one_server_owns_all(store: &SharedStore) {
    for round in 0..3 {
        let settings = format!("version {round}");
        let told = store.heartbeat("a server: {1} ü", &[], &settings).await.expect("the store answers");
        assert_eq!(told.shards, every(store));
        assert_eq!(told.servers, [ServerInfo { name: "a server: {1} ü".to_owned(), settings }]);
    }
}

pub async fn a_second_server_gets_its_half(store: &SharedStore) {
    let mut servers = Servers::new(store);
    servers.settle(&["a"]).await;
    servers.settle(&["a", "b"]).await;
    assert_eq!(servers.sizes(), [4, 4]);
    let settled = servers.holding.clone();
    servers.settle(&["b", "a"]).await;
    assert_eq!(servers.holding, settled, "shards move without need");
    let told = servers.beat("a").await;
    let names: Vec<_> = told.servers.iter().map(|server| (&*server.name, &*server.settings)).collect();
    assert_eq!(names, [("a", r#"{"of":"a"}"#), ("b", r#"{"of":"b"}"#)]);
}

pub async fn what_is_still_worked_is_nobody_elses(store: &SharedStore) {
    let all = every(store);
    let beat = async |name: &str, holding: &[ShardId]| {
        store.heartbeat(name, holding, "").await.expect("the store answers").shards
    };
    assert_eq!(beat("a", &[]).await, all);
    assert_eq!(beat("b", &[]).await, [], "all of them have an owner");
    let kept = beat("a", &all).await;
    assert_eq!(kept.len(), all.len() / 2, "it is to let go the others");
    for _ in 0..3 {
        assert_eq!(beat("a", &all).await, kept, "and hears so until it has");
        assert_eq!(beat("b", &[]).await, [], "which nobody gets meanwhile");
    }
    let part: Vec<ShardId> = all.iter().copied().filter(|shard| *shard != all[all.len() - 1]).collect();
    assert_eq!(beat("a", &part).await, kept);
    let taken = beat("b", &[]).await;
    assert_eq!(taken, all[all.len() - 1..], "what it has let go is free");
    assert_eq!(beat("a", &kept).await, kept);
    let taken = beat("b", &taken).await;
    assert_eq!([kept, taken].concat().len(), all.len());
}

pub async fn shards_that_are_given_back_are_taken_at_once(store: &SharedStore) {
    let mut servers = Servers::new(store);
    servers.settle(&["a", "b", "c"]).await;
    assert_eq!(servers.sizes(), [3, 3, 2]);
    servers.leave("b").await;
    servers.beat("a").await;
    let told = servers.beat("c").await;
    assert_eq!(servers.sizes(), [4, 4]);
    assert_eq!(told.servers.iter().map(|server| &*server.name).collect::<Vec<_>>(), ["a", "c"]);
    servers.leave("nobody").await;
    servers.leave("a").await;
    assert_eq!(servers.beat("c").await.shards, every(store));
    // One that comes again, begins again.
    servers.settle(&["c", "a"]).await;
    assert_eq!(servers.sizes(), [4, 4]);
}

pub async fn no_shard_has_two_owners(store: &SharedStore) {
    let mut servers = Servers::new(store);
    let names = ["d", "a", "c", "e", "b"];
    for count in 1..=names.len() {
        servers.settle(&names[..count]).await;
        let sizes = servers.sizes();
        assert_eq!(sizes.iter().sum::<usize>(), 8, "{sizes:?}");
        assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
    }
    for gone in 1..names.len() {
        servers.leave(names[gone - 1]).await;
        servers.settle(&names[gone..]).await;
        assert_eq!(servers.sizes().iter().sum::<usize>(), 8);
    }
}

pub async fn more_servers_than_shards(store: &SharedStore) {
    let mut servers = Servers::new(store);
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    servers.settle(&names).await;
    assert_eq!(servers.sizes(), [1, 1, 1, 1, 1, 1, 1, 1, 0, 0]);
    let all: Vec<_> = servers.holding.values().flatten().copied().collect();
    assert_eq!(all.len(), 8);
}

pub async fn the_dead_lose_their_shards_after_their_lease(store: &SharedStore) {
    let mut servers = Servers::new(store);
    servers.settle(&["a", "b", "dead"]).await;
    assert_eq!(servers.sizes(), [3, 3, 2]);
    let died = tokio::time::Instant::now();
    // As long as its lease may last, nobody takes its shards.
    while died.elapsed() < LEASE.mul_f64(0.6) {
        tokio::time::sleep(HEARTBEAT).await;
        for name in ["a", "b"] {
            let told = servers.beat(name).await;
            assert_eq!(told.servers.len(), 3, "{:?} after its last heartbeat", died.elapsed());
            servers.apart();
        }
    }
    // Only what it did not hold is owned by others until then.
    servers.holding.remove("dead");
    while servers.sizes() != [4, 4] {
        assert!(died.elapsed() < LEASE + 2 * HEARTBEAT + SOON / 4, "{:?}", servers.holding);
        tokio::time::sleep(HEARTBEAT).await;
        servers.beat("a").await;
        servers.beat("b").await;
        servers.apart();
    }
    // It was only slow; it gets a share again, though it thinks that it still has one.
    servers.holding.insert("dead".to_owned(), every(store));
    servers.beat("dead").await;
    servers.settle(&["dead", "a", "b"]).await;
    assert_eq!(servers.sizes(), [3, 3, 2]);
}
