//! A global company: the territories that its ops team keeps in a spreadsheet (60 rows, 40 named accounts), reps in seven time zones with their
//! hours, holidays, absences and caps, and leads with where each has to go. What five hundred of them are expected to do was made by another
//! reading of both files, in another language (`scripts/company-leads`); for those in `by-hand.csv` somebody wrote down who gets them, and why.

use std::path::{Path, PathBuf};

use handraiser::config::{Loaded, load};
use handraiser::crm::sample;
use handraiser::lead::Lead;
use handraiser::routing::paper::{Line, Owner, Paper, Report};
use handraiser::time::Millis;
use jiff::tz::TimeZone;
use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/territories").join(name)
}

fn company() -> Loaded {
    load(&fixture("handraiser.yaml"), &|_| None).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

/// The rows of a file: what is known of each lead, when it qualified, and what else its columns say.
pub fn leads(name: &str) -> Vec<(Lead, csv::StringRecord, csv::StringRecord)> {
    let mut reader = csv::Reader::from_path(fixture(name)).expect("the leads can be read");
    let head = reader.headers().expect("a heading").clone();
    let rows = reader.records().map(|row| row.expect("a lead")).enumerate();
    rows.map(|(at, row)| (lead(at, &row, &head), row, head.clone())).collect()
}

fn lead(at: usize, row: &csv::StringRecord, head: &csv::StringRecord) -> Lead {
    let mut lead = sample::full().lead;
    lead.id = format!("lead_{at:03}");
    (lead.subject.id, lead.tier) = (format!("account{at}"), if at.is_multiple_of(3) { 1 } else { 2 });
    lead.routing = None;
    said(row, head, "at").clone_into(&mut lead.timestamps.qualified);
    let account = lead.account.as_mut().expect("there is one");
    account.traits.clear();
    for name in ["domain", "country", "state", "postal_code", "employees", "industry"] {
        let cell = said(row, head, name);
        if !cell.is_empty() {
            account.traits.insert(name.to_owned(), Value::from(cell));
        }
    }
    lead
}

fn said<'r>(row: &'r csv::StringRecord, head: &csv::StringRecord, name: &str) -> &'r str {
    &row[head.iter().position(|one| one == name).expect("a column")]
}

fn on_paper(company: &Loaded, leads: impl Iterator<Item = Lead>) -> Report {
    let mut paper = Paper::new(company.config.rules.routes(), None, (None, None));
    leads.for_each(|lead| paper.take(lead).expect("it has a moment"));
    paper.report(&TimeZone::UTC)
}

/// What of a lead's way is not as it is said in its row.
fn differs(line: &Line, row: &csv::StringRecord, head: &csv::StringRecord) -> Option<String> {
    let territory = match said(row, head, "territory") {
        "-" => "no territory matched".to_owned(),
        "?" => "no territory is certain".to_owned(),
        name => format!("territory `{name}` (territories.csv:"),
    };
    let owner = match &line.after.owner {
        Owner::SelfServe => "self_serve",
        Owner::Nobody => "nobody",
        other => other.rep().unwrap_or("no route"),
    };
    let fine = line.reason.contains(&territory)
        && owner == said(row, head, "owner")
        && (line.after.team.as_deref().unwrap_or_default() == said(row, head, "team") || owner == "nobody");
    (!fine).then(|| format!("{row:?}\n  got {} {owner}: {}", line.after, line.reason))
}

#[test]
fn five_hundred_leads_go_where_the_spreadsheet_says() {
    let (company, leads) = (company(), leads("leads.csv"));
    assert_eq!(
        company.config.rules.territories.as_ref().map(|table| table.rows.len()),
        Some(59),
        "and one that others inherit from"
    );
    let report = on_paper(&company, leads.iter().map(|(lead, ..)| lead.clone()));
    let wrong: Vec<String> =
        report.lines.iter().zip(&leads).filter_map(|(line, (_, row, head))| differs(line, row, head)).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), leads.len(), wrong.join("\n"));
    assert_eq!(report.leads, 500);
}

#[test]
fn leads_go_where_somebody_who_knows_the_company_says_and_for_the_reason_that_they_give() {
    let (company, leads) = (company(), leads("by-hand.csv"));
    assert!(leads.len() > 30);
    let mut wrong = Vec::new();
    for (lead, row, head) in leads {
        // Each alone, so that whose turn it is can be told from its own row.
        let report = on_paper(&company, std::iter::once(lead));
        let line = &report.lines[0];
        wrong.extend(differs(line, &row, &head));
        if !line.reason.contains(said(&row, &head, "reason")) {
            wrong.push(format!("`{}` is not in {}", said(&row, &head, "reason"), line.reason));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_a_company_covers_is_known() {
    let company = company();
    let rules = &company.config.rules;
    let table = rules.territories.as_ref().expect("there is one");
    let now = Millis::parse("2026-11-30T12:00:00Z").expect("a moment");
    let gaps: Vec<_> = table.by_country(now).into_iter().filter(|covered| covered.gap.is_some()).collect();
    assert!(gaps.iter().all(|covered| covered.whole && covered.countries.is_empty()), "{gaps:#?}");
    assert_eq!(table.never_win(), []);
    let hours = handraiser::routing::coverage::hours(&rules.teams, now);
    let of = |team: &str| hours.iter().find(|one| &*one.team == team).and_then(|one| one.nobody.as_deref());
    assert_eq!(of("france"), Some("Mo-Fr 00:00-09:30, 12:30-14:00, 18:30-24:00; Sa-Su all day"));
    assert_eq!(of("us-midmarket"), Some("Mo-Th 00:00-08:00, 22:00-24:00; Fr 00:00-08:00, 18:00-24:00; Sa-Su all day"));
    assert_eq!(of("around-the-clock"), None);
}
