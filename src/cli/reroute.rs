//! `handraiser reroute`: open leads go where the routes and territories of now say.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::absences;
use super::client::{Client, Format, Remote};
use super::output::{CommandError, load, print_json, read};
use super::paint::{Paint, Tone};
use super::table::{Cell, Table};
use super::words;
use crate::http::admin::{LeadItem, LeadList, RerouteItem, RerouteList, moves as elsewhere};
use crate::routing::Routes;
use crate::time::Clock;

/// Leads are looked at so many at once.
const PAGE: usize = 1_000;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Also leads that their owners have accepted
    #[arg(long)]
    accepted: bool,

    /// Show which would go elsewhere by this configuration, before it takes force
    #[arg(long, value_name = "FILE", conflicts_with = "yes")]
    config: Option<PathBuf>,

    /// Do it; without this it is only shown
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    remote: Remote,
}

pub async fn run(args: Args) -> Result<(), CommandError> {
    let client = Client::new(&args.remote)?;
    let mut moves = match &args.config {
        Some(file) => on_paper(&client, file, args.accepted).await?,
        None => moves(&client, args.accepted).await?,
    };
    if args.yes {
        for one in &mut moves {
            let answer = client.post(&["leads", &one.lead.id, "reroute"], &json!({})).await?;
            one.lead = read::<LeadItem>(answer)?;
        }
    }
    if args.remote.format == Format::Json {
        return print_json(&json!({ "leads": moves, "done": args.yes }));
    }
    print!("{}", report(&moves, (args.yes, args.config.is_some()), Paint::stdout()));
    Ok(())
}

async fn moves(client: &Client, accepted: bool) -> Result<Vec<RerouteItem>, CommandError> {
    let (mut found, mut before) = (Vec::new(), None::<i64>);
    loop {
        let mut query = vec![("limit", PAGE.to_string()), ("accepted", accepted.to_string())];
        query.extend(before.map(|before| ("before", before.to_string())));
        let page: RerouteList = read(client.get(&["reroutes"], &query).await?)?;
        found.extend(page.leads);
        before = page.next_before;
        if before.is_none() {
            return Ok(found);
        }
    }
}

/// Which leads would go elsewhere by a configuration that has no force.
async fn on_paper(client: &Client, file: &Path, accepted: bool) -> Result<Vec<RerouteItem>, CommandError> {
    let (config, roster, now) = (load(file)?, absences::ask(client).await?, Clock::System.now());
    let by = Routes { roster: &roster, ..config.rules.routes() };
    let (mut found, mut before) = (Vec::new(), None::<i64>);
    loop {
        let mut query = vec![("limit", PAGE.to_string())];
        query.extend(before.map(|before| ("before", before.to_string())));
        let page: LeadList = read(client.get(&["leads"], &query).await?)?;
        found.extend(page.leads.into_iter().filter_map(|lead| elsewhere(by, lead, accepted, now)));
        before = page.next_before;
        if before.is_none() {
            return Ok(found);
        }
    }
}

fn owner(item: &LeadItem) -> &str {
    item.lead.pointer("/routing/owner").and_then(Value::as_str).unwrap_or("nobody")
}

fn report(moves: &[RerouteItem], (done, on_paper): (bool, bool), paint: Paint) -> String {
    if moves.is_empty() {
        let by = if on_paper { "these routes" } else { "the routes" };
        return format!("every open lead is where {by} send it\n");
    }
    let mut table =
        Table::new(&["LEAD", "TIER", "SUBJECT", if done { "OWNER NOW" } else { "OWNER" }, "GOES TO", "WHY"]);
    for one in moves {
        let to = one.team.as_ref().map(|team| format!("team {team}")).or_else(|| one.owner.clone());
        table.row(vec![
            Cell::toned(&one.lead.id, Tone::Dim),
            Cell::toned(one.lead.lead.get("tier").map(ToString::to_string).unwrap_or_default(), Tone::Accent),
            Cell::toned(&one.lead.subject, Tone::Strong),
            Cell::new(owner(&one.lead)),
            Cell::new(to.unwrap_or_else(|| "nobody".to_owned())),
            Cell::toned(&one.reason, Tone::Dim),
        ]);
    }
    let all = words::count(moves.len() as u64, "lead");
    let end = if done {
        format!("{all} rerouted; one whose team has nobody there stays whose it is until somebody is")
    } else if on_paper {
        format!("{all} would go elsewhere: with `leads.re_route` they do when the file takes force")
    } else {
        format!("{all} would go elsewhere: do it with `--yes`")
    };
    format!("{}{end}\n", table.render(paint))
}
