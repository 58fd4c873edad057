//! What people made of leads in HubSpot: by the stages of leads and deals, or the status of contacts and companies where leads are neither.
//!
//! | what stands there                                        | what it means                                                |
//! |----------------------------------------------------------|--------------------------------------------------------------|
//! | a lead's stage: new; in progress; qualified; disqualified | new; working; working; rejected, with the reason             |
//! | a deal in the first stage of its pipeline; in a later one | new; working                                                 |
//! | a deal that is closed, also one that came of a lead (`deals`) | won, or lost with the reason                             |
//! | a lead status: none or `NEW`; `OPEN`; `UNQUALIFIED`, `BAD_TIMING`; any other | new; accepted; rejected; working         |
//!
//! What an operator says of a stage, or of a status, wins.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Object;
use super::answers::silent;
use super::deals;
use super::records::OWNER;
use super::status::{STATUS, by_status};
use super::talk::{Page, Record, Talk};
use super::whose::{moment, whose};
use crate::crm::adapter::ReadBack;
use crate::crm::reading::Reading;
use crate::crm::retry::Failure;
use crate::crm::stages::{Stages, seen};
use crate::crm::told::LEAD;
use crate::record::{Seen, SeenOwner, Stage};
use crate::time::Millis;

/// How many records are asked for at once.
const PAGE: usize = 100;
/// So much later than it happened a search may know a change, and so far may the clocks be apart.
const LATE: i64 = 5 * 60 * 1_000;
/// For how long pipelines and owners are known.
const KNOWN: Duration = Duration::from_hours(1);

/// What is read of a record besides its owner, and when it changed.
const OF_LEAD: [&str; 2] = ["hs_pipeline_stage", "hs_lead_disqualification_reason"];
const OF_DEAL: [&str; 5] =
    ["dealstage", "hs_is_closed_won", "hs_is_closed_lost", "closed_lost_reason", "closed_won_reason"];
const OF_OTHERS: [&str; 1] = [STATUS];

/// A kind of record that may hold leads.
struct Kind {
    object: &'static str,
    /// The property that says when it changed.
    changed: &'static str,
    properties: &'static [&'static str],
}

const LEADS: Kind = Kind { object: "leads", changed: "hs_lastmodifieddate", properties: &OF_LEAD };
const DEALS: Kind = Kind { object: "deals", changed: "hs_lastmodifieddate", properties: &OF_DEAL };
const CONTACTS: Kind = Kind { object: "contacts", changed: "lastmodifieddate", properties: &OF_OTHERS };
const COMPANIES: Kind = Kind { object: "companies", changed: "hs_lastmodifieddate", properties: &OF_OTHERS };

/// What changed since then.
pub(super) async fn read(talk: &mut Talk<'_, '_>, since: Millis) -> Result<ReadBack, Failure> {
    let mut reading = Reading::new(since, talk.session.now().plus(-LATE));
    let kinds: &[Kind] = match talk.hubspot.object {
        Object::Lead => &[LEADS],
        Object::Deal => &[DEALS],
        Object::None => &[COMPANIES, CONTACTS],
    };
    let names = stages(talk).await?;
    for kind in kinds {
        records(talk, kind, &names, since, &mut reading).await?;
    }
    if talk.hubspot.object == Object::Lead {
        deals::of_leads(talk, since, &mut reading).await?;
    }
    Ok(reading.done())
}

/// A stage of a pipeline.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Step {
    pub label: String,
    /// Whether it is the first of its pipeline.
    is_first: bool,
    /// What HubSpot says that it means for a lead.
    state: Option<String>,
}

/// The stages of the pipelines, by id; none where leads are neither leads nor deals.
pub(super) async fn stages(talk: &Talk<'_, '_>) -> Result<BTreeMap<String, Step>, Failure> {
    const NAME: &str = "stages";
    let Some(object) = talk.hubspot.object.path() else { return Ok(BTreeMap::new()) };
    if let Some(known) = talk.session.known(NAME).and_then(|text| serde_json::from_str(&text).ok()) {
        return Ok(known);
    }
    let answer = talk.tell(Method::GET, talk.url("pipelines", &[object]), None).await?;
    let said: Value = answer.json().ok_or_else(|| silent(&answer))?;
    let mut steps = BTreeMap::new();
    for pipeline in said.get("results").and_then(Value::as_array).into_iter().flatten() {
        let stages: Vec<&Value> = pipeline.get("stages").and_then(Value::as_array).into_iter().flatten().collect();
        let place = |stage: &&Value| stage.get("displayOrder").and_then(Value::as_i64);
        let first = stages.iter().filter_map(place).min();
        for stage in &stages {
            let text = |name: &str| stage.pointer(name).and_then(Value::as_str).map(str::to_owned);
            let Some(id) = text("/id") else { continue };
            let label = text("/label").unwrap_or_default();
            let step = Step { label, is_first: place(stage) == first, state: text("/metadata/leadState") };
            steps.insert(id, step);
        }
    }
    talk.session.learn(NAME, serde_json::to_string(&steps).unwrap_or_default(), KNOWN);
    Ok(steps)
}

/// Records of a kind, in the order in which they changed.
async fn records(
    talk: &Talk<'_, '_>,
    kind: &Kind,
    steps: &BTreeMap<String, Step>,
    since: Millis,
    reading: &mut Reading,
) -> Result<(), Failure> {
    let mut properties = vec![LEAD, OWNER, kind.changed];
    properties.extend(kind.properties);
    let (mut from, mut start) = (since, 0);
    for pages in 1.. {
        let filters = json!([
            { "propertyName": kind.changed, "operator": "GTE", "value": from.0.to_string() },
            { "propertyName": LEAD, "operator": "HAS_PROPERTY" },
        ]);
        let body = json!({
            "filterGroups": [{ "filters": filters }],
            "sorts": [{ "propertyName": kind.changed, "direction": "ASCENDING" }],
            "properties": properties,
            "limit": PAGE,
            "after": start.to_string(),
        });
        let answer = talk.tell(Method::POST, talk.url("objects", &[kind.object, "search"]), Some(&body)).await?;
        let page: Page = answer.json().ok_or_else(|| silent(&answer))?;
        for record in &page.results {
            if let Some(lead) = record.value(LEAD) {
                let owner = match record.value(OWNER) {
                    Some(id) => whose(talk, id).await?,
                    None => None,
                };
                reading.hear(lead, stands(record, steps, &talk.hubspot.stages, owner));
            }
        }
        let last = page.results.last().and_then(|record| moment(record.value(kind.changed)?)).unwrap_or(from);
        if page.results.len() < PAGE || reading.breaks_off(last, pages)? {
            break;
        }
        // By time rather than by number: no search goes further than 10,000 records.
        (from, start) = if last > from { (last, 0) } else { (from, start + page.results.len()) };
    }
    Ok(())
}

/// How far people have come with a lead.
fn stands(record: &Record, steps: &BTreeMap<String, Step>, said: &Stages, owner: Option<SeenOwner>) -> Seen {
    let is = |name: &str| record.value(name) == Some("true");
    if let Some(id) = record.value("hs_pipeline_stage") {
        let step = steps.get(id);
        let label = step.map_or(id, |step| &step.label);
        let state = step.and_then(|step| step.state.as_deref()).unwrap_or(id).to_lowercase();
        // By default a stage's id says what it means: `attempting-stage-id`; elsewhere numbers follow.
        let usual = match state.split('-').next().unwrap_or_default() {
            "new" => Stage::New,
            "in_progress" | "attempting" | "connected" | "qualified" => Stage::Working,
            "unqualified" | "disqualified" => Stage::Rejected,
            _ if step.is_some_and(|step| step.is_first) => Stage::New,
            _ => Stage::Accepted,
        };
        let reason = record.value("hs_lead_disqualification_reason").or(Some(label));
        return seen(said.of(label).unwrap_or(usual), reason, owner);
    }
    if let Some(id) = record.value("dealstage") {
        let step = steps.get(id);
        let label = step.map_or(id, |step| &step.label);
        let usual = match (is("hs_is_closed_won"), is("hs_is_closed_lost")) {
            (true, _) => Stage::Won,
            (_, true) => Stage::Lost,
            _ if step.is_some_and(|step| step.is_first) => Stage::New,
            _ => Stage::Working,
        };
        return seen(said.of(label).unwrap_or(usual), record.value("closed_lost_reason").or(Some(label)), owner);
    }
    seen(by_status(record, said), record.value(STATUS).or(Some("NEW")), owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_hubspot_means_how_far_people_have_come() {
        let step = |label: &str, is_first, state: Option<&str>| Step {
            label: label.to_owned(),
            is_first,
            state: state.map(str::to_owned),
        };
        let steps = [
            ("new-stage-id", step("New", true, None)),
            ("12", step("Called", false, Some("IN_PROGRESS"))),
            ("13", step("No fit", false, Some("UNQUALIFIED"))),
            ("14", step("Parked", false, None)),
            ("appointmentscheduled", step("Appointment scheduled", true, None)),
            ("contractsent", step("Contract sent", false, None)),
        ];
        let steps = steps.map(|(id, step)| (id.to_owned(), step)).into();
        let said = Stages::new([("Contract sent".to_owned(), Stage::Accepted), ("connected".to_owned(), Stage::Won)]);
        for (values, stage, reason) in [
            (&[("hs_pipeline_stage", "new-stage-id")][..], Stage::New, ""),
            (&[("hs_pipeline_stage", "attempting-stage-id-77")], Stage::Working, ""),
            (&[("hs_pipeline_stage", "qualified-stage-id")], Stage::Working, ""),
            (&[("hs_pipeline_stage", "12")], Stage::Working, ""),
            (&[("hs_pipeline_stage", "14")], Stage::Accepted, ""),
            (&[("hs_pipeline_stage", "13")], Stage::Rejected, "No fit"),
            (
                &[("hs_pipeline_stage", "unqualified-stage-id"), ("hs_lead_disqualification_reason", "BUDGET")],
                Stage::Rejected,
                "BUDGET",
            ),
            (&[("dealstage", "appointmentscheduled"), ("hs_is_closed_won", "false")], Stage::New, ""),
            (&[("dealstage", "presentationscheduled")], Stage::Working, ""),
            (&[("dealstage", "contractsent")], Stage::Accepted, ""),
            (&[("dealstage", "closedwon"), ("hs_is_closed_won", "true")], Stage::Won, ""),
            (
                &[("dealstage", "closedlost"), ("hs_is_closed_lost", "true"), ("closed_lost_reason", "Too dear")],
                Stage::Lost,
                "Too dear",
            ),
            (&[], Stage::New, ""),
            (&[("hs_lead_status", "OPEN")], Stage::Accepted, ""),
            (&[("hs_lead_status", "ATTEMPTED_TO_CONTACT")], Stage::Working, ""),
            (&[("hs_lead_status", "CONNECTED")], Stage::Won, ""),
            (&[("hs_lead_status", "BAD_TIMING")], Stage::Rejected, "BAD_TIMING"),
        ] {
            let pairs = values.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned())));
            let record = Record { properties: pairs.collect(), ..Record::default() };
            let seen = stands(&record, &steps, &said, None);
            assert_eq!((seen.stage, seen.reason.as_deref().unwrap_or_default()), (stage, reason), "{values:?}");
        }
    }
}
