//! Installs the SDKs, pinned, into the target directory; once, also when several tests ask at the same time.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// The server-side npm packages and the senders that use them.
pub struct Node {
    directory: PathBuf,
}

impl Node {
    pub fn installed() -> Self {
        Self { directory: prepared("node", &["package.json", "package-lock.json"], npm_install) }
    }

    pub fn sender(&self, script: &str) -> Command {
        let mut command = Command::new("node");
        command.arg(self.directory.join(script));
        command
    }
}

/// Runs a script that uses a vendor's own client of its API; what it printed.
pub async fn vendor(script: &str, arguments: &[&str]) -> Value {
    let (script, arguments) = (script.to_owned(), arguments.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
    let run = move || {
        let directory = prepared("vendors", &["package.json", "package-lock.json"], npm_install);
        let mut node = Command::new("node");
        node.arg(directory.join(script)).args(arguments).output().expect("node can be run")
    };
    let output = tokio::task::spawn_blocking(run).await.expect("nothing panics");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// The browser SDKs, and what drives the browser.
pub struct Browser {
    directory: PathBuf,
}

impl Browser {
    pub fn installed() -> Self {
        let chromium = Path::new("/usr/bin/chromium");
        assert!(chromium.exists(), "no {}; install it with `apt-get install --yes chromium`", chromium.display());
        Self { directory: prepared("browser", &["package.json", "package-lock.json"], npm_install) }
    }

    pub fn sender(&self, sdk: &str, pace: &str) -> Command {
        let mut command = Command::new("node");
        command.arg(self.directory.join("send.mjs")).args([sdk, pace]);
        command
    }
}

/// The program that sends with the `segment` crate.
pub struct Rust {
    directory: PathBuf,
}

impl Rust {
    pub fn installed() -> Self {
        let directory = prepared("rust", &["Cargo.toml", "Cargo.lock", "src/main.rs"], |directory| {
            let mut cargo = Command::new("cargo");
            cargo.current_dir(directory).args(["build", "--locked", "--quiet"]).env("CARGO_TARGET_DIR", "target");
            run(&mut cargo, "rustup");
        });
        Self { directory }
    }

    pub fn sender(&self) -> Command {
        Command::new(self.directory.join("target/debug/handraiser-sdk-test"))
    }
}

fn npm_install(directory: &Path) {
    let mut npm = Command::new("npm");
    npm.current_dir(directory).args(["install", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"]);
    run(&mut npm, "apt-get install --yes nodejs npm");
}

/// The virtual environment and the scripts that use it.
pub struct Python {
    directory: PathBuf,
}

impl Python {
    pub fn installed() -> Self {
        let directory = prepared("python", &["requirements.txt"], |directory| {
            let mut venv = Command::new("python3");
            venv.current_dir(directory).args(["-m", "venv", "venv"]);
            run(&mut venv, "apt-get install --yes python3 python3-venv");
            let mut pip = Command::new(directory.join("venv/bin/pip"));
            pip.current_dir(directory).args(["install", "--quiet", "--requirement", "requirements.txt"]);
            run(&mut pip, "apt-get install --yes python3 python3-venv");
        });
        Self { directory }
    }

    pub fn script(&self, script: &str) -> Command {
        let mut command = Command::new(self.directory.join("venv/bin/python"));
        command.arg(self.directory.join(script));
        command
    }

    /// How many of the deliveries (one JSON object a line) the Standard Webhooks library verifies.
    pub fn verify(&self, secret: &str, deliveries: &str) -> String {
        let mut command = self.script("verify.py");
        command.arg(secret).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("python can be run");
        let mut input = child.stdin.take().expect("the input is a pipe");
        input.write_all(deliveries.as_bytes()).expect("python reads its input");
        drop(input);
        let output = child.wait_with_output().expect("python ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

/// A copy of `tests/sdk/<name>` in the target directory, in which `install` ran with the pins as they are now.
fn prepared(name: &str, pins: &[&str], install: impl FnOnce(&Path)) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk").join(name);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sdk").join(name);
    fs::create_dir_all(&directory).expect("the target directory can be written");
    let lock = File::create(directory.join(".lock")).expect("the target directory can be written");
    lock.lock().expect("a file can be locked");
    copy(&source, &directory);
    let wanted: String =
        pins.iter().map(|pin| fs::read_to_string(source.join(pin)).expect("the pins are in the repository")).collect();
    let stamp = directory.join(".installed");
    if fs::read_to_string(&stamp).unwrap_or_default() != wanted {
        install(&directory);
        fs::write(&stamp, wanted).expect("the target directory can be written");
    }
    directory
}

/// Copies the files in `source`, and those in a `src` of it.
fn copy(source: &Path, directory: &Path) {
    fs::create_dir_all(directory).expect("the target directory can be written");
    for file in fs::read_dir(source).expect("the senders are in the repository") {
        let file = file.expect("the senders are in the repository");
        let to = directory.join(file.file_name());
        if file.path().is_file() {
            replace(&to, &fs::read(file.path()).expect("the senders are in the repository"));
        } else if file.file_name() == "src" {
            copy(&file.path(), &to);
        }
    }
}

/// Writes a file in one step: another test may be running the script that it is, and would run half of it.
fn replace(file: &Path, content: &[u8]) {
    if fs::read(file).is_ok_and(|before| before == content) {
        return;
    }
    let beside = file.with_added_extension("new");
    fs::write(&beside, content).expect("the target directory can be written");
    fs::rename(&beside, file).expect("the target directory can be written");
}

fn run(command: &mut Command, installs_it: &str) {
    let shown = format!("{command:?}");
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{shown} can't be run: {error}; install it with `{installs_it}`"));
    assert!(output.status.success(), "{shown} failed:\n{}", String::from_utf8_lossy(&output.stderr));
}
