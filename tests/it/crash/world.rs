//! The servers, the store, the senders and the receiver of a campaign.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use handraiser::store::LEASE;
use rand::Rng as _;
use rand::rngs::StdRng;

use super::ledger::Ledger;
use super::sender::{Senders, WRITE_KEY};
use crate::harness::hooks::Receiver;
use crate::harness::{Redis, Server};

pub const REPS: [&str; 3] = ["ana@example.com", "ben@example.com", "cem@example.com"];

/// A person qualifies with so many tasks, reaches the better tier with so many, and an account qualifies with so many.
pub const PERSON_THRESHOLD: u64 = 5;
pub const BUSIER_THRESHOLD: u64 = 12;
pub const ACCOUNT_THRESHOLD: u64 = 150;

pub struct World {
    pub seed: u64,
    pub ledger: Arc<Ledger>,
    pub servers: Vec<Server>,
    pub crm: Receiver,
    pub server_kills: u64,
    pub redis_kills: u64,
    pub server_stops: u64,
    redis: Option<Redis>,
    _directories: Vec<tempfile::TempDir>,
}

impl World {
    pub async fn embedded(seed: u64) -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let store = format!("{{ embedded: {{ path: {} }} }}", directory.path().join("handraiser.db").display());
        Self::start(seed, 1, &store, None, vec![directory]).await
    }

    pub async fn redis(seed: u64, servers: usize) -> Self {
        let redis = Redis::start("always").await;
        let store = format!("{{ redis: {{ url: \"{}\" }} }}", redis.url());
        Self::start(seed, servers, &store, Some(redis), Vec::new()).await
    }

    async fn start(
        seed: u64,
        servers: usize,
        store: &str,
        redis: Option<Redis>,
        mut directories: Vec<tempfile::TempDir>,
    ) -> Self {
        let requests = AtomicU64::new(seed);
        // One delivery in eleven fails, so that retries are part of the campaign.
        let crm = Receiver::start(
            move |_| if requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(11) { 500 } else { 200 },
        )
        .await;
        let mut started = Vec::new();
        for _ in 0..servers {
            let directory = tempfile::tempdir().expect("a directory can be made");
            started.push(Server::start(directory.path(), |address| configuration(address, store, &crm.url())).await);
            directories.push(directory);
        }
        Self {
            seed,
            ledger: Arc::default(),
            servers: started,
            crm,
            server_kills: 0,
            redis_kills: 0,
            server_stops: 0,
            redis,
            _directories: directories,
        }
    }

    pub fn has_several_servers(&self) -> bool {
        self.servers.len() > 1
    }

    /// Starts eight senders.
    pub fn send(&self) -> Senders {
        let addresses: Vec<SocketAddr> = self.servers.iter().map(Server::address).collect();
        Senders::start(8, self.seed, &self.ledger, &addresses)
    }

    /// How many turns the team gave in all, as its record in Redis says.
    pub fn turns(&self) -> Option<usize> {
        let redis = self.redis.as_ref()?;
        let key = redis.cli(&["--scan", "--pattern", "hr:*:team:sales"]);
        let record = redis.cli(&["get", &key]);
        record.lines().find_map(|line| line.strip_prefix("turns")?.trim().parse().ok())
    }

    /// Kills a server, or Redis, or both, and starts what was killed again after a moment.
    pub async fn kill_and_restart(&mut self, dice: &mut StdRng) {
        let victim = dice.random_range(0..self.servers.len());
        let redis_too = self.redis.is_some() && dice.random_ratio(1, 3);
        let server_too = !redis_too || dice.random_ratio(1, 3);
        if server_too {
            self.servers[victim].kill();
            self.server_kills += 1;
        }
        if let (true, Some(redis)) = (redis_too, &mut self.redis) {
            redis.kill();
            self.redis_kills += 1;
            tokio::time::sleep(Duration::from_millis(dice.random_range(0..400))).await;
            redis.restart().await;
        }
        if server_too {
            tokio::time::sleep(Duration::from_millis(dice.random_range(0..200))).await;
            self.servers[victim].respawn();
        }
        self.ready().await;
    }

    /// Stops a server for longer than its lease, so that others take its shards, and lets it go on as if nothing had been. Meanwhile
    /// Redis may be killed.
    pub async fn stop_and_continue(&mut self, dice: &mut StdRng) {
        let victim = dice.random_range(0..self.servers.len());
        self.servers[victim].freeze();
        self.server_stops += 1;
        tokio::time::sleep(LEASE + Duration::from_millis(dice.random_range(0..3_000))).await;
        if let (true, Some(redis)) = (dice.random_ratio(1, 3), &mut self.redis) {
            redis.kill();
            self.redis_kills += 1;
            redis.restart().await;
        }
        self.servers[victim].thaw();
        self.ready().await;
    }

    async fn ready(&mut self) {
        for server in &mut self.servers {
            server.ready().await;
        }
    }
}

fn configuration(address: SocketAddr, store: &str, webhook: &str) -> String {
    let reps = REPS.join(", ");
    format!(
        r#"
server: {{ listen: "{address}", admin_token: {token} }}
store: {store}
sources:
  app: {{ write_key: {WRITE_KEY}, trust: server }}
counters:
  tasks:    {{ of: account, event: Task Created }}
  my_tasks: {{ of: user, event: Task Created }}
definitions:
  - name: busy person
    of: user
    intent: [ my_tasks >= {PERSON_THRESHOLD} ]
    tiers: {{ 1: my_tasks >= {BUSIER_THRESHOLD}, 2: true }}
  - {{ name: busy account, of: account, intent: [ tasks >= {ACCOUNT_THRESHOLD} ] }}
teams:
  sales: {{ reps: [{reps}], assign: round_robin }}
routes:
  - {{ name: everyone, to: sales }}
destinations:
  crm:
    webhook: {{ url: "{webhook}" }}
    timeout: 1s
    allow_addresses: [127.0.0.0/8]
    retry: {{ max_attempts: 50, base: 100ms, cap: 1s }}
"#,
        token = crate::harness::server::ADMIN_TOKEN,
    )
}
