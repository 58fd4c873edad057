//! Redis servers of the tests' own, on free loopback ports: single ones, replicas and clusters; killed, frozen and started
//! again. They end with the test, or, when shared by many tests, with the test program. The load bench uses them too.
#![allow(dead_code, reason = "the tests and the bench each use a part of it")]

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Process, free_address};

/// The slots of every cluster.
const SLOTS: usize = 16_384;

/// One Redis server.
pub struct Server {
    directory: tempfile::TempDir,
    address: SocketAddr,
    arguments: Vec<String>,
    process: Option<Process>,
}

impl Server {
    /// Starts one with further arguments, such as `["--appendonly", "yes"]`, and waits until it answers.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_on(arguments, |_| {})
    }

    /// As [`Self::start`], in a directory that `fill` has put files into.
    pub fn start_on(arguments: &[&str], fill: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        fill(directory.path());
        let arguments = arguments.iter().map(|&a| a.to_owned()).collect();
        let mut this = Self { directory, address: free_address(), arguments, process: None };
        // Another program may take the port before Redis does.
        for _ in 0..5 {
            if this.spawn() {
                return this;
            }
            this.address = free_address();
        }
        panic!("redis-server does not start: {}", this.log());
    }

    /// One whose every commit is on disk before it is answered.
    pub fn durable() -> Self {
        Self::start(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    pub fn url(&self) -> String {
        format!("redis://{}/", self.address)
    }

    /// Where its files are.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The id of its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Ends it with SIGKILL.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again, on the same port, with what its files hold.
    pub fn restart(&mut self) {
        self.kill();
        assert!(self.spawn(), "redis-server does not start again: {}", self.log());
    }

    /// Starts it again with nothing on its disk.
    pub fn restart_empty(&mut self) {
        self.kill();
        self.directory = tempfile::tempdir().expect("a directory can be made");
        self.restart();
    }

    /// Stops it without breaking its connections (`STOP`), or lets it go on (`CONT`).
    pub fn signal(&self, signal: &str) {
        let id = self.process.as_ref().expect("it runs").id().to_string();
        let status = Command::new("kill").args(["-s", signal, &id]).status().expect("`kill` can be run");
        assert!(status.success());
    }

    /// What `redis-cli` answers.
    pub fn cli(&self, arguments: &[&str]) -> String {
        cli(self.address, arguments)
    }

    /// Takes the last bytes off its newest append-only file, as if it had been killed while it wrote them.
    pub fn tear_append_only_file(&self, bytes: u64) {
        let files = std::fs::read_dir(self.directory.path().join("appendonlydir")).expect("it has append-only files");
        let written =
            |path: &std::path::PathBuf| std::fs::metadata(path).and_then(|data| data.modified()).expect("a file");
        let newest = files
            .map(|entry| entry.expect("it can be listed").path())
            .filter(|path| path.to_string_lossy().ends_with(".incr.aof"))
            .max_by_key(written)
            .expect("it has written something");
        let file = std::fs::OpenOptions::new().write(true).open(&newest).expect("it can be opened");
        let length = file.metadata().expect("it has a length").len();
        file.set_len(length - bytes).expect("it can be cut off");
    }

    fn spawn(&mut self) -> bool {
        let mut command = command(self.address, self.directory.path());
        self.process = Some(Process::start(command.args(&self.arguments), &self.directory.path().join("redis.log")));
        let limit = Instant::now() + Duration::from_secs(20);
        while Instant::now() < limit {
            if self.process.as_mut().is_none_or(|process| process.ended().is_some()) {
                return false;
            }
            if answers(self.address) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    fn log(&self) -> String {
        self.process.as_ref().map_or_else(String::new, Process::log)
    }
}

/// A cluster: masters that share the slots, and their replicas, if they have any.
pub struct Cluster {
    pub masters: Vec<Server>,
    pub replicas: Vec<Server>,
}

impl Cluster {
    /// Starts one of three masters, each with a replica, which give each other up after `node_timeout`.
    pub fn start(node_timeout: Duration) -> Self {
        Self::of(3, 3, node_timeout, &[])
    }

    /// Starts one of so many masters, of which the first so many have a replica; every node gets the further `arguments`.
    pub fn of(masters: usize, replicas: usize, node_timeout: Duration, arguments: &[&str]) -> Self {
        let mut nodes: Vec<Server> = (0..masters + replicas).map(|_| node(node_timeout, arguments)).collect();
        let replicas = nodes.split_off(masters);
        let this = Self { masters: nodes, replicas };
        this.join();
        this
    }

    pub fn urls(&self) -> Vec<String> {
        self.nodes().map(Server::url).collect()
    }

    pub fn nodes(&self) -> impl Iterator<Item = &Server> {
        self.masters.iter().chain(&self.replicas)
    }

    fn join(&self) {
        for (n, master) in self.masters.iter().enumerate() {
            let first = SLOTS * n / self.masters.len();
            let last = SLOTS * (n + 1) / self.masters.len() - 1;
            assert_eq!(master.cli(&["cluster", "addslotsrange", &first.to_string(), &last.to_string()]), "OK");
        }
        for (epoch, node) in self.nodes().enumerate() {
            node.cli(&["cluster", "set-config-epoch", &(epoch + 1).to_string()]);
        }
        let first = self.masters[0].address;
        for node in self.nodes().skip(1) {
            let bus = node.cli(&["config", "get", "cluster-port"]).lines().last().unwrap_or_default().to_owned();
            let address = node.address;
            let met = cli(first, &["cluster", "meet", &address.ip().to_string(), &address.port().to_string(), &bus]);
            assert_eq!(met, "OK");
        }
        let known = format!("cluster_known_nodes:{}", self.nodes().count());
        self.await_all("knows the others", |node| info(node, "cluster").contains(&known));
        for (master, replica) in self.masters.iter().zip(&self.replicas) {
            let id = master.cli(&["cluster", "myid"]);
            // The replica may not have heard yet that the other is a master.
            await_that("it becomes a replica", || replica.cli(&["cluster", "replicate", &id]) == "OK");
        }
        self.await_all("serves its slots", |node| info(node, "cluster").contains("cluster_state:ok"));
        for replica in &self.replicas {
            await_that("a replica follows", || replica.cli(&["info", "replication"]).contains("master_link_status:up"));
        }
        let replica_known =
            |node: &Server| node.cli(&["cluster", "nodes"]).matches("slave").count() == self.replicas.len();
        self.await_all("knows the replicas", replica_known);
    }

    fn await_all(&self, what: &str, done: impl Fn(&Server) -> bool) {
        for node in self.nodes() {
            await_that(what, || done(node));
        }
    }
}

fn node(node_timeout: Duration, arguments: &[&str]) -> Server {
    let bus = free_address().port().to_string();
    let timeout = node_timeout.as_millis().to_string();
    let cluster = [
        "--cluster-enabled",
        "yes",
        "--cluster-port",
        &bus,
        "--cluster-node-timeout",
        &timeout,
        "--cluster-replica-validity-factor",
        "0",
        "--repl-diskless-sync-delay",
        "0",
    ];
    Server::start(&[&cluster, arguments].concat())
}

fn info(node: &Server, what: &str) -> String {
    node.cli(&[what, "info"])
}

/// Waits for a condition outside of any runtime.
pub fn await_that(what: &str, done: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < limit, "still waiting: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A server that many tests share. Nothing drops it, so it listens for the end of this program: its standard input closes.
pub struct Shared {
    _lifeline: Vec<Child>,
}

impl Shared {
    /// Ties running servers to the life of this program.
    pub fn tie<'a>(servers: impl IntoIterator<Item = &'a Server>) -> Self {
        let ids = servers.into_iter().filter_map(|s| Some(s.process.as_ref()?.id().to_string()));
        Self { _lifeline: ids.map(|id| lifeline(&id)).collect() }
    }
}

/// A shell that waits until this program is gone, and ends `process` then.
fn lifeline(process: &str) -> Child {
    let mut child = Command::new("sh")
        .args(["-c", "read -r process; read -r _; kill -9 \"$process\""])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("`sh` can be run");
    let input = child.stdin.as_mut().expect("it was piped");
    writeln!(input, "{process}").expect("the shell reads");
    child
}

fn command(address: SocketAddr, directory: &Path) -> Command {
    let mut command = Command::new(binary("redis-server"));
    command.current_dir(directory).args(["--bind", "127.0.0.1", "--port", &address.port().to_string()]);
    command.args(["--save", "", "--maxmemory-policy", "noeviction", "--daemonize", "no"]);
    command
}

/// Fails the test with the mend when the program is missing.
fn binary(name: &str) -> &str {
    let found = Command::new(name).arg("--version").stdout(Stdio::null()).status();
    assert!(found.is_ok(), "`{name}` is missing; install it: apt-get update && apt-get install -y redis-server");
    name
}

fn answers(address: SocketAddr) -> bool {
    cli(address, &["ping"]) == "PONG"
}

fn cli(address: SocketAddr, arguments: &[&str]) -> String {
    let output = Command::new(binary("redis-cli"))
        .args(["-h", &address.ip().to_string(), "-p", &address.port().to_string()])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("redis-cli can be run");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
