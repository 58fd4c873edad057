//! Properties of ours in HubSpot: which there are, what a lead writes into them, and how they come there.

use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Object;
use super::answers::{failure, silent};
use super::talk::{Talk, Values};
use crate::crm::retry::Failure;
use crate::lead::{LeadEvent, LeadEventType};

/// That all of them are there is known under this name.
pub(super) const ALL_THERE: &str = "properties";
/// For so long.
const HOLD: Duration = Duration::from_hours(24);
/// By which companies are found.
pub(super) const ACCOUNT: &str = "handraiser_account_id";
/// By which leads and deals are found.
pub(super) const LEAD: &str = "handraiser_lead_id";
/// The longest text that is written, in characters: HubSpot takes 65,536.
const LONGEST: usize = 10_000;

/// A property of ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Property {
    pub name: &'static str,
    label: &'static str,
    kind: &'static str,
    field: &'static str,
    pub unique: bool,
}

const fn property(name: &'static str, label: &'static str, [kind, field]: [&'static str; 2]) -> Property {
    Property { name, label, kind, field, unique: false }
}

const TEXT: [&str; 2] = ["string", "text"];
const LONG: [&str; 2] = ["string", "textarea"];
const NUMBER: [&str; 2] = ["number", "number"];
const TIME: [&str; 2] = ["datetime", "date"];

/// What is written of a lead.
const OF_LEADS: [Property; 11] = [
    property(LEAD, "Handraiser lead", TEXT),
    property("handraiser_definition", "Product-qualified for", TEXT),
    property("handraiser_status", "Product-qualified: status", TEXT),
    property("handraiser_tier", "Product-qualified: tier", NUMBER),
    property("handraiser_rank", "Product-qualified: rank", NUMBER),
    property("handraiser_summary", "Product-qualified: summary", LONG),
    property("handraiser_reasons", "Product-qualified: reasons", LONG),
    property("handraiser_usage", "Product usage", LONG),
    property("handraiser_owner", "Product-qualified: routed to", TEXT),
    property("handraiser_route", "Product-qualified: routed because", LONG),
    property("handraiser_qualified_at", "Product-qualified at", TIME),
];

/// Ours, of each kind of record that holds some.
pub(super) fn ours(object: Object) -> Vec<(&'static str, Vec<Property>)> {
    let account = Property { unique: true, ..property(ACCOUNT, "Handraiser account", TEXT) };
    match object.path() {
        Some(path) => {
            let lead = OF_LEADS.map(|each| Property { unique: each.name == LEAD, ..each });
            vec![("companies", vec![account]), (path, lead.to_vec())]
        }
        None => {
            let on_company = [account].into_iter().chain(OF_LEADS).collect();
            vec![("companies", on_company), ("contacts", OF_LEADS.to_vec())]
        }
    }
}

/// What a lead event writes into them; empty where there is nothing to say any more.
pub(super) fn of(event: &LeadEvent) -> Values {
    let lead = &event.lead;
    let status = match event.kind {
        LeadEventType::Lapsed => "lapsed",
        LeadEventType::Won => "won",
        LeadEventType::Lost => "lost",
        LeadEventType::Qualified | LeadEventType::TierChanged | LeadEventType::Joined => "open",
    };
    let usage: Vec<String> = lead.usage.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let routing = lead.routing.as_ref();
    let values = [
        (LEAD, lead.id.clone()),
        ("handraiser_definition", lead.definition.clone()),
        ("handraiser_status", status.to_owned()),
        ("handraiser_tier", lead.tier.to_string()),
        ("handraiser_rank", lead.rank.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("handraiser_summary", lead.summary.clone()),
        ("handraiser_reasons", lead.because.join("\n")),
        ("handraiser_usage", usage.join("\n")),
        ("handraiser_owner", routing.and_then(|routing| routing.owner.clone()).unwrap_or_default()),
        ("handraiser_route", routing.map(|routing| routing.reason.clone()).unwrap_or_default()),
        ("handraiser_qualified_at", lead.timestamps.qualified.clone()),
    ];
    values.map(|(name, text)| (name.to_owned(), shortened(&text, LONGEST))).into()
}

/// The beginning of a text.
pub(super) fn shortened(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// A property, as HubSpot tells of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct There {
    pub name: String,
    #[serde(default)]
    pub has_unique_value: bool,
    #[serde(default)]
    modification_metadata: Modification,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Modification {
    #[serde(default)]
    read_only_value: bool,
}

impl There {
    /// Whether nobody may write into it.
    pub const fn is_read_only(&self) -> bool {
        self.modification_metadata.read_only_value
    }
}

/// Those of `names` that there are. Asked by name, since all there are is more than is read of an answer.
pub(super) async fn there(talk: &Talk<'_, '_>, object: &str, names: &[&str]) -> Result<Vec<There>, Failure> {
    #[derive(Deserialize)]
    struct Page {
        #[serde(default)]
        results: Vec<There>,
    }
    let inputs: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
    let body = json!({ "archived": false, "inputs": inputs });
    let url = talk.url("properties", &[object, "batch", "read"]);
    let answer = talk.ask(Method::POST, url, Some(&body)).await?;
    match answer.status {
        // 207 tells which there are not.
        200..=299 => answer.json().map(|page: Page| page.results).ok_or_else(|| silent(&answer)),
        404 => Ok(Vec::new()),
        _ => Err(failure(&answer, talk.session.now())),
    }
}

/// Sees to it that there are all of ours; looks once a day.
pub(super) async fn ensure(talk: &mut Talk<'_, '_>) -> Result<(), Failure> {
    if talk.session.known(ALL_THERE).is_some() {
        return Ok(());
    }
    for (object, ours) in ours(talk.hubspot.object) {
        let names: Vec<&str> = ours.iter().map(|property| property.name).collect();
        let known = there(talk, object, &names).await?;
        let missing = ours.iter().filter(|ours| !known.iter().any(|known| known.name == ours.name));
        let missing: Vec<Value> = missing.map(made).collect();
        if !missing.is_empty() {
            create(talk, object, missing).await?;
        }
    }
    talk.session.learn(ALL_THERE, "", HOLD);
    Ok(())
}

fn made(property: &Property) -> Value {
    json!({
        "name": property.name,
        "label": property.label,
        "type": property.kind,
        "fieldType": property.field,
        "groupName": "handraiser",
        "hasUniqueValue": property.unique,
    })
}

async fn create(talk: &Talk<'_, '_>, object: &str, missing: Vec<Value>) -> Result<(), Failure> {
    let group = json!({ "name": "handraiser", "label": "Handraiser" });
    let answer = talk.ask(Method::POST, talk.url("properties", &[object, "groups"]), Some(&group)).await?;
    // 409: there is one.
    if !answer.is_success() && answer.status != 409 {
        return Err(failure(&answer, talk.session.now()));
    }
    let url = talk.url("properties", &[object, "batch", "create"]);
    talk.tell(Method::POST, url, Some(&json!({ "inputs": missing }))).await.map(drop)
}
