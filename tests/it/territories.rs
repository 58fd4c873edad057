//! A global company: the territories that its ops team keeps in a spreadsheet, and five hundred leads with where each has to go. The
//! expectations were made by another reading of the table, in another language.

use std::path::{Path, PathBuf};

use handraiser::config::{Loaded, load};
use handraiser::crm::sample;
use handraiser::lead::LeadEvent;
use handraiser::routing::explain::explain;
use handraiser::time::Millis;
use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/territories").join(name)
}

fn company() -> Loaded {
    load(&fixture("handraiser.yaml"), &|_| None).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

fn lead(row: &csv::StringRecord, head: &csv::StringRecord) -> LeadEvent {
    let mut event = sample::full();
    let account = event.lead.account.as_mut().expect("there is one");
    account.traits.clear();
    for name in ["domain", "country", "state", "postal_code", "employees", "industry"] {
        let cell = &row[head.iter().position(|one| one == name).expect("a column")];
        if !cell.is_empty() {
            account.traits.insert(name.to_owned(), Value::from(cell));
        }
    }
    event
}

#[test]
fn five_hundred_leads_go_where_the_spreadsheet_says() {
    let company = company();
    let mut reader = csv::Reader::from_path(fixture("leads.csv")).expect("the leads can be read");
    let head = reader.headers().expect("a heading").clone();
    let mut wrong = Vec::new();
    let mut leads = 0;
    for row in reader.records() {
        let row = row.expect("a lead");
        let now = Millis::parse(&format!("{}T12:00:00Z", &row[6])).expect("a day");
        let explained = explain(company.config.rules.routes(), &lead(&row, &head), now);
        let expected = match &row[7] {
            "" => "no territory matched".to_owned(),
            name => format!("territory `{name}` (territories.csv:"),
        };
        if !explained.reason.contains(&expected) {
            wrong.push(format!("{:?}\n  expected {expected}\n  got {}", row, explained.reason));
        }
        leads += 1;
    }
    assert!(wrong.is_empty(), "{} of {leads}:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(leads, 500);
}
