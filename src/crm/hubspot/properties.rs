//! Properties of ours in HubSpot: which there are, what a lead writes into them, and how they come there.

use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Object;
use super::answers::{failure, silent};
use super::talk::{Talk, Values};
use crate::crm::retry::Failure;
use crate::crm::told::{ACCOUNT, FACTS, Fact, FactKind, LEAD, facts};
use crate::lead::LeadEvent;

/// That all of them are there is known under this name.
pub(super) const ALL_THERE: &str = "properties";
/// For so long.
const HOLD: Duration = Duration::from_hours(24);

/// A property of ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Property {
    pub name: &'static str,
    label: &'static str,
    kind: FactKind,
    pub unique: bool,
}

impl From<Fact> for Property {
    fn from(fact: Fact) -> Self {
        Self { name: fact.name, label: fact.label, kind: fact.kind, unique: false }
    }
}

/// Ours, of each kind of record that holds some.
pub(super) fn ours(object: Object) -> Vec<(&'static str, Vec<Property>)> {
    let account = Property { unique: true, ..ACCOUNT.into() };
    let of_leads = FACTS.map(Property::from);
    match object.path() {
        Some(path) => {
            let lead = of_leads.map(|each| Property { unique: each.name == LEAD, ..each });
            vec![("companies", vec![account]), (path, lead.to_vec())]
        }
        None => {
            let on_company = [account].into_iter().chain(of_leads).collect();
            vec![("companies", on_company), ("contacts", of_leads.to_vec())]
        }
    }
}

/// What a lead event writes into them; empty where there is nothing to say any more.
pub(super) fn of(event: &LeadEvent) -> Values {
    facts(event).map(|(fact, text)| (fact.name.to_owned(), text)).into()
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
    let (kind, field) = match property.kind {
        FactKind::Text => ("string", "text"),
        FactKind::Long => ("string", "textarea"),
        FactKind::Number => ("number", "number"),
        FactKind::Time => ("datetime", "date"),
    };
    json!({
        "name": property.name,
        "label": property.label,
        "type": kind,
        "fieldType": field,
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
