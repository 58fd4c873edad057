//! What an event costs Redis. Not a test that can fail: run it with
//! `cargo test --test it redis_load -- --ignored --nocapture`.

use std::time::Instant;

use bytes::Bytes;
use handraiser::ids::{Position, RecordKey, ShardId, Shards};
use handraiser::secret::Secret;
use handraiser::store::*;
use handraiser::time::Clock;

use crate::redis_server::Server;

const SHARDS: u16 = 16;
/// Events in an entry of the log, and messages in an entry that is sent.
const PACKED: usize = 20;
const EVENT_BYTES: usize = 330;
const MESSAGE_BYTES: usize = 150;
const RECORD_BYTES: usize = 450;
const EVENTS: usize = 200_000;

struct World {
    server: Server,
    store: RedisStore,
    /// The records of each shard.
    keys: Vec<Vec<RecordKey>>,
    dice: u64,
    at: Vec<u64>,
}

impl World {
    async fn new(records: usize) -> Self {
        let server = Server::start(&[]);
        let settings = RedisSettings::new(vec![Secret::new(&server.url())], false, Durability::Redis);
        let shards = Shards::new(SHARDS).unwrap();
        let store = RedisStore::open(settings, StoreOptions { shards, rejected_log: 100 }).await.unwrap();
        let mut keys = vec![Vec::new(); usize::from(SHARDS)];
        for n in 0..records {
            let key = RecordKey::user(&format!("user-{n:07}"));
            keys[usize::from(shards.of(&key).0)].push(key);
        }
        Self { server, store, keys, dice: 1, at: vec![0; usize::from(SHARDS)] }
    }

    fn roll(&mut self, below: usize) -> usize {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        usize::try_from(self.dice % below as u64).unwrap()
    }

    fn info(&self, section: &str, name: &str) -> f64 {
        let info = self.server.cli(&["info", section]);
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap().trim().parse().unwrap()
    }

    fn cpu(&self) -> f64 {
        self.info("cpu", "used_cpu_user") + self.info("cpu", "used_cpu_sys")
    }

    fn write(key: &RecordKey, n: u64) -> RecordWrite {
        let text = format!("{n:0RECORD_BYTES$}");
        RecordWrite { key: key.clone(), text: Some(text.into()), was_listed: None, listed: None }
    }

    async fn fill(&mut self) {
        for shard in 0..SHARDS {
            for chunk in self.keys[usize::from(shard)].chunks(5_000) {
                let records = chunk.iter().map(|key| Self::write(key, 0)).collect();
                let at = Position(0);
                let commit = Commit { records, ..Commit::new(ShardId(shard), at, at, Clock::System.now()) };
                self.store.commit(vec![commit]).await.unwrap();
            }
        }
    }

    /// The log of one commit: appended in calls of 25 entries, as requests that come together are.
    async fn append(&mut self, events: usize) {
        let payload = Bytes::from(vec![b'e'; EVENT_BYTES * PACKED]);
        let entries: Vec<Append> = (0..events / PACKED)
            .map(|n| Append { shard: ShardId(u16::try_from(n).unwrap() % SHARDS), payload: payload.clone() })
            .collect();
        for call in entries.chunks(25) {
            self.store.append(call.to_vec()).await.unwrap();
        }
    }

    async fn read(&mut self) -> Vec<u64> {
        let after: Vec<_> = (0..SHARDS).map(|shard| (ShardId(shard), Position(self.at[usize::from(shard)]))).collect();
        let mut to = self.at.clone();
        for (shard, entries) in self.store.read(&after, 8 << 20, std::time::Duration::ZERO).await.unwrap() {
            to[usize::from(shard.0)] = entries.last().unwrap().position.0;
        }
        to
    }

    fn commits(&mut self, events: usize, to: &[u64]) -> (Vec<Commit>, usize) {
        let (each, mut written) = (events / usize::from(SHARDS), 0);
        let message = Bytes::from(vec![b'm'; MESSAGE_BYTES * PACKED]);
        let mut commits = Vec::new();
        for shard in 0..usize::from(SHARDS) {
            let (from, to) = (Position(self.at[shard]), Position(to[shard]));
            let mut commit = Commit::new(ShardId(u16::try_from(shard).unwrap()), from, to, Clock::System.now());
            let mut touched = std::collections::BTreeSet::new();
            for _ in 0..each * 13 / 10 {
                touched.insert(self.roll(self.keys[shard].len()));
            }
            written += touched.len();
            commit.records = touched.into_iter().map(|n| Self::write(&self.keys[shard][n], 1)).collect();
            commit.ids = (0..each as u64).collect();
            for _ in 0..each * 7 / 10 / PACKED {
                let shard = ShardId(u16::try_from(self.roll(usize::from(SHARDS))).unwrap());
                commit.messages.push(Append { shard, payload: message.clone() });
            }
            commits.push(commit);
        }
        (commits, written)
    }

    async fn measure(&mut self, events: usize) {
        let (mut writes, mut prepared) = (0, Vec::new());
        let started = Instant::now();
        let start = self.cpu();
        for round in 0..EVENTS / events {
            self.append(events).await;
            if round == 0 {
                prepared.push(self.cpu() - start);
            }
            let to = self.read().await;
            if round == 0 {
                prepared.push(self.cpu() - start);
            }
            let (commits, written) = self.commits(events, &to);
            self.store.commit(commits).await.unwrap();
            self.at = to;
            writes += written;
        }
        let all = self.cpu() - start;
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let per_event = |cpu: f64, events: usize| cpu * 1e6 / events as f64;
        println!(
            "{} records, commits of {events}: {:.2} µs of Redis' CPU for each event (about {:.2} to append and {:.2} to read it); \
             {writes} records written for {EVENTS} events; {:?} in all",
            self.keys.iter().map(Vec::len).sum::<usize>(),
            per_event(all, EVENTS),
            per_event(prepared[0], events),
            per_event(prepared[1] - prepared[0], events),
            started.elapsed()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "a measurement"]
async fn what_an_event_costs_redis() {
    for records in [10_000, 1_000_000] {
        let mut world = World::new(records).await;
        let before = world.info("memory", "used_memory");
        world.fill().await;
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let each = (world.info("memory", "used_memory") - before) / records as f64;
        println!("{records} records of {RECORD_BYTES} bytes take {each:.0} bytes each");
        for events in [2_500, 10_000] {
            world.measure(events).await;
        }
        let ids: usize = ["hr:{s0}:hours"].iter().map(|key| world.server.cli(&["smembers", key]).len()).sum();
        assert!(ids > 0);
        let pack = world.server.cli(&["keys", "hr:{s0}:ids:*"]);
        let pack = pack.lines().next().unwrap_or_default();
        println!(
            "{} ids in {} bytes",
            world.server.cli(&["strlen", pack]).parse::<usize>().unwrap() / 8,
            world.server.cli(&["memory", "usage", pack])
        );
    }
}
