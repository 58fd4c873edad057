//! A running server's configuration follows its files.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::env;
use crate::config::watch::{Outcome, ReloadState, Reloader, Watch};
use crate::config::{Config, Severity, load};
use crate::time::Clock;

const ISSUE: &str = include_str!("../../../fixtures/issue.yaml");

struct Running {
    directory: tempfile::TempDir,
    config: Arc<ArcSwap<Config>>,
    state: Arc<ReloadState>,
    watch: Watch,
    seen: u64,
}

impl Running {
    /// Watches `name` in a directory that `prepare` fills.
    fn start(name: &str, prepare: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        prepare(directory.path());
        let path = directory.path().join(name);
        let loaded = load(&path, &env).expect("the configuration is right");
        let config = Arc::new(ArcSwap::from_pointee(loaded.config));
        let state = Arc::new(ReloadState::new(loaded.warnings));
        let reloader =
            Reloader::new(path, loaded.files, Arc::new(env), Arc::clone(&config), Arc::clone(&state), Clock::System);
        let watch = reloader.watch().expect("files can be watched");
        Self { directory, config, state, watch, seen: 0 }
    }

    /// Waits for the next reload that ends in `wanted`.
    async fn until(&mut self, wanted: Outcome) {
        let mut outcomes = self.watch.outcomes();
        let next = outcomes.wait_for(|(number, outcome)| *number > self.seen && *outcome == wanted);
        let found = tokio::time::timeout(Duration::from_secs(30), next).await;
        self.seen = found.expect("the reload happens").expect("the watch runs").0;
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.directory.path().join(name), text).expect("it can be written");
    }

    fn teams(&self) -> usize {
        self.config.load().rules.teams.len()
    }
}

fn two_teams() -> String {
    ISSUE.replace("teams:\n", "teams:\n  second: { reps: [cleo@example.com] }\n")
}

#[tokio::test]
async fn a_change_is_taken_over_and_a_mistake_is_not() {
    let mut running =
        Running::start("handraiser.yaml", |dir| std::fs::write(dir.join("handraiser.yaml"), ISSUE).expect("written"));
    assert_eq!(running.teams(), 1);

    running.write("handraiser.yaml", &two_teams());
    running.until(Outcome::Swapped).await;
    assert_eq!(running.teams(), 2);

    running.write("handraiser.yaml", &two_teams().replace("tasks_30d > 50", "task_30d > 50"));
    running.until(Outcome::Failed).await;
    assert_eq!(running.teams(), 2);
    let failure = running.state.failure().expect("the failure is known");
    assert!(failure.diagnostics.iter().any(|one| one.severity == Severity::Error && one.message.contains("task_30d")));

    // The way editors write: a new file, renamed over the old one.
    running.write("handraiser.yaml.new", ISSUE);
    let path = |name: &str| running.directory.path().join(name);
    std::fs::rename(path("handraiser.yaml.new"), path("handraiser.yaml")).expect("renamed");
    running.until(Outcome::Swapped).await;
    assert_eq!(running.teams(), 1);
    assert!(running.state.failure().is_none());
}

#[tokio::test]
async fn included_files_and_new_files_of_a_pattern_are_watched() {
    let mut running = Running::start("main.yaml", |dir| {
        std::fs::create_dir(dir.join("more")).expect("made");
        std::fs::write(dir.join("main.yaml"), format!("include: more/*.yaml\n{ISSUE}")).expect("written");
        std::fs::write(dir.join("more/a.yaml"), "teams: { a: { reps: [a@example.com] } }").expect("written");
    });
    assert_eq!(running.teams(), 2);
    running.write("more/b.yaml", "teams: { b: { reps: [b@example.com] } }");
    running.until(Outcome::Swapped).await;
    assert_eq!(running.teams(), 3);
}

/// Kubernetes mounts a configuration as `file -> ..data/file`, `..data -> ..<time>`, and swaps `..data` by a rename.
#[tokio::test]
async fn the_swap_of_a_mounted_configuration_is_seen() {
    use std::os::unix::fs::symlink;
    let mut running = Running::start("handraiser.yaml", |dir| {
        std::fs::create_dir(dir.join("..one")).expect("made");
        std::fs::write(dir.join("..one/handraiser.yaml"), ISSUE).expect("written");
        symlink("..one", dir.join("..data")).expect("linked");
        symlink("..data/handraiser.yaml", dir.join("handraiser.yaml")).expect("linked");
    });
    let dir = running.directory.path();
    std::fs::create_dir(dir.join("..two")).expect("made");
    std::fs::write(dir.join("..two/handraiser.yaml"), two_teams()).expect("written");
    symlink("..two", dir.join("..tmp")).expect("linked");
    std::fs::rename(dir.join("..tmp"), dir.join("..data")).expect("renamed");
    running.until(Outcome::Swapped).await;
    assert_eq!(running.teams(), 2);
}

#[tokio::test]
async fn what_needs_a_restart_stays_and_is_told() {
    let mut running =
        Running::start("handraiser.yaml", |dir| std::fs::write(dir.join("handraiser.yaml"), ISSUE).expect("written"));
    let before = running.config.load_full();
    running.write(
        "handraiser.yaml",
        &format!(
            "{}\nserver: {{ listen: ':1' }}\nstore: {{ shards: 7, cache: 1GiB, remember: 9d, memory: {{}} }}\n",
            two_teams()
        ),
    );
    running.until(Outcome::Swapped).await;
    let after = running.config.load_full();
    assert_eq!(after.server.listen, before.server.listen);
    assert_eq!(after.store.shards, before.store.shards);
    assert_eq!(after.engine.memory_bytes, before.engine.memory_bytes);
    assert_eq!(after.engine.remember, before.engine.remember);
    assert_eq!(after.rules.teams.len(), 2);
    let warnings = running.state.warnings();
    let told: Vec<&str> = warnings
        .iter()
        .filter(|one| one.message.contains("while the server runs"))
        .map(|one| one.message.as_str())
        .collect();
    assert_eq!(told.len(), 5, "{told:?}");
}
