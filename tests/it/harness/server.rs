//! The program under test, started as an operator starts it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde_json::Value;

use super::http::Connection;
use super::{Process, eventually, free_address};

/// The token of the admin API in the tests' configurations.
pub const ADMIN_TOKEN: &str = "test-admin-token";

/// What this very code was built into.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_handraiser");

pub struct Server {
    address: SocketAddr,
    program: PathBuf,
    config: PathBuf,
    log: PathBuf,
    process: Process,
}

impl Server {
    /// Writes the configuration that `yaml` makes of the server's address into `directory`, starts `handraiser serve` with
    /// it, and waits until it is ready.
    pub async fn start(directory: &Path, yaml: impl FnOnce(SocketAddr) -> String) -> Self {
        let mut this = Self::launch(directory, yaml);
        this.ready().await;
        this
    }

    /// As [`Self::start`], and doesn't wait.
    pub fn launch(directory: &Path, yaml: impl FnOnce(SocketAddr) -> String) -> Self {
        Self::launch_program(Path::new(PROGRAM), directory, yaml)
    }

    /// As [`Self::launch`], with another build of the program.
    pub fn launch_program(program: &Path, directory: &Path, yaml: impl FnOnce(SocketAddr) -> String) -> Self {
        let address = free_address();
        let config = directory.join("handraiser.yaml");
        let log = directory.join("handraiser.log");
        std::fs::write(&config, yaml(address)).expect("the configuration can be written");
        let process = spawn(program, &config, &log, &[]);
        Self { address, program: program.to_owned(), config, log, process }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// SIGKILL: nothing is flushed, nothing is said.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again after [`Self::kill`]; it need not be ready yet.
    pub fn respawn(&mut self) {
        self.respawn_with(&[]);
    }

    /// As [`Self::respawn`], with further arguments of `handraiser serve`.
    pub fn respawn_with(&mut self, arguments: &[&str]) {
        self.process.kill();
        self.process = spawn(&self.program, &self.config, &self.log, arguments);
    }

    /// SIGSTOP: it does nothing until [`Self::thaw`], and knows nothing of it.
    pub fn freeze(&self) {
        self.process.freeze();
    }

    /// SIGCONT after [`Self::freeze`].
    pub fn thaw(&self) {
        self.process.thaw();
    }

    /// SIGSTOP: it stays where it is until [`Self::resume`], as a machine does that is paused.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.pid().to_string()]).status().expect("`kill` can be run");
        assert!(status.success(), "the server is gone:\n{}", self.log());
    }

    /// SIGTERM, and the exit status once it has drained.
    pub fn terminate(&mut self) -> ExitStatus {
        self.process.terminate()
    }

    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Whether it has ended, and how.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.ended()
    }

    /// Waits until `/ready` says yes.
    pub async fn ready(&mut self) {
        eventually("the server is ready", Duration::from_secs(30), async || {
            let ended = self.process.ended();
            assert!(ended.is_none(), "the server ended: {ended:?}\n{}", self.process.log());
            let (status, _) = self.get("/ready").await?;
            (status == 200).then_some(())
        })
        .await;
    }

    /// What is answered to a GET without a token: the status and the body; `None` when nothing is.
    pub async fn get(&self, path: &str) -> Option<(u16, Vec<u8>)> {
        get(self.address, path, None).await
    }

    /// What the admin API answers to a GET; `None` when it did not answer, or not with 200.
    pub async fn admin(&self, path: &str) -> Option<Value> {
        let (status, body) = get(self.address, &format!("/admin/v1{path}"), Some(ADMIN_TOKEN)).await?;
        if status == 200 { serde_json::from_slice(&body).ok() } else { None }
    }
}

fn spawn(program: &Path, config: &Path, log: &Path, arguments: &[&str]) -> Process {
    let mut command = Command::new(program);
    command.arg("serve").arg("--config").arg(config).args(arguments);
    Process::start(&mut command, log)
}

async fn get(address: SocketAddr, path: &str, token: Option<&str>) -> Option<(u16, Vec<u8>)> {
    let mut connection = Connection::open(address).await.ok()?;
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{authorization}Content-Length: 0\r\n\r\n");
    let status = connection.exchange(request.as_bytes()).await.ok()?;
    Some((status, connection.body().to_vec()))
}
