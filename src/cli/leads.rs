//! `handraiser leads`: the newest leads.

use serde_json::Value;

use super::card::waits_for;
use super::client::{Client, Format, Remote};
use super::output::{CommandError, print_json, read, show};
use super::paint::{Paint, Tone};
use super::table::{Cell, Table};
use super::words;
use crate::http::admin::{LeadItem, LeadList};
use crate::lead::Lead;
use crate::time::{Clock, Millis};

/// Leads are looked at so many at once.
const PAGE: usize = 1_000;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only leads of this definition
    #[arg(long, value_name = "NAME")]
    definition: Option<String>,

    /// Only leads of this subject: `user:ID` or `account:ID`
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,

    /// Only leads that changed before this moment (RFC 3339)
    #[arg(long, value_name = "TIME")]
    before: Option<String>,

    /// Only leads that are held because their source made too many
    #[arg(long, conflicts_with_all = ["definition", "subject", "before"])]
    held: bool,

    /// Only leads that wait for somebody of their team to be there, in the order in which they are given one
    #[arg(long, conflicts_with_all = ["definition", "subject", "before", "held"])]
    waiting: bool,

    /// Only leads that their owners have not taken on in time, the one that is most overdue first
    #[arg(long, conflicts_with_all = ["held", "waiting", "sort"])]
    overdue: bool,

    /// Open leads with the greatest `rank` first
    #[arg(long, value_name = "ORDER", value_parser = ["newest", "rank"], conflicts_with_all = ["held", "waiting"])]
    sort: Option<String>,

    /// How many at most
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,

    #[command(flatten)]
    remote: Remote,
}

pub async fn run(args: Args) -> Result<(), CommandError> {
    let client = Client::new(&args.remote)?;
    let looked_at = if args.overdue { PAGE } else { args.limit };
    let mut query = vec![("limit", looked_at.to_string())];
    if args.held {
        query.push(("held", "true".to_owned()));
    }
    if args.waiting {
        query.push(("waiting", "true".to_owned()));
    }
    if args.overdue {
        query.push(("overdue", "true".to_owned()));
    }
    query.extend(args.sort.map(|order| ("sort", order)));
    query.extend(args.definition.map(|name| ("definition", name)));
    query.extend(args.subject.map(|subject| ("subject", subject)));
    query.extend(args.before.map(|before| ("before", before)));
    if args.overdue {
        return overdue(&client, &query, (args.limit, args.remote.format)).await;
    }
    let answer = client.get(&["leads"], &query).await?;
    if args.remote.format == Format::Json {
        return print_json(&answer);
    }
    let list: LeadList = read(answer)?;
    show(&render_list(&list, Clock::System.now(), Paint::stdout()))
}

/// Those that are overdue, of all leads.
async fn overdue(
    client: &Client,
    query: &[(&str, String)],
    (limit, format): (usize, Format),
) -> Result<(), CommandError> {
    let (mut leads, mut before) = (Vec::new(), None::<i64>);
    loop {
        let mut query = query.to_vec();
        if let Some(before) = before {
            query.retain(|(name, _)| *name != "before");
            query.push(("before", before.to_string()));
        }
        let page: LeadList = read(client.get(&["leads"], &query).await?)?;
        leads.extend(page.leads);
        leads.sort_by_key(LeadItem::overdue_since);
        leads.truncate(limit);
        before = page.next_before;
        if before.is_none() {
            break;
        }
    }
    let list = LeadList { leads, next_before: None };
    match format {
        Format::Json => print_json(&list),
        Format::Text if list.leads.is_empty() => show("no lead is overdue\n"),
        Format::Text => show(&render_list(&list, Clock::System.now(), Paint::stdout())),
    }
}

/// The lead in a stored record, which is either the lead or the last event of its life.
fn lead_of(value: &Value) -> Option<Lead> {
    let lead = value.get("lead").unwrap_or(value);
    serde_json::from_value(lead.clone()).ok()
}

fn render_list(list: &LeadList, now: Millis, paint: Paint) -> String {
    if list.leads.is_empty() {
        return "No leads yet. `handraiser explain account ID` shows how far an account is.\n".to_owned();
    }
    let are_ranked = list.leads.iter().filter_map(|item| lead_of(&item.lead)).any(|lead| lead.rank.is_some());
    let columns = ["WHEN", "TIER", "RANK", "SUBJECT", "DEFINITION", "OWNER", "LEAD", "SUMMARY"];
    let mut table = Table::new(&columns.into_iter().filter(|name| are_ranked || *name != "RANK").collect::<Vec<_>>());
    for item in &list.leads {
        table.row(row(item, are_ranked, now));
    }
    let mut out = table.render(paint);
    if let Some(before) = list.next_before {
        out.push_str(&paint.dim(format!("more: --before {}\n", Millis(before).rfc3339())));
    }
    out
}

fn row(item: &LeadItem, is_ranked: bool, now: Millis) -> Vec<Cell> {
    let lead = lead_of(&item.lead);
    let tier = lead.as_ref().map_or_else(String::new, |lead| lead.tier.to_string());
    let routing = lead.as_ref().and_then(|lead| lead.routing.as_ref());
    let rank = lead.as_ref().and_then(|lead| lead.rank.as_ref()).map(ToString::to_string).unwrap_or_default();
    let ended = lead.as_ref().and_then(|lead| Some(lead.outcome?.as_str()));
    let lapsed = lead.as_ref().and_then(|lead| lead.timestamps.lapsed.as_ref()).map(|_| "lapsed");
    let owner = match routing {
        Some(routing) => routing.owner.clone().unwrap_or_else(|| "nobody".to_owned()),
        None if let Some(waits) = lead.as_ref().and_then(|lead| lead.waits.as_ref()) => waits_for(waits),
        None => match lead.as_ref().and_then(|lead| lead.hold.as_ref()) {
            Some(hold) if hold.discarded => "discarded".to_owned(),
            Some(hold) => format!("held ({})", hold.source),
            None => "being routed".to_owned(),
        },
    };
    let mut cells = vec![Cell::toned(words::ago(&item.updated, now), Tone::Dim), Cell::toned(tier, Tone::Accent)];
    cells.extend(is_ranked.then(|| Cell::new(rank)));
    cells.extend([
        Cell::toned(&item.subject, Tone::Strong),
        Cell::new(&item.definition),
        Cell::new(ended.or(lapsed).map_or_else(|| owner.clone(), |state| format!("{owner} ({state})"))),
        Cell::toned(&item.id, Tone::Dim),
        Cell::new(lead.map_or_else(String::new, |lead| lead.summary)),
    ]);
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::sample;
    use crate::record::Ending;

    #[test]
    fn ranks_are_a_column_where_there_are_any_and_what_is_over_says_so() {
        let item = |rank: Option<u32>, outcome: Option<Ending>| {
            let lead = Lead { rank: rank.map(Into::into), outcome, ..sample::full().lead };
            LeadItem {
                id: "lead_1".to_owned(),
                subject: "account:acme".to_owned(),
                definition: lead.definition.clone(),
                updated: "2026-11-21T09:30:00.000Z".to_owned(),
                lead: serde_json::to_value(lead).expect("plain data"),
            }
        };
        let now = Millis::parse("2026-11-21T09:30:01Z").expect("a moment");
        let shown = |leads| render_list(&LeadList { leads, next_before: None }, now, Paint::plain());
        let plain = shown(vec![item(None, None)]);
        assert!(!plain.contains("RANK") && plain.contains("  ana@example.com  "), "{plain}");
        let ranked = shown(vec![item(Some(12), None), item(None, Some(Ending::Won))]);
        assert!(ranked.contains("RANK") && ranked.contains("  12  ") && ranked.contains("(won)"), "{ranked}");
    }
}
