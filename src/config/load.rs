//! From a path to a configuration: files read, includes followed, everything compiled, everything wrong reported at once.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::Config;
use super::attached::Attached;
use super::compile::compile;
use super::diagnostic::{Code, Diagnostic, Severity};
use super::findings::{Findings, Problem};
use super::foreign;
use super::read::{Field, List, Many, Named, Read as _};
use super::shape::ConfigShape;
use super::source::{Reader, Span, unreadable};
use super::written;
use super::yaml::{self, Lookup, Scalar};
use crate::record::Meaning;

/// Larger files are refused: nobody writes them by hand.
const MAX_BYTES: u64 = 4 << 20;
const MAX_FILES: usize = 256;

/// A configuration that can be run.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration, without errors.
    pub config: Config,
    /// What is legal, but surely not what was meant.
    pub warnings: Vec<Diagnostic>,
    /// Every file that was read, the first being the one asked for; certificates among them.
    pub files: Vec<PathBuf>,
}

/// Loads the configuration in `path`; `env` tells the values of environment variables.
///
/// # Errors
/// Everything that is wrong, warnings included, by file and place.
pub fn load(path: &Path, env: &Lookup<'_>) -> Result<Loaded, Vec<Diagnostic>> {
    run(path, env, &read_file)
}

/// Loads a configuration that is at hand as text; `name` stands for its file in messages. It can't include others.
///
/// # Errors
/// As [`load`].
pub fn load_text(name: &str, text: &str, env: &Lookup<'_>) -> Result<Loaded, Vec<Diagnostic>> {
    let only = |path: &Path| {
        if path == Path::new(name) { Ok(text.to_owned()) } else { Err(io::Error::from(io::ErrorKind::NotFound)) }
    };
    run(Path::new(name), env, &only)
}

/// The process's own environment variables.
pub fn process_env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn run(path: &Path, env: &Lookup<'_>, reader: &Reader<'_>) -> Result<Loaded, Vec<Diagnostic>> {
    let mut findings = Findings::default();
    let mut loader =
        Loader { env, reader, merged: ConfigShape::default(), meaning: Meaning::default(), open: Vec::new() };
    loader.file(path, None, &mut findings);
    let Loader { merged, meaning, .. } = loader;
    let attached = Attached::read(&merged, reader, &mut findings);
    let version = version(&findings, &attached);
    let config = compile(&merged, &version, &attached, &mut findings);
    let files = findings.sources.iter().map(|file| &file.path).chain(attached.paths()).cloned().collect();
    match config {
        Some(config) if !findings.has_errors() => {
            let config = Config { written: Arc::new(written::written(&findings, meaning, &config.rules)), ..config };
            Ok(Loaded { config, warnings: findings.finish(), files })
        }
        _ => Err(findings.finish()),
    }
}

/// The first 12 hex digits of a hash over all files.
fn version(findings: &Findings, attached: &Attached) -> String {
    let mut hasher = Sha256::new();
    for text in findings.sources.iter().map(|file| &*file.text).chain(attached.texts()) {
        hasher.update(u64::try_from(text.len()).unwrap_or_default().to_le_bytes());
        hasher.update(text.as_bytes());
    }
    let mut digits = hex::encode(hasher.finalize());
    digits.truncate(12);
    digits
}

fn read_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    // Bounded while it is read: a device has no size.
    std::fs::File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES { Err(io::Error::other("larger than 4 MiB")) } else { Ok(text) }
}

struct Loader<'a> {
    env: &'a Lookup<'a>,
    reader: &'a Reader<'a>,
    merged: ConfigShape,
    meaning: Meaning,
    /// The files that are being read, outermost first.
    open: Vec<PathBuf>,
}

impl Loader<'_> {
    /// Reads a file and what it includes. `asked` is where it is included.
    fn file(&mut self, path: &Path, asked: Option<&Scalar>, findings: &mut Findings) {
        let Some(number) = self.read(path, asked, findings) else { return };
        let tree = yaml::parse(number, self.env, findings);
        if foreign::refuse(number, tree.as_ref(), findings) {
            return;
        }
        let Some(tree) = tree else { return };
        if asked.is_none() && is_empty(&tree) {
            // An editor that has just begun to write, or a disk that is full: never what somebody wants to run.
            let help = "write at least `sources`; `handraiser init` writes a configuration to start from".to_owned();
            let message = "the configuration is empty".to_owned();
            findings.push_whole(Severity::Error, Code::Empty, &path.display().to_string(), message, Some(help));
            return;
        }
        written::read(&tree, &mut self.meaning, findings);
        let Some(shape) = ConfigShape::read(&tree, findings) else { return };
        if asked.is_none() {
            self.merged.at = shape.at;
        }
        self.open.push(path.to_owned());
        for include in shape.include.get().into_iter().flat_map(|Many(all)| all) {
            self.include(path, include, findings);
        }
        self.open.pop();
        merge(&mut self.merged, shape, findings);
    }

    fn read(&self, path: &Path, asked: Option<&Scalar>, findings: &mut Findings) -> Option<u16> {
        match (self.reader)(path) {
            Ok(text) => Some(findings.sources.add(path, text.strip_prefix('\u{feff}').unwrap_or(&text))),
            Err(error) => {
                let message = unreadable(path, &error);
                match asked {
                    Some(asked) => {
                        let problem = Problem::error(asked.at, Code::Unreadable, asked.redact(&message));
                        findings.push(problem.help("paths are relative to the file that includes"));
                    }
                    None => {
                        let file = path.display().to_string();
                        let help =
                            Some("name the file, for example `handraiser check config/handraiser.yaml`".to_owned());
                        findings.push_whole(Severity::Error, Code::Unreadable, &file, message, help);
                    }
                }
                None
            }
        }
    }

    fn include(&mut self, from: &Path, asked: &Scalar, findings: &mut Findings) {
        let base = from.parent().unwrap_or_else(|| Path::new(""));
        let pattern = base.join(asked.text.trim());
        let paths = match expand(&pattern) {
            Some(paths) if paths.is_empty() => {
                let message = format!("no file matches `{}`", findings.shown(asked));
                findings
                    .push(Problem::warning(asked.at, Code::Suspicious, message).help("fix the pattern, or remove it"));
                return;
            }
            Some(paths) => paths,
            None => vec![pattern],
        };
        for path in paths {
            let known = findings.sources.iter().any(|file| same(&file.path, &path));
            let problem = if self.open.iter().any(|open| same(open, &path)) {
                Some("the files include each other in a circle")
            } else if known {
                Some("this file is included already")
            } else if findings.sources.iter().count() >= MAX_FILES {
                Some("more than 256 files")
            } else {
                None
            };
            match problem {
                // A pattern in a directory matches the including file, too.
                Some(_) if asked.text.contains('*') && known => {}
                Some(problem) => {
                    findings.push(Problem::error(asked.at, Code::Duplicate, problem).help("include each file once"));
                }
                None => self.file(&path, Some(asked), findings),
            }
        }
    }
}

fn is_empty(tree: &yaml::Node) -> bool {
    match &tree.kind {
        yaml::Kind::Null => true,
        yaml::Kind::Map(entries) => entries.is_empty(),
        _ => false,
    }
}

fn same(a: &Path, b: &Path) -> bool {
    a == b || a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b)
}

/// The files that a pattern with `*` in its file name matches, by name; `None` when it is no pattern.
fn expand(pattern: &Path) -> Option<Vec<PathBuf>> {
    let name = pattern.file_name()?.to_str().filter(|name| name.contains('*'))?;
    let directory = pattern.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|found| !found.starts_with('.') && matches(name, found))
        .collect();
    names.sort();
    Some(names.into_iter().map(|name| pattern.with_file_name(name)).collect())
}

/// Whether `name` matches `pattern`, in which `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

/// Adds the sections of `shape`: mappings and lists grow, everything else may be set once.
fn merge(into: &mut ConfigShape, shape: ConfigShape, findings: &mut Findings) {
    // Taken apart by name, so that the compiler tells of a section that is forgotten here.
    let ConfigShape {
        include: _,
        accept,
        time_zone,
        server,
        store,
        history,
        accounts,
        shared_ids,
        traits,
        sources,
        counters,
        signals,
        definitions,
        never,
        leads,
        outcomes,
        teams,
        reps,
        calendars,
        territories,
        routes,
        destinations,
        at: _,
    } = shape;
    once(&mut into.time_zone, time_zone, |zone: &Scalar| zone.at, "time_zone", findings);
    once(&mut into.server, server, |server| server.at, "server", findings);
    once(&mut into.store, store, |store| store.at, "store", findings);
    once(&mut into.history, history, |history| history.at, "history", findings);
    once(&mut into.territories, territories, |territories| territories.at, "territories", findings);
    once(&mut into.calendars, calendars, |calendars| calendars.at, "calendars", findings);
    let first = |List(keys): &List<Scalar>| keys.first().map_or_else(Span::default, |key| key.at);
    once(&mut into.accounts, accounts, first, "accounts", findings);
    list(&mut into.accept, accept);
    list(&mut into.shared_ids, shared_ids);
    if let Field::Set(traits) = traits {
        match &mut into.traits {
            Field::Set(have) => {
                named(&mut have.user, traits.user);
                named(&mut have.account, traits.account);
            }
            absent => *absent = Field::Set(traits),
        }
    }
    named(&mut into.sources, sources);
    named(&mut into.counters, counters);
    named(&mut into.signals, signals);
    named(&mut into.teams, teams);
    named(&mut into.reps, reps);
    named(&mut into.destinations, destinations);
    once(&mut into.never, never, |never| never.at, "never", findings);
    once(&mut into.leads, leads, |leads| leads.at, "leads", findings);
    once(&mut into.outcomes, outcomes, |outcomes| outcomes.at, "outcomes", findings);
    list(&mut into.definitions, definitions);
    list(&mut into.routes, routes);
}

fn once<T>(into: &mut Field<T>, from: Field<T>, at: impl Fn(&T) -> Span, name: &str, findings: &mut Findings) {
    match (&into, &from) {
        (Field::Set(first), Field::Set(second)) => {
            let place = findings.sources.name_place(at(first));
            let message = format!("`{name}` is set in two files");
            let problem = Problem::error(at(second), Code::Duplicate, message);
            findings.push(problem.help(format!("it is first at {place}; keep one of them")));
        }
        (_, Field::Absent) => {}
        _ => *into = from,
    }
}

fn named<T>(into: &mut Field<Named<T>>, from: Field<Named<T>>) {
    match (&mut *into, from) {
        (Field::Set(Named(have)), Field::Set(Named(more))) => have.extend(more),
        (_, Field::Absent) => {}
        (_, from) => *into = from,
    }
}

fn list<T>(into: &mut Field<List<T>>, from: Field<List<T>>) {
    match (&mut *into, from) {
        (Field::Set(List(have)), Field::Set(List(more))) => have.extend(more),
        (_, Field::Absent) => {}
        (_, from) => *into = from,
    }
}
