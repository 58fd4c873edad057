//! Deals that came of leads: a lead's own stage says no more than that it was qualified; that it was won or lost is said by the deal that people made of
//! it, and tied to it. Deals that were closed since a time are asked for, and what they are tied to.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answers::{failure, silent};
use super::records::OWNER;
use super::talk::{Page, Record, Talk};
use super::whose::{moment, whose};
use crate::crm::reading::Reading;
use crate::crm::retry::Failure;
use crate::crm::stages::seen;
use crate::crm::told::LEAD;
use crate::record::Stage;
use crate::time::Millis;

/// How many records are asked for at once.
const PAGE: usize = 100;
const CHANGED: &str = "hs_lastmodifieddate";
const IS_WON: &str = "hs_is_closed_won";
const READ: [&str; 3] = [CHANGED, IS_WON, "closed_lost_reason"];

/// What became of leads by deals that were closed since then.
pub(super) async fn of_leads(talk: &Talk<'_, '_>, since: Millis, reading: &mut Reading) -> Result<(), Failure> {
    let (mut from, mut start) = (since, 0);
    for pages in 1.. {
        let filters = json!([
            { "propertyName": CHANGED, "operator": "GTE", "value": from.0.to_string() },
            { "propertyName": "hs_is_closed", "operator": "EQ", "value": "true" },
        ]);
        let body = json!({
            "filterGroups": [{ "filters": filters }],
            "sorts": [{ "propertyName": CHANGED, "direction": "ASCENDING" }],
            "properties": READ,
            "limit": PAGE,
            "after": start.to_string(),
        });
        let answer = talk.ask(Method::POST, talk.url("objects", &["deals", "search"]), Some(&body)).await?;
        // Fails open: a key that may not read deals was given before they were asked for; `crm test` says what it lacks.
        if answer.status == 403 {
            return Ok(());
        }
        if !answer.is_success() {
            return Err(failure(&answer, talk.session.now()));
        }
        let page: Page = answer.json().ok_or_else(|| silent(&answer))?;
        tell(talk, &page.results, reading).await?;
        let last = page.results.last().and_then(|record| moment(record.value(CHANGED)?)).unwrap_or(from);
        if page.results.len() < PAGE || reading.breaks_off(last, pages)? {
            break;
        }
        (from, start) = if last > from { (last, 0) } else { (from, start + page.results.len()) };
    }
    Ok(())
}

/// Tells of the leads that these deals came of.
async fn tell(talk: &Talk<'_, '_>, deals: &[Record], reading: &mut Reading) -> Result<(), Failure> {
    let mut by_lead: BTreeMap<String, &Record> = BTreeMap::new();
    for (deal, lead) in ties(talk, deals).await? {
        let Some(deal) = deals.iter().find(|one| one.id == deal) else { continue };
        // Of several, one that was won counts.
        if deal.value(IS_WON) == Some("true") || !by_lead.contains_key(&lead) {
            by_lead.insert(lead, deal);
        }
    }
    let ids: Vec<String> = by_lead.keys().cloned().collect();
    for some in ids.chunks(PAGE) {
        for record in talk.read("leads", some, &[LEAD, OWNER]).await? {
            let Some((lead, deal)) = record.value(LEAD).zip(by_lead.get(&record.id)) else { continue };
            let owner = match record.value(OWNER) {
                Some(id) => whose(talk, id).await?,
                None => None,
            };
            let stage = if deal.value(IS_WON) == Some("true") { Stage::Won } else { Stage::Lost };
            reading.hear(lead, seen(stage, deal.value("closed_lost_reason"), owner));
        }
    }
    Ok(())
}

/// Which of these deals are tied to which leads.
async fn ties(talk: &Talk<'_, '_>, deals: &[Record]) -> Result<Vec<(String, String)>, Failure> {
    #[derive(Deserialize)]
    struct Tied {
        from: Value,
        #[serde(default)]
        to: Vec<Value>,
    }
    if deals.is_empty() {
        return Ok(Vec::new());
    }
    let inputs: Vec<Value> = deals.iter().map(|deal| json!({ "id": deal.id })).collect();
    let url = talk.url("associations", &["deals", "leads", "batch", "read"]);
    // 207: some are tied to none.
    let answer = talk.tell(Method::POST, url, Some(&json!({ "inputs": inputs }))).await?;
    let said: Value = answer.json().ok_or_else(|| silent(&answer))?;
    let results = said.get("results").and_then(Value::as_array).into_iter().flatten();
    let mut ties = Vec::new();
    for tied in results.filter_map(|one| Tied::deserialize(one).ok()) {
        let Some(deal) = id(&tied.from, "id") else { continue };
        ties.extend(
            tied.to.iter().filter_map(|to| Some((deal.clone(), id(to, "toObjectId").or_else(|| id(to, "id"))?))),
        );
    }
    Ok(ties)
}

/// An id, which HubSpot writes as text or as a number.
fn id(value: &Value, name: &str) -> Option<String> {
    match value.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
