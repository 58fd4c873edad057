//! `handraiser backfill`: how far the past was looked at for what is new in the configuration.

use std::collections::BTreeSet;

use super::client::{Client, Format, Remote};
use super::output::{CommandError, print_json, read, show};
use super::paint::{Paint, Tone};
use super::table::{Cell, Table};
use super::words;
use crate::http::admin::{BackfillAnswer, BackfillItem, BackfillRequest};
use crate::time::{Clock, Millis};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Have every user and account looked at once more, at low priority
    #[arg(long)]
    now: bool,

    /// Only for this definition; may be given several times
    #[arg(long, value_name = "NAME", requires = "now")]
    definition: Vec<String>,

    #[command(flatten)]
    remote: Remote,
}

pub async fn run(args: Args) -> Result<(), CommandError> {
    let client = Client::new(&args.remote)?;
    let answer = if args.now {
        let request = BackfillRequest { definitions: args.definition.into_iter().collect() };
        client.post(&["backfill"], &serde_json::to_value(request)?).await?
    } else {
        client.get(&["backfill"], &[]).await?
    };
    if args.remote.format == Format::Json {
        return print_json(&answer);
    }
    show(&render(&read(answer)?, Clock::System.now(), Paint::stdout()))
}

fn render(answer: &BackfillAnswer, now: Millis, paint: Paint) -> String {
    if answer.done {
        let total: u64 = answer.shards.iter().filter_map(|shard| shard.total).sum();
        let last = answer.shards.iter().filter_map(|shard| shard.done_at.as_ref()).max();
        let last = last.map(|at| format!(" ({total} users and accounts, {})", words::ago(at, now)));
        return format!("everybody was looked at for what the configuration says{}\n", last.unwrap_or_default());
    }
    let mut table = Table::new(&["SHARD", "FIGURES", "LOOKED AT", "BEGAN"]);
    let mut open = BTreeSet::new();
    for shard in &answer.shards {
        let (figures, looked) = (figures(shard), looked(shard));
        open.extend(&shard.open);
        table.row(vec![
            Cell::toned(format!("s{}", shard.shard), Tone::Strong),
            Cell::new(figures),
            Cell::new(looked),
            Cell::toned(shard.began_at.as_ref().map(|at| words::ago(at, now)).unwrap_or_default(), Tone::Dim),
        ]);
    }
    let open: Vec<String> = open.into_iter().map(|name| format!("`{name}`")).collect();
    let what =
        if open.is_empty() { String::new() } else { format!("everybody is looked at for {}\n", open.join(", ")) };
    format!("{}{what}", table.render(paint))
}

fn figures(shard: &BackfillItem) -> String {
    match shard.lacking.values().sum() {
        0 => "complete".to_owned(),
        left => format!("{} left", words::count(left, "commit")),
    }
}

fn looked(shard: &BackfillItem) -> String {
    if shard.open.is_empty() {
        return shard.total.map_or_else(|| "all".to_owned(), |total| format!("all {total}"));
    }
    if !shard.lacking.is_empty() {
        return "when figures are complete".to_owned();
    }
    let of = shard.total.map(|total| format!(" of about {total}")).unwrap_or_default();
    format!("{}{of}", shard.seen)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn shard(shard: u16, open: &[&str], seen: u64) -> BackfillItem {
        BackfillItem {
            shard,
            lacking: BTreeMap::new(),
            open: open.iter().map(ToString::to_string).collect(),
            seen,
            began_at: (seen > 0).then(|| Millis(0).rfc3339()),
            done_at: Some(Millis(0).rfc3339()),
            total: Some(61_000),
        }
    }

    #[test]
    fn progress_is_told_shard_by_shard() {
        let filling = BackfillItem { lacking: BTreeMap::from([("a".to_owned(), 20)]), ..shard(2, &["idle"], 0) };
        let shards = vec![shard(0, &["idle", "busy"], 12_000), shard(1, &[], 0), filling];
        let text = render(&BackfillAnswer { done: false, shards }, Millis(200_000), Paint::plain());
        insta::assert_snapshot!(text, @"
        SHARD  FIGURES          LOOKED AT                  BEGAN
        s0     complete         12000 of about 61000       3 min ago
        s1     complete         all 61000
        s2     20 commits left  when figures are complete
        everybody is looked at for `busy`, `idle`
        ");
        let done = BackfillAnswer { done: true, shards: vec![shard(0, &[], 0), shard(1, &[], 0)] };
        let expected =
            "everybody was looked at for what the configuration says (122000 users and accounts, 3 min ago)\n";
        assert_eq!(render(&done, Millis(200_000), Paint::plain()), expected);
    }
}
