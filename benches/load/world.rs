//! One target of the bench, started: the server with its store, or the bare echo.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpStream;

use crate::args::Target;
use crate::harness::{Process, Redis, Server, free_address};

/// Dropping it ends its processes.
pub struct World {
    pub address: SocketAddr,
    _server: Option<Server>,
    pub redis: Option<Redis>,
    _echo: Option<Process>,
    directory: tempfile::TempDir,
}

impl World {
    /// Starts `target`; leads are delivered to `webhook`.
    pub async fn start(target: Target, webhook: &str) -> anyhow::Result<Self> {
        // Not in /tmp, which may be memory: the embedded store's fsync is part of what is measured.
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        if target == Target::Echo {
            return Self::echo(directory).await;
        }
        let redis = match target.appendfsync() {
            Some(appendfsync) => Some(Redis::start(appendfsync).await),
            None => None,
        };
        let store = redis.as_ref().map_or_else(
            || format!("{{ embedded: {{ path: {} }} }}", directory.path().join("data/handraiser.db").display()),
            |redis| format!("{{ redis: {{ url: \"{}\" }} }}", redis.url()),
        );
        let yaml = |address: SocketAddr| configuration(address, &store, webhook);
        let server = Server::start(directory.path(), yaml).await;
        Ok(Self { address: server.address(), _server: Some(server), redis, _echo: None, directory })
    }

    async fn echo(directory: tempfile::TempDir) -> anyhow::Result<Self> {
        let address = free_address();
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--serve-echo", &address.port().to_string()]);
        let echo = Process::start(&mut command, &directory.path().join("echo.log"));
        for _ in 0..500 {
            if TcpStream::connect(address).await.is_ok() {
                return Ok(Self { address, _server: None, redis: None, _echo: Some(echo), directory });
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        anyhow::bail!("the echo does not start:\n{}", echo.log())
    }

    /// Bytes that the store takes now: of Redis' memory, or of the embedded store's files.
    pub fn bytes(&self) -> anyhow::Result<u64> {
        let Some(redis) = &self.redis else { return Ok(directory_bytes(&self.directory.path().join("data"))?) };
        let info = redis.cli(&["info", "memory"]);
        let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
        used.and_then(|used| used.trim().parse().ok()).context("Redis does not say how much memory it uses")
    }
}

fn directory_bytes(path: &std::path::Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let database = entry.file_name().to_string_lossy().starts_with("handraiser.db");
        bytes += if database { entry.metadata()?.len() } else { 0 };
    }
    Ok(bytes)
}

/// What an ordinary product would configure: counters of every kind, two definitions of accounts, one of users.
fn configuration(address: SocketAddr, store: &str, webhook: &str) -> String {
    include_str!("handraiser.yaml")
        .replace("@address@", &address.to_string())
        .replace("@store@", store)
        .replace("@write_key@", crate::story::WRITE_KEY)
        .replace("@webhook@", webhook)
}
