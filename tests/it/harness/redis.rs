//! A Redis server of the test's own.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use super::{Process, eventually, free_address};

pub struct Redis {
    directory: tempfile::TempDir,
    address: SocketAddr,
    appendfsync: String,
    process: Process,
}

impl Redis {
    /// Starts one whose append-only file is fsynced as said (`always`, `everysec`).
    pub async fn start(appendfsync: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let address = free_address();
        let process = spawn(&directory, address, appendfsync);
        let mut this = Self { directory, address, appendfsync: appendfsync.to_owned(), process };
        this.ready().await;
        this
    }

    pub fn url(&self) -> String {
        format!("redis://{}/", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again after [`Self::kill`], on the same port, with what its files hold.
    pub async fn restart(&mut self) {
        self.process.kill();
        self.process = spawn(&self.directory, self.address, &self.appendfsync);
        self.ready().await;
    }

    /// What `redis-cli` answers.
    pub fn cli(&self, arguments: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .args(["-p", &self.port().to_string()])
            .args(arguments)
            .output()
            .expect("redis-cli can be run; `make setup` installs it");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    async fn ready(&mut self) {
        eventually("redis-server answers PING", Duration::from_secs(20), async || {
            let ended = self.process.ended();
            assert!(ended.is_none(), "redis-server ended: {ended:?}\n{}", self.process.log());
            (self.cli(&["ping"]) == "PONG").then_some(())
        })
        .await;
    }
}

fn spawn(directory: &tempfile::TempDir, address: SocketAddr, appendfsync: &str) -> Process {
    let log = directory.path().join("redis.log");
    let mut command = Command::new("redis-server");
    command
        .current_dir(directory.path())
        .args(["--bind", "127.0.0.1", "--port", &address.port().to_string(), "--save", ""])
        .args(["--appendonly", "yes", "--appendfsync", appendfsync, "--maxmemory-policy", "noeviction"]);
    Process::start(&mut command, &log)
}
