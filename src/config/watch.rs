//! Keeps the configuration of a running server up to date: on SIGHUP, and when a file changes.
//!
//! A file that can't be loaded leaves the configuration in force, loudly: every finding is logged, the metric
//! `handraiser_config_reload_failures_total` grows, and [`ReloadState::failure`] says so until a reload succeeds. So does one that
//! would lose something (see [`super::losses`]), until an operator says that it may, on this server or another of the same store,
//! or until there is nothing left to lose: it is tried again every [`AGAIN`].
//!
//! Directories are watched rather than files, so that an editor's "write a new file, rename it over the old one" and the
//! symbolic links that Kubernetes swaps are seen.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use futures::future::BoxFuture;
use notify::{RecursiveMode, Watcher as _};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::diagnostic::{Code, Severity};
use super::{Config, Diagnostic, Loaded, load};
use crate::cdp::WantedProperties;
use crate::time::Clock;

/// Reads an environment variable; shared by every reload.
pub type Env = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Changes within this time are one change: editors write in several steps.
const SETTLE: Duration = Duration::from_millis(150);

/// How often a change that would lose something is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// Tells what would be lost if this configuration took the place of the one in force: a finding for each.
pub type Judge = Arc<dyn Fn(Arc<Config>) -> BoxFuture<'static, Vec<Diagnostic>> + Send + Sync>;

/// A reload that an operator asks for.
struct Request {
    /// Whether something may be lost.
    accept: bool,
    answer: oneshot::Sender<Outcome>,
}

/// Why the last reload failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ReloadFailure {
    /// When, RFC 3339.
    pub at: String,
    /// What is wrong, with everything secret made unreadable.
    pub diagnostics: Vec<Diagnostic>,
}

/// How reloading goes; what `/ready` and the admin API show. Cheap to read.
#[derive(Debug, Default)]
pub struct ReloadState {
    failure: ArcSwapOption<ReloadFailure>,
    warnings: ArcSwap<Vec<Diagnostic>>,
    requests: OnceLock<mpsc::Sender<Request>>,
}

impl ReloadState {
    /// State after a start with these warnings.
    pub fn new(warnings: Vec<Diagnostic>) -> Self {
        Self { warnings: ArcSwap::from_pointee(warnings), ..Self::default() }
    }

    /// Why the files as they are now are not in force, if so.
    pub fn failure(&self) -> Option<Arc<ReloadFailure>> {
        self.failure.load_full()
    }

    /// Reloads now; with `accept`, whatever is lost. `None` when nobody follows a file.
    pub async fn reload(&self, accept: bool) -> Option<Outcome> {
        let (answer, outcome) = oneshot::channel();
        self.requests.get()?.send(Request { accept, answer }).await.ok()?;
        outcome.await.ok()
    }

    /// The warnings of the configuration in force.
    pub fn warnings(&self) -> Arc<Vec<Diagnostic>> {
        self.warnings.load_full()
    }
}

/// What became of one reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not reloaded yet.
    Started,
    /// The files say what is in force already.
    Unchanged,
    /// The new configuration is in force.
    Swapped,
    /// The files are wrong; the old configuration stays in force.
    Failed,
    /// Something would be lost; the old configuration stays in force.
    Refused,
}

/// Reloads one configuration file into one shared configuration.
pub struct Reloader {
    path: PathBuf,
    env: Env,
    config: Arc<ArcSwap<Config>>,
    state: Arc<ReloadState>,
    clock: Clock,
    judge: Judge,
    /// The files of the last configuration that loaded.
    files: Vec<PathBuf>,
}

/// A watch that runs; it ends when this is dropped.
pub struct Watch {
    task: JoinHandle<()>,
    outcomes: watch::Receiver<(u64, Outcome)>,
}

impl Watch {
    /// Tells of each reload: its number, from 1, and what became of it.
    pub fn outcomes(&self) -> watch::Receiver<(u64, Outcome)> {
        self.outcomes.clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Reloader {
    /// A reloader of `path`, of which `files` were read at the start; `config` is what is in force.
    pub fn new(
        path: PathBuf,
        files: Vec<PathBuf>,
        env: Env,
        config: Arc<ArcSwap<Config>>,
        state: Arc<ReloadState>,
        clock: Clock,
    ) -> Self {
        Self { path, env, config, state, clock, judge: Arc::new(|_| Box::pin(async { Vec::new() })), files }
    }

    /// Takes over only what `judge` finds nothing against.
    pub fn judged_by(self, judge: Judge) -> Self {
        Self { judge, ..self }
    }

    /// Reloads now; with `accept`, whatever is lost.
    async fn reload(&mut self, accept: bool) -> Outcome {
        let (path, env) = (self.path.clone(), Arc::clone(&self.env));
        let Ok(loaded) = tokio::task::spawn_blocking(move || load(&path, &*env)).await else { return Outcome::Failed };
        let Loaded { config, warnings, files } = match loaded {
            Ok(loaded) => loaded,
            Err(diagnostics) => {
                self.fail(diagnostics, "the files are wrong");
                return Outcome::Failed;
            }
        };
        self.files = files;
        let running = self.config.load_full();
        if running.version == config.version {
            self.state.failure.store(None);
            return Outcome::Unchanged;
        }
        let (config, fixed) = keep_fixed(config, &running, &self.path);
        let config = Arc::new(config);
        let lost = (self.judge)(Arc::clone(&config)).await;
        if !lost.is_empty() && !accept {
            self.fail(lost, "it would lose something");
            return Outcome::Refused;
        }
        self.put_in_force(config, warnings.into_iter().chain(fixed).collect(), &lost);
        Outcome::Swapped
    }

    fn put_in_force(&self, config: Arc<Config>, warnings: Vec<Diagnostic>, lost: &[Diagnostic]) {
        let version = config.version.clone();
        self.config.store(config);
        metrics::counter!("handraiser_config_reloads_total").increment(1);
        tracing::info!(%version, warnings = warnings.len(), "configuration reloaded");
        for loss in lost {
            tracing::warn!("accepted: {}", loss.message);
        }
        warnings.iter().for_each(log);
        self.state.warnings.store(Arc::new(warnings));
        self.state.failure.store(None);
    }

    fn fail(&self, diagnostics: Vec<Diagnostic>, why: &str) {
        if self.state.failure().is_some_and(|known| known.diagnostics == diagnostics) {
            return;
        }
        metrics::counter!("handraiser_config_reload_failures_total").increment(1);
        let errors = diagnostics.iter().filter(|one| one.is_error()).count();
        let version = self.config.load().version.clone();
        tracing::error!(errors, in_force = %version, "configuration not reloaded: {why}, the old one stays in force");
        diagnostics.iter().for_each(log);
        self.state.failure.store(Some(Arc::new(ReloadFailure { at: self.clock.now().rfc3339(), diagnostics })));
    }

    /// Watches from now on, on the current tokio runtime.
    ///
    /// # Errors
    /// When neither signals nor the file system can be watched.
    pub fn watch(mut self) -> std::io::Result<Watch> {
        let (changed, mut changes) = mpsc::channel(16);
        let mut watcher = FileWatch::new(changed)?;
        watcher.follow(&self.path, &self.files);
        let mut hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?;
        let (tell, outcomes) = watch::channel((0, Outcome::Started));
        let (asks, mut asked) = mpsc::channel(1);
        // Set once: a server follows one file.
        let _ = self.state.requests.set(asks);
        let task = tokio::spawn(async move {
            let mut refused = false;
            for number in 1.. {
                let request = tokio::select! {
                    Some(()) = changes.recv() => {
                        settle(&mut changes).await;
                        None
                    }
                    Some(()) = hangup.recv() => None,
                    Some(request) = asked.recv() => Some(request),
                    () = tokio::time::sleep(AGAIN), if refused => None,
                    else => return,
                };
                let outcome = self.reload(request.as_ref().is_some_and(|request| request.accept)).await;
                refused = outcome == Outcome::Refused;
                watcher.follow(&self.path, &self.files);
                tell.send_replace((number, outcome));
                if let Some(Request { answer, .. }) = request {
                    // Whoever asked may have gone away.
                    let _ = answer.send(outcome);
                }
            }
        });
        Ok(Watch { task, outcomes })
    }
}

/// Waits until nothing has changed for a moment.
async fn settle(changes: &mut mpsc::Receiver<()>) {
    while let Ok(Some(())) = tokio::time::timeout(SETTLE, changes.recv()).await {}
}

/// Watches the directories of the files.
struct FileWatch {
    watcher: notify::RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
}

impl FileWatch {
    fn new(changed: mpsc::Sender<()>) -> std::io::Result<Self> {
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // A full channel holds a change already: one more says nothing new.
            match event {
                Ok(event) if matters(&event) => drop(changed.try_send(())),
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "watching the configuration's files failed; SIGHUP still reloads"),
            }
        });
        Ok(Self { watcher: watcher.map_err(std::io::Error::other)?, watched: BTreeSet::new() })
    }

    /// Watches the directory of each file, and that of what it is a symbolic link to.
    fn follow(&mut self, path: &Path, files: &[PathBuf]) {
        let all = files.iter().map(PathBuf::as_path).chain([path]);
        let wanted: BTreeSet<PathBuf> = all
            .flat_map(|file| [Some(file.to_owned()), file.canonicalize().ok()])
            .flatten()
            .filter_map(|file| file.parent().map(directory))
            .collect();
        for gone in self.watched.difference(&wanted) {
            // It may be gone from the disk, and the watch with it.
            let _ = self.watcher.unwatch(gone);
        }
        for new in wanted.difference(&self.watched) {
            if let Err(error) = self.watcher.watch(new, RecursiveMode::NonRecursive) {
                tracing::warn!(%error, directory = %new.display(), "can't watch this directory; SIGHUP still reloads");
            }
        }
        self.watched = wanted;
    }
}

fn directory(parent: &Path) -> PathBuf {
    if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_owned() }
}

/// Whether an event is about YAML, or about the `..data` link that Kubernetes swaps. A database in the same directory must
/// not keep the reloader busy.
fn matters(event: &notify::Event) -> bool {
    let yaml =
        |path: &PathBuf| path.extension().is_some_and(|end| end == OsStr::new("yaml") || end == OsStr::new("yml"));
    let link = |path: &PathBuf| path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.starts_with(".."));
    !event.kind.is_access() && (event.paths.is_empty() || event.paths.iter().any(|path| yaml(path) || link(path)))
}

fn log(one: &Diagnostic) {
    let place = format!("{}:{}:{}", one.file, one.line, one.column);
    let help = one.help.as_deref().unwrap_or_default();
    match one.severity {
        Severity::Error => tracing::error!(place, help, "{}", one.message),
        Severity::Warning => tracing::warn!(place, help, "{}", one.message),
    }
}

/// What can't change while the server runs stays as it is; a warning says so for each such setting that was changed.
fn keep_fixed(mut new: Config, running: &Config, path: &Path) -> (Config, Vec<Diagnostic>) {
    let mut changed = Vec::new();
    keep("server.listen", &mut new.server.listen, &running.server.listen, &mut changed);
    keep("server.admin_listen", &mut new.server.admin_listen, &running.server.admin_listen, &mut changed);
    keep("server.workers", &mut new.server.workers, &running.server.workers, &mut changed);
    keep("server.otlp_endpoint", &mut new.server.otlp_endpoint, &running.server.otlp_endpoint, &mut changed);
    keep("store", &mut new.store.kind, &running.store.kind, &mut changed);
    keep("store.shards", &mut new.store.shards, &running.store.shards, &mut changed);
    keep("store.cache", &mut new.engine.memory_bytes, &running.engine.memory_bytes, &mut changed);
    keep("store.remember", &mut new.engine.remember, &running.engine.remember, &mut changed);
    let (backlog, as_it_was) = (&mut new.engine.max_backlog_entries, &running.engine.max_backlog_entries);
    keep("server.limits.backlog", backlog, as_it_was, &mut changed);
    keep("store.rejected_log", &mut new.store.rejected_log, &running.store.rejected_log, &mut changed);
    keep("history", &mut new.history, &running.history, &mut changed);
    if new.history.is_some() {
        new.wanted_properties = WantedProperties::All;
    }
    let warnings = changed.into_iter().map(|name| needs_restart(name, path)).collect();
    (new, warnings)
}

fn keep<T: Clone + PartialEq>(name: &'static str, new: &mut T, running: &T, changed: &mut Vec<&'static str>) {
    if new != running {
        changed.push(name);
        new.clone_from(running);
    }
}

fn needs_restart(name: &str, path: &Path) -> Diagnostic {
    let message = format!("`{name}` was changed, but can't change while the server runs: the old value stays in force");
    let (file, help) = (path.display().to_string(), Some("restart the server".to_owned()));
    Diagnostic::of_file(Severity::Warning, Code::NeedsRestart, file, message, help)
}
