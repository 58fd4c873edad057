//! `handraiser config`: the configurations that have taken force, how they differ, and going back to one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::client::{Client, Format, Remote};
use super::output::{CommandError, print_json, read, show};
use super::paint::{Paint, Tone};
use super::table::{Cell, Table};
use super::words;
use crate::config::diff::diff;
use crate::config::fill::fill;
use crate::http::admin::{VersionAnswer, VersionList};
use crate::record::{Written, WrittenFile};
use crate::time::{Clock, Millis};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,

    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the configurations that have taken force, the latest first
    List,
    /// Show one of them, without secrets
    Show {
        /// Its number or its hash; by default the latest
        #[arg(default_value = "latest")]
        version: String,
    },
    /// Show what changed: the names that came, went or say something else, then the text
    Diff {
        /// One version: what it changed. Two versions: what changed from the first to the second. By default the latest
        #[arg(num_args = 0..=2, value_name = "VERSION")]
        versions: Vec<String>,
    },
    /// Write the files of an older version over those of today; a server that follows them takes them over
    Rollback {
        /// The version, by its number or its hash
        version: String,

        /// The configuration file that is written over
        #[arg(env = "HANDRAISER_CONFIG", default_value = "handraiser.yaml")]
        file: PathBuf,

        /// Print the files, without secrets, and write nothing
        #[arg(long)]
        print: bool,
    },
}

pub async fn run(args: Args) -> Result<(), CommandError> {
    let asker = Asker { client: Client::new(&args.remote)?, format: args.remote.format };
    match args.action {
        Action::List => asker.list().await,
        Action::Show { version } => asker.show(&version).await,
        Action::Diff { versions } => asker.diff(&versions).await,
        Action::Rollback { version, file, print } => asker.rollback(&version, &file, print).await,
    }
}

struct Asker {
    client: Client,
    format: Format,
}

impl Asker {
    async fn list(&self) -> Result<(), CommandError> {
        let answer = self.client.get(&["config", "versions"], &[]).await?;
        if self.format == Format::Json {
            return print_json(&answer);
        }
        show(&render_list(&read(answer)?, Clock::System.now(), Paint::stdout()))
    }

    async fn version(&self, which: &str) -> Result<VersionAnswer, CommandError> {
        // The files are the operators' own: their lines stay lines.
        read(self.client.get_own(&["config", "versions", which], &[]).await?)
    }

    async fn show(&self, which: &str) -> Result<(), CommandError> {
        let answer = self.version(which).await?;
        if self.format == Format::Json {
            return print_json(&answer);
        }
        show(&render_files(&answer))
    }

    async fn diff(&self, which: &[String]) -> Result<(), CommandError> {
        let to = self.version(which.last().map_or("latest", String::as_str)).await?;
        let from = match (which, to.before) {
            ([from, _], _) => self.version(from).await?,
            (_, Some(before)) => self.version(&before.to_string()).await?,
            (_, None) => {
                let text = format!(
                    "version {} is the first that is kept: there is none to compare it with",
                    to.version.number
                );
                return Err(CommandError::message(text));
            }
        };
        let [first, second] = [&from, &to].map(|one| format!("version {}", one.version.number));
        let text = diff(&written(from), &written(to), (&first, &second));
        if text.is_empty() {
            return show("they say the same; secrets that are written in the files, or their order, may differ\n");
        }
        show(&text)
    }

    async fn rollback(&self, which: &str, file: &Path, print: bool) -> Result<(), CommandError> {
        let answer = self.version(which).await?;
        if print {
            return show(&render_files(&answer));
        }
        let latest = self.version("latest").await?;
        let planned = plan(&answer.files, file)?;
        for (path, text) in &planned {
            replace(path, text)?;
        }
        let mut out = format!("version {} is in the files again:\n", answer.version.number);
        for (path, _) in &planned {
            out.push_str(&format!("  {} (what stood there: {})\n", path.display(), before(path).display()));
        }
        for extra in latest.files.iter().filter(|one| answer.files.iter().all(|file| file.path != one.path)) {
            out.push_str(&format!(
                "left alone, though version {} has no such file: {}\n",
                answer.version.number, extra.path
            ));
        }
        out.push_str("a server that follows them takes them over by itself; see `handraiser status`\n");
        show(&out)
    }
}

fn written(answer: VersionAnswer) -> Written {
    Written { files: answer.files, meaning: answer.meaning }
}

/// What is to be written where, with the secrets of today's files; nothing is written unless all of it can be.
fn plan(files: &[WrittenFile], to: &Path) -> Result<Vec<(PathBuf, String)>, CommandError> {
    let Some(first) = files.first() else {
        return Err(CommandError::message("this version has no file"));
    };
    let (from, into) = (Path::new(&first.path).parent(), to.parent().unwrap_or_else(|| Path::new("")));
    let mut planned = Vec::new();
    let mut missing = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let inside = from.and_then(|from| Path::new(&file.path).strip_prefix(from).ok());
        let path = match inside {
            _ if index == 0 => to.to_owned(),
            Some(inside) => into.join(inside),
            None => PathBuf::from(&file.path),
        };
        let current = std::fs::read_to_string(&path).unwrap_or_default();
        match fill(&file.text, &current) {
            Ok(text) => planned.push((path, text)),
            Err(places) => missing.extend(places.into_iter().map(|place| format!("  {}: {place}", path.display()))),
        }
    }
    if missing.is_empty() {
        return Ok(planned);
    }
    Err(CommandError::message(format!(
        "nothing was written: secrets that stand in a file are not kept, and today's files have others or none at\n{}\n  \
         print the version with `--print`, and write them in by hand; `${{NAME}}` in their place is kept",
        missing.join("\n")
    )))
}

/// Where a file is kept that is written over.
fn before(path: &Path) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(".before");
    path.with_file_name(name)
}

fn replace(path: &Path, text: &str) -> Result<(), CommandError> {
    let failed = |error: std::io::Error| CommandError::message(format!("can't write `{}`: {error}", path.display()));
    if path.exists() {
        std::fs::copy(path, before(path)).map_err(failed)?;
    }
    let mut half = path.as_os_str().to_owned();
    half.push(".new");
    // Written aside and renamed: a server that follows the file sees the whole of it or nothing.
    std::fs::write(&half, text).and_then(|()| std::fs::rename(&half, path)).map_err(failed)
}

fn render_list(list: &VersionList, now: Millis, paint: Paint) -> String {
    if list.versions.is_empty() {
        return format!("{}\n", paint.dim("no configuration has taken force in this store yet"));
    }
    let mut table = Table::new(&["VERSION", "HASH", "TOOK FORCE", "FILES", "FIRST ON"]);
    for version in &list.versions {
        let tone = if version.hash == list.in_force { Tone::Strong } else { Tone::Plain };
        table.row(vec![
            Cell::toned(version.number.to_string(), tone),
            Cell::toned(&version.hash, tone),
            Cell::new(words::ago(&version.at, now)),
            Cell::toned(version.files.join(" "), Tone::Dim),
            Cell::toned(&version.server, Tone::Dim),
        ]);
    }
    let mut out = table.render(paint);
    if list.versions.first().is_some_and(|latest| latest.hash != list.in_force) {
        let text = format!("this server runs with {}, another than the latest", list.in_force);
        out.push_str(&format!("{}\n", paint.tone(Tone::Warn, text)));
    }
    out
}

/// One file as it is; several with their names.
fn render_files(answer: &VersionAnswer) -> String {
    match answer.files.as_slice() {
        [one] => one.text.clone(),
        many => many.iter().map(|file| format!("# {}\n{}\n", file.path, file.text)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::admin::VersionItem;

    #[test]
    fn versions_at_a_glance() {
        let item = |number: u64, hash: &str| VersionItem {
            number,
            hash: hash.to_owned(),
            at: Millis(0).rfc3339(),
            server: "web1-7-4e0f9a".to_owned(),
            files: vec!["handraiser.yaml".to_owned(), "teams.yaml".to_owned()],
        };
        let versions = vec![item(2, "5f0c61d2a9be"), item(1, "aa0c61d2a900")];
        let list = |in_force: &str| VersionList { versions: versions.clone(), in_force: in_force.to_owned() };
        let text = |in_force| render_list(&list(in_force), Millis(3 * Millis::HOUR), Paint::plain());
        insta::assert_snapshot!(text("5f0c61d2a9be"), @r"
        VERSION  HASH          TOOK FORCE  FILES                       FIRST ON
        2        5f0c61d2a9be  3 h ago     handraiser.yaml teams.yaml  web1-7-4e0f9a
        1        aa0c61d2a900  3 h ago     handraiser.yaml teams.yaml  web1-7-4e0f9a
        ");
        insta::assert_snapshot!(text("aa0c61d2a900"), @r"
        VERSION  HASH          TOOK FORCE  FILES                       FIRST ON
        2        5f0c61d2a9be  3 h ago     handraiser.yaml teams.yaml  web1-7-4e0f9a
        1        aa0c61d2a900  3 h ago     handraiser.yaml teams.yaml  web1-7-4e0f9a
        this server runs with aa0c61d2a900, another than the latest
        ");
    }

    #[test]
    fn files_go_where_those_of_today_are() {
        let directory = tempfile::tempdir().unwrap();
        let here = |name: &str| directory.path().join(name);
        let file = |path: &str, text: &str| WrittenFile { path: path.to_owned(), text: text.to_owned() };
        std::fs::write(here("other.yaml"), "sources: { app: { write_key: k-1 } }\n").unwrap();
        let files = [
            file("/etc/h/handraiser.yaml", "sources: { app: { write_key: ••• } }\n"),
            file("/etc/h/x/teams.yaml", "a: 1\n"),
        ];
        let planned = plan(&files, &here("other.yaml")).unwrap();
        let expected = [
            (here("other.yaml"), "sources: { app: { write_key: k-1 } }\n".to_owned()),
            (here("x/teams.yaml"), "a: 1\n".to_owned()),
        ];
        assert_eq!(planned, expected);
        let refusal = plan(&files, &here("absent.yaml")).unwrap_err().message;
        assert!(refusal.contains("absent.yaml: sources.app.write_key") && refusal.contains("--print"), "{refusal}");
        replace(&here("other.yaml"), "new").unwrap();
        assert_eq!(std::fs::read_to_string(here("other.yaml")).unwrap(), "new");
        assert!(std::fs::read_to_string(here("other.yaml.before")).unwrap().contains("k-1"));
    }
}
