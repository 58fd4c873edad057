//! `handraiser lead`: everything about one lead on one page, in the order of time.

use serde_json::json;

use super::card;
use super::client::{Client, Format, Remote};
use super::output::{CommandError, print_json, read, show};
use super::paint::{Paint, Tone};
use super::pause;
use super::table::{Cell, Table};
use super::tried;
use crate::http::admin::{LeadItem, ToldItem, ToldList};
use crate::lead::Lead;
use crate::time::{Clock, Millis};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The lead's id (see `handraiser leads`)
    id: String,

    #[command(flatten)]
    remote: Remote,
}

pub async fn run(args: Args) -> Result<(), CommandError> {
    let client = Client::new(&args.remote)?;
    let mut lead = client.get(&["leads", &args.id], &[]).await?;
    let told: ToldList = read(client.get(&["leads", &args.id, "destinations"], &[]).await?)?;
    if args.remote.format == Format::Json {
        if let Some(fields) = lead.as_object_mut() {
            fields.insert("destinations".to_owned(), json!(told.destinations));
        }
        return print_json(&lead);
    }
    let item: LeadItem = read(lead.clone())?;
    // Fails open: what can't be read as a lead is shown as it is.
    let Ok(lead) = serde_json::from_value::<Lead>(item.lead.clone()) else { return print_json(&lead) };
    show(&page(&item.id, &lead, &told.destinations, Clock::System.now(), Paint::stdout()))
}

fn page(id: &str, lead: &Lead, destinations: &[ToldItem], now: Millis, paint: Paint) -> String {
    let mut out = card::render(lead, id, paint);
    if !lead.history.is_empty() {
        let mut table = Table::new(&["WHEN", "WHAT", "OWNER", "WHY"]);
        for happening in &lead.history {
            table.row(vec![
                Cell::toned(happening.at.replace('T', " ").trim_end_matches('Z'), Tone::Dim),
                Cell::toned(happening.what.replace('_', " "), Tone::Strong),
                Cell::new(happening.owner.as_deref().unwrap_or_default()),
                Cell::new(happening.note.as_deref().unwrap_or_default()),
            ]);
        }
        out.push('\n');
        out.push_str(&table.render(paint));
    }
    if !destinations.is_empty() {
        let mut table = Table::new(&["DESTINATION", "NEWS", "THERE", "LAST"]);
        destinations.iter().for_each(|told| table.row(row(told, now)));
        out.push('\n');
        out.push_str(&table.render(paint));
        for told in destinations.iter().filter(|told| !told.tried.is_empty()) {
            out.push_str(&format!("\n{}{}", paint.strong(&told.destination), tried::render(&told.tried, now, paint)));
        }
    }
    out
}

fn row(told: &ToldItem, now: Millis) -> Vec<Cell> {
    let news = match (told.waiting, told.given_up) {
        (0, 0) => Cell::toned("nothing waits", Tone::Good),
        (0, given_up) => Cell::toned(format!("{given_up} given up"), Tone::Bad),
        (waiting, 0) => Cell::toned(format!("{waiting} waiting"), Tone::Warn),
        (waiting, given_up) => Cell::toned(format!("{waiting} waiting, {given_up} given up"), Tone::Bad),
    };
    let seen = told.seen.as_ref().map(|seen| {
        let parts = [Some(seen.stage.as_str()), seen.reason.as_deref(), seen.owner.as_deref()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    });
    let paused = told.paused.as_ref().filter(|_| told.waiting > 0);
    let last = match (&told.error, &told.took) {
        _ if paused.is_some() => paused.map(|pause| pause::told(pause, now)).unwrap_or_default(),
        (Some(error), _) => format!("{} attempts: {error}", told.attempts),
        (None, Some(took)) => format!("took news at {took}"),
        (None, None) => String::new(),
    };
    vec![Cell::toned(&told.destination, Tone::Strong), news, Cell::new(seen.unwrap_or_default()), Cell::new(last)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::sample;
    use crate::http::admin::{PauseItem, SeenItem, TriedItem};
    use crate::lead::Happening;
    use crate::record::PausedBy;

    #[test]
    fn a_page_tells_what_happened_and_how_it_stands_everywhere() {
        let happening = |at: &str, what: &str, owner: Option<&str>, note: &str| Happening {
            at: format!("2026-11-30T{at}.000Z"),
            what: what.to_owned(),
            owner: owner.map(str::to_owned),
            note: Some(note.to_owned()).filter(|note| !note.is_empty()),
        };
        let history = vec![
            happening("09:00:00", "qualified", None, "tier 1"),
            happening(
                "09:00:00",
                "routed",
                Some("ana@example.com"),
                "round robin in team dach: ana@example.com's turn",
            ),
            happening("10:00:00", "accepted", None, ""),
        ];
        let lead = Lead { history, ..sample::full().lead };
        let crm = ToldItem {
            destination: "crm".to_owned(),
            took: Some("2026-11-30T10:00:01.000Z".to_owned()),
            seen: Some(SeenItem {
                stage: "working".to_owned(),
                reason: None,
                owner: Some("ana@example.com".to_owned()),
            }),
            ..ToldItem::default()
        };
        let tried = TriedItem {
            event_id: "evt_1".to_owned(),
            at: Millis(Millis::HOUR).rfc3339(),
            took_ms: 41,
            asked: Some("POST /api/chat.postMessage".to_owned()),
            status: Some(503),
            error: "503".to_owned(),
            said: None,
        };
        let slack = ToldItem {
            waiting: 2,
            attempts: 3,
            error: Some("503".to_owned()),
            tried: vec![tried],
            ..ToldItem::default()
        };
        let slack = ToldItem { destination: "slack".to_owned(), ..slack };
        let (since, why) = (Millis(0).rfc3339(), Some("403 Forbidden: missing scope".to_owned()));
        let paused = Some(PauseItem { since, by: PausedBy::Refused, why });
        let hubspot = ToldItem { destination: "hubspot".to_owned(), waiting: 1, paused, ..ToldItem::default() };
        let page = page("lead_1", &lead, &[crm, slack, hubspot], Millis(3 * Millis::HOUR), Paint::plain());
        let (_, told) = page.split_once("WHEN").expect("there is a history");
        insta::assert_snapshot!(told.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"));
    }
}
