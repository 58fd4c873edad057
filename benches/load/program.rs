//! Builds of the server: the one of this code, and those of earlier commits, measured beside it in the same run.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::harness::server::PROGRAM;

#[derive(Clone, Debug)]
pub struct Program {
    pub path: PathBuf,
    /// The commit, unless it is this very code.
    pub commit: Option<String>,
}

impl Program {
    pub fn of_this_code() -> Self {
        Self { path: PROGRAM.into(), commit: None }
    }

    /// Those of earlier commits. One that can't be built is left out, and a line says why.
    pub fn before(commits: &[String]) -> Vec<Self> {
        let build = |commit: &String| {
            Self::of_commit(commit).inspect_err(|error| eprintln!("{commit} is not measured: {error:#}")).ok()
        };
        commits.iter().filter_map(build).collect()
    }

    /// What is measured with it, for a table.
    pub fn label(&self, what: &str) -> String {
        self.commit.as_ref().map_or_else(|| what.to_owned(), |commit| format!("{what}, at {commit}"))
    }

    /// Builds `commit` as this code is built, unless an earlier run did.
    fn of_commit(commit: &str) -> anyhow::Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        git(here, &["cat-file", "-e", &format!("{commit}^{{commit}}")])
            .context("this clone does not have it (a shallow one lacks what is old: `git fetch --unshallow`)")?;
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("before").join(commit);
        let path = directory.join("target/release/handraiser");
        if !path.exists() {
            build(here, commit, &directory)?;
        }
        Ok(Self { path, commit: Some(commit.to_owned()) })
    }
}

/// In a work tree of its own, which leaves again: only what cargo made stays.
fn build(here: &Path, commit: &str, directory: &Path) -> anyhow::Result<()> {
    let source = directory.join("source");
    let tree = source.to_str().context("the path of the target directory is not UTF-8")?;
    // What a run that was broken off has left.
    let _ = git(here, &["worktree", "remove", "--force", tree]);
    git(here, &["worktree", "add", "--force", "--detach", tree, commit])?;
    eprintln!("building {commit} in {tree}");
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(&source)
        .args(["build", "--release", "--locked", "--bin", "handraiser", "--target-dir"])
        .arg(directory.join("target"))
        .status()
        .context("cargo can't be run")?;
    git(here, &["worktree", "remove", "--force", tree])?;
    ensure!(built.success(), "it does not build: {built}");
    Ok(())
}

fn git(here: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("git").current_dir(here).args(arguments).output().context("git can't be run")?;
    ensure!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
