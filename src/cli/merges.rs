//! `handraiser merges` and `handraiser unlink`: which ids are one user, and taking an id out again.

use super::client::{Client, Format, Remote};
use super::output::{CommandError, print_json, read, show};
use super::paint::{Paint, Tone};
use super::words;
use crate::http::admin::{MergeItem, MergeList, Unlinked};
use crate::time::{Clock, Millis};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Any id of the user
    id: String,

    #[command(flatten)]
    remote: Remote,
}

/// Shows merges.
pub async fn run(args: Args) -> Result<(), CommandError> {
    let answer = Client::new(&args.remote)?.get(&["merges", &args.id], &[]).await?;
    if args.remote.format == Format::Json {
        return print_json(&answer);
    }
    show(&render(&read(answer)?, Clock::System.now(), Paint::stdout()))
}

/// Takes an id out.
pub async fn unlink(args: Args) -> Result<(), CommandError> {
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
