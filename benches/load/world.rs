//! What is measured, started: servers with their store, or the bare echo.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::net::TcpStream;

use crate::harness::{Process, Server, free_address};
use crate::program::Program;
use crate::redis_server::{Cluster, Server as Redis};

/// How much memory records may take: what a server does by default.
pub const CACHE: &str = "512MB";
/// How long nodes of a cluster wait for each other: under load they may be silent for a while.
const NODE_TIMEOUT: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    Embedded,
    Redis { appendfsync: &'static str },
    Cluster { masters: usize },
}

impl Store {
    pub const EVERYSEC: Self = Self::Redis { appendfsync: "everysec" };

    pub fn label(self) -> String {
        match self {
            Self::Embedded => "embedded, fsync before ack".to_owned(),
            Self::Redis { appendfsync } => format!("Redis, appendfsync {appendfsync}"),
            Self::Cluster { masters } => format!("Redis Cluster of {masters}, appendfsync everysec"),
        }
    }

    /// The Redis servers that it needs.
    pub fn redis(self) -> Vec<Redis> {
        let durable = |appendfsync| ["--appendonly", "yes", "--appendfsync", appendfsync];
        match self {
            Self::Embedded => Vec::new(),
            Self::Redis { appendfsync } => vec![Redis::start(&durable(appendfsync))],
            Self::Cluster { masters } => Cluster::of(masters, 0, NODE_TIMEOUT, &durable("everysec")).masters,
        }
    }
}

/// Dropping it ends its processes.
pub struct World {
    pub addresses: Vec<SocketAddr>,
    pub servers: Vec<Server>,
    pub redis: Vec<Redis>,
    echo: Option<Process>,
    directory: tempfile::TempDir,
}

impl World {
    /// Starts so many servers of a build on one store; leads are delivered to `webhook`.
    pub async fn start(program: &Program, store: Store, servers: usize, webhook: &str) -> anyhow::Result<Self> {
        let mut world = Self::empty()?;
        world.redis = store.redis();
        let store = world.store(program, store);
        for n in 0..servers {
            let directory = world.directory.path().join(n.to_string());
            std::fs::create_dir(&directory)?;
            let yaml = |address: SocketAddr| configuration(program, address, &store, webhook);
            let mut server = Server::launch_program(&program.path, &directory, yaml);
            server.ready().await;
            world.addresses.push(server.address());
            world.servers.push(server);
        }
        if servers > 1 && program.commit.is_none() {
            world.spread().await?;
        }
        Ok(world)
    }

    pub async fn echo() -> anyhow::Result<Self> {
        let mut world = Self::empty()?;
        let address = free_address();
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--serve-echo", &address.port().to_string()]);
        let echo = Process::start(&mut command, &world.directory.path().join("echo.log"));
        for _ in 0..500 {
            if TcpStream::connect(address).await.is_ok() {
                world.addresses.push(address);
                world.echo = Some(echo);
                return Ok(world);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        anyhow::bail!("the echo does not start:\n{}", echo.log())
    }

    fn empty() -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        Ok(Self { addresses: Vec::new(), servers: Vec::new(), redis: Vec::new(), echo: None, directory })
    }

    /// The first server, or the echo.
    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        self.addresses.first().copied().context("no server was started")
    }

    /// The ids of the servers' processes, or of the echo's.
    pub fn processes(&self) -> Vec<String> {
        let servers = self.servers.iter().map(Server::pid);
        servers.chain(self.echo.iter().map(Process::id)).map(|id| id.to_string()).collect()
    }

    /// The directory of the embedded store.
    pub fn data(&self) -> std::path::PathBuf {
        self.directory.path().join("data")
    }

    /// The configuration of the store.
    fn store(&self, program: &Program, store: Store) -> String {
        let urls: Vec<String> = self.redis.iter().map(|redis| format!("\"{}\"", redis.url())).collect();
        let place = match store {
            Store::Embedded => format!("embedded: {{ path: {} }}", self.data().join("handraiser.db").display()),
            Store::Redis { .. } => format!("redis: {{ url: {} }}", urls.join("")),
            Store::Cluster { .. } => format!("redis: {{ urls: [{}], cluster: true }}", urls.join(", ")),
        };
        // Earlier builds know no bound on memory.
        let cache = if program.commit.is_none() { format!(", cache: {CACHE}") } else { String::new() };
        format!("{{ {place}{cache} }}")
    }

    /// Waits until every server works its share of the shards.
    async fn spread(&self) -> anyhow::Result<()> {
        let start = tokio::time::Instant::now();
        loop {
            let mut shares = 0;
            for server in &self.servers {
                let engine = server.admin("/engine").await.unwrap_or_default();
                let owned = engine["owned"].as_array().map_or(0, Vec::len) as u64;
                let share = engine["shards"].as_u64().unwrap_or(u64::MAX) / self.servers.len() as u64;
                shares += usize::from(owned >= share);
            }
            if shares == self.servers.len() {
                return Ok(());
            }
            ensure!(start.elapsed() < PATIENCE, "the shards do not spread over {} servers", self.servers.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until everything that was acknowledged is applied: a reading that is not `eventual` is answered then, by whichever
    /// server. Builds that decide before they acknowledge answer at once.
    pub async fn settle(&self) -> anyhow::Result<()> {
        let Some(server) = self.servers.first() else { return Ok(()) };
        let start = tokio::time::Instant::now();
        while server.admin("/rejected?limit=1").await.is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
            ensure!(start.elapsed() < 4 * PATIENCE, "not everything is applied within {} s", 4 * PATIENCE.as_secs());
        }
        Ok(())
    }

    /// Stops the servers as an operator does; the store stays.
    pub fn stop(&mut self) {
        for server in &mut self.servers {
            server.terminate();
        }
    }
}

/// What an ordinary product would configure: counters of every kind, two definitions of accounts, one of users.
fn configuration(program: &Program, address: SocketAddr, store: &str, webhook: &str) -> String {
    // More leads of a public source than a thousand an hour are held. Earlier builds know no trust.
    let trust = if program.commit.is_none() { ", trust: server" } else { "" };
    include_str!("handraiser.yaml")
        .replace("@address@", &address.to_string())
        .replace("@store@", store)
        .replace("@write_key@", crate::story::WRITE_KEY)
        .replace("@trust@", trust)
        .replace("@webhook@", webhook)
}

/// Where temporary directories are made: not in /tmp, which may be memory, since fsync is part of what is measured.
pub fn keep_files_on_disk() -> anyhow::Result<()> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    tempfile::env::override_temp_dir(place).ok().context("the directory of temporary files is set already")
}
