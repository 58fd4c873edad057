//! `handraiser traits import`: what another system knows of users or accounts, from a file.

mod rows;

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::json;

use self::rows::{Columns, Row, RowError};
use super::client::{Client, ClientError, Remote};
use super::output::{CommandError, read};
use crate::http::admin::{TraitsAnswer, TraitsBatch, TraitsCall};
use crate::ids::SubjectKind;
use crate::time::Millis;
use crate::visible::escaped;

/// So many rows are sent at once,
const BATCH_ROWS: usize = 200;
/// or so many bytes of them.
const BATCH_BYTES: usize = 128 * 1_024;
/// So many mistakes are shown one by one.
const SHOWN: usize = 20;
/// How often a batch is tried that a server doesn't take.
const ATTEMPTS: u32 = 5;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Send the rows of a file: a CSV file with a header, or a JSON object on each line
    ///
    /// A row that was sent is durable. Sending the file again changes nothing: rows that were taken are recognised.
    Import(Import),
}

#[derive(Debug, clap::Args)]
pub struct Import {
    /// The file: *.csv, or *.jsonl
    file: PathBuf,

    /// Whose traits they are
    #[arg(long, value_name = "user|account", value_parser = kind)]
    of: SubjectKind,

    /// The source that knows it, as configured (its `trust` is `server`)
    #[arg(long)]
    source: String,

    /// The column with the user's or account's id
    #[arg(long, default_value = "id", value_name = "COLUMN")]
    id: String,

    /// A column that is a trait of another name; `COLUMN=` leaves it out
    #[arg(long, value_name = "COLUMN=TRAIT", value_parser = renamed)]
    map: Vec<(String, String)>,

    /// Since when the source knows it, RFC 3339; by default when the file was changed last
    #[arg(long, value_name = "TIME")]
    at: Option<String>,

    /// Read the file and say what is wrong with it, and send nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    remote: Remote,
}

fn kind(text: &str) -> Result<SubjectKind, String> {
    let kinds = [SubjectKind::User, SubjectKind::Account];
    kinds.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| "write `user` or `account`".to_owned())
}

fn renamed(text: &str) -> Result<(String, String), String> {
    let (column, name) = text.split_once('=').ok_or("write `COLUMN=TRAIT`")?;
    Ok((column.to_owned(), name.to_owned()))
}

/// Runs the command.
pub async fn run(command: Command) -> Result<(), CommandError> {
    let Command::Import(args) = command;
    let problem = |error: std::io::Error| CommandError::message(format!("{}: {error}", args.file.display()));
    let file = File::open(&args.file).map_err(problem)?;
    let metadata = file.metadata().map_err(problem)?;
    let at = match &args.at {
        Some(at) => Millis::parse(at)
            .ok_or_else(|| CommandError::message(format!("`{at}` is no time: write `2026-11-21T09:30:00Z`")))?,
        None => metadata.modified().map_err(problem).map(millis)?,
    };
    let columns = Columns { id: args.id.clone(), renamed: args.map.clone() };
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(metadata.len()) } else { ProgressBar::hidden() };
    let file = bar.wrap_read(file);
    let mut import = Importer {
        args: &args,
        client: Client::new(&args.remote)?,
        at,
        batch: Vec::new(),
        bytes: 0,
        sent: 0,
        wrong: Vec::new(),
        wrong_count: 0,
    };
    import
        .all(rows_of(&args.file, file, columns).map_err(|error| CommandError::message(place(&args.file, &error)))?)
        .await?;
    bar.finish_and_clear();
    import.conclude()
}

fn rows_of<'f>(
    path: &Path,
    file: impl Read + 'f,
    columns: Columns,
) -> Result<Box<dyn Iterator<Item = Result<Row, RowError>> + 'f>, RowError> {
    let is_csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    Ok(if is_csv { Box::new(rows::csv(file, columns)?) } else { Box::new(rows::jsonl(file, columns)) })
}

fn millis(time: std::time::SystemTime) -> Millis {
    let since = time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn place(file: &Path, RowError { line, message }: &RowError) -> String {
    format!("{}:{line}: {}", file.display(), escaped(message))
}

struct Importer<'a> {
    args: &'a Import,
    client: Client,
    at: Millis,
    batch: Vec<Row>,
    bytes: usize,
    sent: usize,
    wrong: Vec<RowError>,
    wrong_count: usize,
}

impl Importer<'_> {
    async fn all(&mut self, rows: impl Iterator<Item = Result<Row, RowError>>) -> Result<(), CommandError> {
        for row in rows {
            match row {
                Ok(row) if row.traits.is_empty() => {}
                Ok(row) => {
                    self.bytes += row.id.len()
                        + row
                            .traits
                            .iter()
                            .map(|(name, value)| name.len() + value.to_string().len() + 8)
                            .sum::<usize>();
                    self.batch.push(row);
                }
                Err(error) => self.note(error),
            }
            if self.batch.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES {
                self.send().await?;
            }
        }
        self.send().await
    }

    fn note(&mut self, error: RowError) {
        self.wrong_count += 1;
        if self.wrong.len() < SHOWN {
            self.wrong.push(error);
        }
    }

    async fn send(&mut self) -> Result<(), CommandError> {
        let rows = std::mem::take(&mut self.batch);
        self.bytes = 0;
        let Some(first) = rows.first().map(|row| row.line) else { return Ok(()) };
        self.sent += rows.len();
        if self.args.dry_run {
            return Ok(());
        }
        let calls = rows.iter().map(|row| self.call(row)).collect();
        let body = json!(TraitsBatch { batch: calls });
        let answer: TraitsAnswer = read(self.post(&body).await.map_err(|error| {
            let file = self.args.file.display();
            let again = "run it again: what was taken is recognised";
            CommandError::message(format!("{error}\n  {file} was sent as far as line {first}; {again}"))
        })?)?;
        self.sent -= answer.rejected_count;
        self.wrong_count += answer.rejected_count.saturating_sub(answer.rejected.len());
        for rejected in answer.rejected {
            let line = rows.get(rejected.index).map_or(first, |row| row.line);
            self.note(RowError { line, message: rejected.message });
        }
        Ok(())
    }

    fn call(&self, row: &Row) -> TraitsCall {
        let id = Some(row.id.clone());
        let (user_id, group_id) = if self.args.of == SubjectKind::User { (id, None) } else { (None, id) };
        TraitsCall {
            kind: "traits".to_owned(),
            user_id,
            group_id,
            traits: row.traits.clone(),
            timestamp: Some(self.at.rfc3339()),
        }
    }

    /// A server that restarts or is behind is waited for.
    async fn post(&self, body: &serde_json::Value) -> Result<serde_json::Value, ClientError> {
        let mut attempt = 1;
        loop {
            let query = [("source", self.args.source.clone())];
            match self.client.post_with(&["traits"], &query, body).await {
                Err(ClientError::Unreachable { .. } | ClientError::Busy(_)) if attempt < ATTEMPTS => {
                    tokio::time::sleep(Duration::from_secs(1 << attempt)).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    fn conclude(&self) -> Result<(), CommandError> {
        for error in &self.wrong {
            eprintln!("{}", place(&self.args.file, error));
        }
        if self.wrong_count > self.wrong.len() {
            eprintln!("… and {} more", self.wrong_count - self.wrong.len());
        }
        let (sent, of) = (self.sent, self.args.of);
        let (plural, done) =
            (if sent == 1 { "" } else { "s" }, if self.args.dry_run { "would be taken" } else { "taken" });
        println!("{sent} {of}{plural} {done}, {} rows left out", self.wrong_count);
        if self.wrong_count > 0 { Err(CommandError::message("some rows could not be used")) } else { Ok(()) }
    }
}
