//! `handraiser rejected`: events that arrived and could not be used, and why.

use super::client::{Client, Format, Remote};
use super::output::{CommandError, print_json, read, show};
use super::paint::{Paint, Tone};
use super::table::{Cell, Table};
use super::words;
use crate::http::admin::{RejectedItem, RejectedList};
use crate::time::{Clock, Millis};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many at most
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,

    /// Only those of this source
    #[arg(long, value_name = "NAME")]
    source: Option<String>,

    /// Show the beginning of each event too
    #[arg(long)]
    excerpts: bool,

    #[command(flatten)]
    remote: Remote,
}

pub async fn run(args: Args) -> Result<(), CommandError> {
    let client = Client::new(&args.remote)?;
    let limit = ("limit", args.limit.to_string());
    let query: Vec<_> = [limit].into_iter().chain(args.source.map(|source| ("source", source))).collect();
    let answer = client.get(&["rejected"], &query).await?;
    if args.remote.format == Format::Json {
        return print_json(&answer);
    }
    let list: RejectedList = read(answer)?;
    show(&render(&list.rejected, args.excerpts, Clock::System.now(), Paint::stdout()))
}

fn render(rejected: &[RejectedItem], excerpts: bool, now: Millis, paint: Paint) -> String {
    if rejected.is_empty() {
        return "No event was rejected.\n".to_owned();
    }
    let mut table = Table::new(&["WHEN", "SOURCE", "CODE", "MESSAGE ID", "ITEM", "WHY"]);
    for item in rejected {
        table.row(row(item, now));
    }
    let mut out = table.render(paint);
    if excerpts {
        for item in rejected {
            out.push_str(&format!("\n{} {}\n  {}\n", paint.strong(&item.code), paint.dim(&item.at), item.excerpt));
        }
    }
    out
}

fn row(item: &RejectedItem, now: Millis) -> Vec<Cell> {
    vec![
        Cell::toned(words::ago(&item.at, now), Tone::Dim),
        Cell::new(&item.source),
        Cell::toned(&item.code, Tone::Bad),
        Cell::toned(item.message_id.as_deref().unwrap_or("none"), Tone::Dim),
        Cell::new(item.index.to_string()),
        Cell::new(&item.message),
    ]
}
