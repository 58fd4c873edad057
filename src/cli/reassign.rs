//! `handraiser reassign`: the open leads of one rep go to others.

use serde_json::{Value, json, to_value};

use super::client::{Client, Format, Remote};
use super::output::{CommandError, print_json, read};
use super::paint::{Paint, Tone};
use super::table::{Cell, Table};
use super::words;
use crate::http::admin::{LeadItem, LeadList, OwnerRequest};

/// Leads are read so many at once.
const PAGE: usize = 1_000;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whose leads, by e-mail address
    rep: String,

    /// Who gets them, by e-mail address; by default of each lead whoever else of its team has the next turn
    #[arg(long, value_name = "REP")]
    to: Option<String>,

    /// Also those that the rep has accepted
    #[arg(long)]
    accepted: bool,

    /// Do it; without this it is only shown
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    remote: Remote,
}

pub async fn run(args: Args) -> Result<(), CommandError> {
    let client = Client::new(&args.remote)?;
    let mut leads = open_leads(&client, &args).await?;
    if args.yes {
        let request = to_value(&OwnerRequest { owner: args.to.clone() })?;
        for lead in &mut leads {
            *lead = read(client.post(&["leads", &lead.id, "owner"], &request).await?)?;
        }
    }
    if args.remote.format == Format::Json {
        return print_json(&json!({ "leads": leads, "done": args.yes }));
    }
    print!("{}", report(&args, &leads, Paint::stdout()));
    Ok(())
}

/// The open leads of the rep, the newest first.
async fn open_leads(client: &Client, args: &Args) -> Result<Vec<LeadItem>, CommandError> {
    let (mut found, mut before) = (Vec::new(), None::<i64>);
    loop {
        let mut query = vec![("limit", PAGE.to_string())];
        query.extend(before.map(|before| ("before", before.to_string())));
        let page: LeadList = read(client.get(&["leads"], &query).await?)?;
        found.extend(page.leads.into_iter().filter(|lead| is_theirs(&lead.lead, &args.rep, args.accepted)));
        before = page.next_before;
        if before.is_none() {
            return Ok(found);
        }
    }
}

/// Whether a lead is open and the rep's, and as far as is asked not accepted.
fn is_theirs(lead: &Value, rep: &str, with_accepted: bool) -> bool {
    let is_set = |path: &&str| lead.pointer(path).is_some_and(|value| !value.is_null() && *value != false);
    let over = ["/outcome", "/timestamps/lapsed", "/hold", "/shadow"];
    let owner = lead.pointer("/routing/owner").and_then(Value::as_str);
    owner.is_some_and(|owner| owner.eq_ignore_ascii_case(rep.trim()))
        && !over.iter().any(is_set)
        && (with_accepted || !is_set(&"/progress"))
}

fn report(args: &Args, leads: &[LeadItem], paint: Paint) -> String {
    let which = if args.accepted { "open" } else { "open and not accepted" };
    if leads.is_empty() {
        return format!("no lead of {} is {which}\n", args.rep);
    }
    let mut table =
        Table::new(&["LEAD", "TIER", "SUBJECT", "DEFINITION", if args.yes { "OWNER NOW" } else { "OWNER" }]);
    let mut stayed = 0_u64;
    for item in leads {
        let owner = item.lead.pointer("/routing/owner").and_then(Value::as_str).unwrap_or("nobody");
        stayed += u64::from(owner.eq_ignore_ascii_case(args.rep.trim()));
        table.row(vec![
            Cell::toned(&item.id, Tone::Dim),
            Cell::toned(item.lead.get("tier").map(ToString::to_string).unwrap_or_default(), Tone::Accent),
            Cell::toned(&item.subject, Tone::Strong),
            Cell::new(&item.definition),
            Cell::new(owner),
        ]);
    }
    let all = leads.len() as u64;
    let end = match (args.yes, stayed) {
        (false, _) => {
            let to = args.to.as_deref().unwrap_or("whoever else of its team has the next turn");
            format!("{} would go to {to}: do it with `--yes`", words::count(all, "lead"))
        }
        (true, 0) => format!("{} changed hands", words::count(all, "lead")),
        (true, stayed) => format!(
            "{} changed hands; {stayed} stayed: nobody else of the team is there, or no team gave it; give it with `--to`",
            words::count(all - stayed, "lead")
        ),
    };
    format!("{}{end}\n", table.render(paint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_or_taken_on_stays() {
        let lead = |more: Value| {
            let mut lead =
                json!({ "routing": { "owner": "Ana@x.example" }, "timestamps": { "lapsed": null }, "shadow": false });
            lead.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            lead
        };
        let is_theirs = |more: Value, accepted| is_theirs(&lead(more), "ana@x.example", accepted);
        assert!(is_theirs(json!({}), false));
        assert!(
            !is_theirs(json!({ "progress": "accepted" }), false) && is_theirs(json!({ "progress": "accepted" }), true)
        );
        for over in [
            json!({ "outcome": "won" }),
            json!({ "timestamps": { "lapsed": "2026-11-30T10:00:00Z" } }),
            json!({ "shadow": true }),
        ] {
            assert!(!is_theirs(over, true));
        }
        assert!(!is_theirs(json!({ "routing": { "owner": "ben@x.example" } }), true));
    }
}
