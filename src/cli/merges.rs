//! `handraiser merges` and `handraiser unlink`: which ids are one user, and taking an id out again.

use super::client::{Client, Format, Remote};
use super::output::{CommandError, print_json, read, show};
use super::paint::{Paint, Tone};
use super::table::{Cell, Table};
use super::words;
use crate::http::admin::{MergeItem, MergeList, MergeLogItem, MergeLogList, Unlinked};
use crate::record::MergeOutcome;
use crate::time::{Clock, Millis};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Any id of the user; without one, what sources said lately about known ids being others
    id: Option<String>,

    /// Only what this source said
    #[arg(long, value_name = "NAME", conflicts_with = "id")]
    source: Option<String>,

    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50, conflicts_with = "id")]
    limit: usize,

    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, clap::Args)]
pub struct UnlinkArgs {
    /// The id that was merged into a user
    id: String,

    #[command(flatten)]
    remote: Remote,
}

/// Shows merges.
pub async fn run(args: Args) -> Result<(), CommandError> {
    let client = Client::new(&args.remote)?;
    let Some(id) = &args.id else {
        let limit = ("limit", args.limit.to_string());
        let query: Vec<_> = [limit].into_iter().chain(args.source.map(|source| ("source", source))).collect();
        let answer = client.get(&["merges"], &query).await?;
        if args.remote.format == Format::Json {
            return print_json(&answer);
        }
        return show(&render_log(&read(answer)?, Clock::System.now(), Paint::stdout()));
    };
    let answer = client.get(&["merges", id], &[]).await?;
    if args.remote.format == Format::Json {
        return print_json(&answer);
    }
    show(&render(&read(answer)?, Clock::System.now(), Paint::stdout()))
}

fn render_log(list: &MergeLogList, now: Millis, paint: Paint) -> String {
    if list.merges.is_empty() {
        return "No source said that a known id is another.\n".to_owned();
    }
    let mut table = Table::new(&["WHEN", "SOURCE", "TRUST", "OUTCOME", "ID", "USER"]);
    for MergeLogItem { at, outcome, id, user, source, trust } in &list.merges {
        let tone = match outcome {
            MergeOutcome::Merged => Tone::Good,
            MergeOutcome::Refused => Tone::Bad,
            MergeOutcome::Undone => Tone::Warn,
        };
        table.row(vec![
            Cell::toned(words::ago(at, now), Tone::Dim),
            Cell::new(source),
            Cell::new(trust.as_str()),
            Cell::toned(outcome.as_str(), tone),
            Cell::new(id),
            Cell::new(user),
        ]);
    }
    table.render(paint)
}

/// Takes an id out.
pub async fn unlink(args: UnlinkArgs) -> Result<(), CommandError> {
    let answer = Client::new(&args.remote)?.delete(&["merges", &args.id], &[]).await?;
    if args.remote.format == Format::Json {
        return print_json(&answer);
    }
    let Unlinked { id, from } = read(answer)?;
    println!("{id} is its own again; what was counted until now stays with {from}");
    Ok(())
}

fn render(list: &MergeList, now: Millis, paint: Paint) -> String {
    let sort = if list.known { "a known user: only servers may merge it into another" } else { "an anonymous id" };
    let mut out = format!("{}  {}\n", paint.strong(&list.id), paint.dim(sort));
    let merged_into = list.merged_into.iter().map(|item| (Tone::Warn, "merged into", item));
    let merged = list.merged.iter().map(|item| (Tone::Good, "merged in", item));
    let refused = list.refused.iter().map(|item| (Tone::Bad, "refused, into", item));
    for (tone, what, MergeItem { id, at, trust, source }) in merged_into.chain(merged).chain(refused) {
        let by = format!("{} by {} ({})", words::ago(at, now), source, trust.as_str());
        out.push_str(&format!("  {} {id}  {}\n", paint.tone(tone, what), paint.dim(by)));
    }
    if list.merged_into.is_none() && list.merged.is_empty() && list.refused.is_empty() {
        out.push_str(&format!("  {}\n", paint.dim("nothing was merged into it, and it into nothing")));
    }
    out
}
