//! `handraiser history`: what the archive has, read from its files. No server is asked; what was counted in the last 15 s may
//! still wait in the store.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::output::{CommandError, load, show};
use super::paint::{Paint, Tone};
use super::table::{Cell, Table};
use super::words;
use crate::config::{Config, HistoryPlace};
use crate::history::{Archive, BucketAt, SCHEME, line};
use crate::ids::{RecordKey, ShardId};
use crate::time::write_day;
use crate::visible::json_escaped;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The archive's directory, or its bucket (`s3://…`), instead of what the configuration names
    #[arg(long)]
    path: Option<PathBuf>,

    /// The configuration file
    #[arg(long, default_value = "handraiser.yaml", env = "HANDRAISER_CONFIG")]
    config: PathBuf,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show how much there is of each shard, and whether something is missing or damaged (the default)
    Show {
        /// Read every segment, and hold it against the hash in its name
        #[arg(long)]
        verify: bool,
    },
    /// Print what happened: a line of JSON for each event that was applied to a record
    Cat {
        /// Only of this user or account, for example `user:42`
        of: Option<RecordKey>,
        /// Only of this shard
        #[arg(long)]
        shard: Option<u16>,
    },
}

pub fn run(args: &Args) -> Result<(), CommandError> {
    let archive = match &args.path {
        Some(path) => existing(path)?,
        None => of_config(&load(&args.config)?, "--path")?,
    };
    match &args.command {
        None => summary(&archive, false),
        Some(Command::Show { verify }) => summary(&archive, *verify),
        Some(Command::Cat { of, shard }) => print_past(&archive, of.as_ref(), shard.map(ShardId)),
    }
}

/// The archive of a configuration; `option` is how another place is named.
pub(super) fn of_config(config: &Config, option: &str) -> Result<Archive, CommandError> {
    let Some(history) = &config.history else {
        let none = format!("the configuration has no `history`: name the archive's directory with `{option}`");
        return Err(CommandError::message(none));
    };
    match &history.place {
        HistoryPlace::Directory(path) => existing(path),
        HistoryPlace::Bucket(at) => Ok(Archive::in_bucket(at)?),
    }
}

/// An archive, which must be there.
pub(super) fn existing(path: &Path) -> Result<Archive, CommandError> {
    if let Some(at) = path.to_str().filter(|path| path.starts_with(SCHEME)) {
        let no_bucket = || CommandError::message(format!("`{at}` names no bucket: write `s3://<bucket>/<prefix>`"));
        return Ok(Archive::in_bucket(&BucketAt::parse(at).ok_or_else(no_bucket)?)?);
    }
    if path.is_dir() {
        return Ok(Archive::open(path)?);
    }
    Err(CommandError::message(format!("there is no archive at {}; name another directory", path.display())))
}

fn summary(archive: &Archive, verify: bool) -> Result<(), CommandError> {
    let paint = Paint::stdout();
    let mut table = Table::new(&["SHARD", "SEGMENTS", "SIZE", "FROM", "TO", "MISSING"]);
    let mut days = BTreeSet::new();
    for shard in archive.shards()? {
        let segments = archive.segments(shard)?;
        // Where lines aren't wanted, nothing is read of a segment but the blocks that it names.
        let reach = if verify {
            archive.read(shard, (0, u64::MAX), |_| false, |_| ControlFlow::Continue(()))?
        } else {
            archive.reach(shard)?
        };
        let missing = words::count(reach.gaps.len() as u64, "gap");
        let of_shard: BTreeSet<i64> = segments.iter().map(|segment| segment.day).collect();
        let day = |day: Option<&i64>| day.map_or_else(String::new, |day| day_text(*day));
        table.row(vec![
            Cell::toned(shard.to_string(), Tone::Strong),
            Cell::new(segments.len().to_string()),
            Cell::new(words::bytes(segments.iter().map(|segment| usize::try_from(segment.bytes).unwrap_or(0)).sum())),
            Cell::new(day(of_shard.first())),
            Cell::new(day(of_shard.last())),
            if reach.gaps.is_empty() { Cell::new(String::new()) } else { Cell::toned(missing, Tone::Bad) },
        ]);
        days.extend(of_shard);
    }
    if days.is_empty() {
        return show(&format!("{}\n", paint.dim("nothing is archived yet")));
    }
    show(&table.render(paint))
}

fn day_text(day: i64) -> String {
    let mut text = String::new();
    write_day(day, &mut text);
    text
}

fn print_past(archive: &Archive, of: Option<&RecordKey>, shard: Option<ShardId>) -> Result<(), CommandError> {
    let shards = match shard {
        Some(shard) => vec![shard],
        None => archive.shards()?,
    };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let needle = of.map(|key| serde_json::to_string(&key.to_string())).transpose()?;
    let wanted = |text: &[u8]| needle.as_ref().is_none_or(|needle| has(text, needle.as_bytes()));
    let (mut text, mut failed) = (Vec::new(), None);
    for shard in shards {
        archive.read(shard, (0, u64::MAX), wanted, |block| {
            for row in block.rows.iter().filter(|row| of.is_none_or(|of| row.of == *of)) {
                text.clear();
                line::write(&row.of, row.at, &row.past, &mut text);
                let harmless = json_escaped(&String::from_utf8_lossy(&text)).into_owned();
                if let Err(error) = out.write_all(harmless.as_bytes()) {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
    }
    match failed.map_or_else(|| out.flush(), Err) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn has(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window == needle)
}
