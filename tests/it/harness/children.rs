//! A child process that never outlives the test, with its output in a file.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; its output is appended to `log`.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let output = OpenOptions::new().create(true).append(true).open(log).expect("the log can be opened");
        let errors = output.try_clone().expect("a file can be shared");
        let child = command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn().unwrap_or_else(|error| {
            panic!("`{}` does not start: {error}; `make setup` installs it", command.get_program().display())
        });
        Self { child, log: log.to_owned() }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it with SIGKILL, as the kernel does when memory runs out.
    pub fn kill(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to stop, with SIGTERM, and waits until it did.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.child.wait().expect("a child can be waited for")
    }

    /// SIGSTOP: it does nothing from now on, and knows nothing of it; its connections stay open.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// SIGCONT: it goes on where [`Self::freeze`] stopped it.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let arguments = ["-s", name, &self.child.id().to_string()];
        let status = Command::new("kill").args(arguments).status().expect("`kill` can be run");
        assert!(status.success(), "the process is gone already; its log:\n{}", self.log());
    }

    /// Whether it has ended by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked")
    }

    /// What it wrote, the last 4,000 bytes.
    pub fn log(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&text[text.len().saturating_sub(4_000)..]).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
