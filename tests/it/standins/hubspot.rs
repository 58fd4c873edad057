//! An account of HubSpot: records with properties and associations, users, properties as they are defined. It holds callers to the
//! documented rules: who they are, which properties there are and which of them are unique, what a lead has to have, how often it may be
//! asked (<https://developers.hubspot.com/docs/api-reference/latest>).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use handraiser::time::Millis;
use serde_json::{Map, Value, json};

use super::standin::{Answer, Call, StandIn, Vendor, now};

pub const TOKEN: &str = "pat-eu1-stand-in-0123456789";
const VERSION: &str = "2026-03";
const MOMENT: &str = "2026-11-30T12:00:00.000Z";

/// A record.
#[derive(Clone, Debug, Default)]
pub struct Record {
    pub id: String,
    pub properties: BTreeMap<String, String>,
    /// By kind of tie, the ids of others: `279 → companies/12`.
    pub ties: BTreeSet<(u64, String)>,
}

impl Record {
    pub fn get(&self, property: &str) -> &str {
        self.properties.get(property).map_or("", String::as_str)
    }

    fn touch(&mut self) {
        for name in ["hs_lastmodifieddate", "lastmodifieddate"] {
            self.properties.insert(name.to_owned(), now());
        }
    }

    fn shown(&self, names: &[String]) -> Value {
        let values: Map<String, Value> =
            names.iter().map(|name| (name.clone(), json!(self.properties.get(name)))).collect();
        json!({ "id": self.id, "properties": values, "archived": false, "createdAt": MOMENT, "updatedAt": MOMENT })
    }
}

#[derive(Default)]
pub struct Account {
    pub records: BTreeMap<String, Vec<Record>>,
    /// By object: names, and whether values are unique.
    pub properties: BTreeMap<String, BTreeMap<String, bool>>,
    /// By address: the owner's id, and whether they were deactivated.
    pub owners: BTreeMap<String, (String, bool)>,
    /// Values that an administrator allows of a property.
    pub allowed: BTreeMap<String, Vec<String>>,
    /// So many calls in 10 seconds; one more is a mistake of the caller's.
    pub most: usize,
    pub refused_for_pace: usize,
    /// How long the ten seconds are here.
    pub window: Duration,
    lately: Vec<Instant>,
    next: u64,
}

/// The stand-in.
pub type HubSpot = StandIn<Account>;

impl Vendor for Account {
    fn answer(&mut self, call: &Call) -> Answer {
        answer(self, call)
    }
}

impl StandIn<Account> {
    /// With the properties that HubSpot has itself.
    pub async fn start(owners: &[(&str, &str)]) -> Self {
        let has = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), *name == "email")).collect();
        let common = "hubspot_owner_id createdate hs_lastmodifieddate";
        let of = |names: &str| has(&[names, common].join(" ").split(' ').collect::<Vec<_>>());
        let properties = [
            ("companies", of("name domain industry hs_lead_status")),
            ("contacts", of("email firstname lastname jobtitle lifecyclestage hs_lead_status lastmodifieddate")),
            ("leads", of("hs_lead_name hs_lead_label hs_pipeline_stage hs_lead_disqualification_reason")),
            (
                "deals",
                of(
                    "dealname dealstage pipeline amount hs_is_closed hs_is_closed_won hs_is_closed_lost closed_lost_reason closed_won_reason",
                ),
            ),
            ("notes", of("hs_timestamp hs_note_body")),
        ];
        let account = Account {
            properties: properties.map(|(object, all)| (object.to_owned(), all)).into(),
            owners: owners.iter().map(|(email, id)| ((*email).to_owned(), ((*id).to_owned(), false))).collect(),
            most: 100,
            window: Duration::from_secs(10),
            next: 100,
            ..Account::default()
        };
        Self::open(account).await
    }

    /// What is there, to look at and to change, as people in the account do.
    pub fn account(&self) -> MutexGuard<'_, Account> {
        self.state()
    }

    pub fn records(&self, object: &str) -> Vec<Record> {
        self.account().records.get(object).cloned().unwrap_or_default()
    }
}

impl Account {
    /// Somebody makes a record by hand.
    pub fn add(&mut self, object: &str, values: &[(&str, &str)]) -> String {
        self.next += 1;
        let properties = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let id = self.next.to_string();
        self.records.entry(object.to_owned()).or_default().push(Record {
            id: id.clone(),
            properties,
            ..Record::default()
        });
        id
    }

    /// Somebody changes a record by hand.
    pub fn set(&mut self, object: &str, id: &str, property: &str, value: &str) {
        let record = self.find(object, "hs_object_id", id).expect("it is there");
        record.touch();
        record.properties.insert(property.to_owned(), value.to_owned());
    }

    /// Somebody changes the only record of an object by hand.
    pub fn set_only(&mut self, object: &str, property: &str, value: &str) {
        assert_eq!(self.records[object].len(), 1);
        let id = self.records[object][0].id.clone();
        self.set(object, &id, property, value);
    }

    fn find(&mut self, object: &str, property: &str, key: &str) -> Option<&mut Record> {
        let is_it = |record: &&mut Record| match property {
            "hs_object_id" => record.id == key,
            _ => record.get(property).eq_ignore_ascii_case(key),
        };
        self.records.get_mut(object)?.iter_mut().find(is_it)
    }
}

/// An error, as HubSpot shapes it.
fn error(status: u16, category: &str, message: &str, errors: &Value) -> Answer {
    let body = json!({ "status": "error", "message": message, "correlationId": "c-1", "category": category, "errors": errors });
    Answer::json(status, &body)
}

/// What came of several inputs.
fn batch(status: u16, results: &[Value], errors: &[Value]) -> Answer {
    let mut body = json!({ "status": "COMPLETE", "startedAt": MOMENT, "completedAt": MOMENT, "results": results });
    if !errors.is_empty() {
        (body["numErrors"], body["errors"]) = (json!(errors.len()), json!(errors));
    }
    Answer::json(status, &body)
}

fn answer(account: &mut Account, call: &Call) -> Answer {
    if call.header("authorization") != format!("Bearer {TOKEN}") {
        return error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.", &json!([]));
    }
    let window = account.window;
    account.lately.retain(|at| at.elapsed() < window);
    if account.lately.len() >= account.most {
        account.refused_for_pace += 1;
        let body = json!({ "status": "error", "message": "You have reached your ten_secondly_rolling limit.", "errorType":
            "RATE_LIMIT", "correlationId": "c-1", "policyName": "TEN_SECONDLY_ROLLING" });
        return Answer::json(429, &body);
    }
    account.lately.push(Instant::now());
    work(account, call)
}

fn work(account: &mut Account, call: &Call) -> Answer {
    let parts: Vec<&str> = call.path.trim_matches('/').split('/').collect();
    // As they are now, and as HubSpot's own client still has them.
    let (["crm", area, VERSION, rest @ ..] | ["crm", "v3" | "v4", area, rest @ ..]) = parts.as_slice() else {
        return error(404, "OBJECT_NOT_FOUND", "no such path", &json!([]));
    };
    let body = call.json();
    match (*area, call.method.as_str(), rest) {
        ("owners", "GET", []) => owners(account, call),
        ("owners", "GET", [id]) => owner(account, id),
        ("pipelines", "GET", [object]) => pipelines(object),
        ("objects", "POST", [object]) => create(account, object, &body),
        ("objects", "GET", [_]) => Answer::json(200, &json!({ "results": [] })),
        ("objects", "GET", [object, id]) => get(account, object, id, call),
        ("objects", "PATCH", [object, id]) => change(account, object, id, &body["properties"]),
        ("objects", "POST", [object, "search"]) => search(account, object, &body),
        ("objects", "POST", [object, "batch", "read"]) => read(account, object, &body),
        ("objects", "POST", [object, "batch", "upsert"]) => upsert(account, object, &body["inputs"][0]),
        ("objects", "PUT", [from, id, "associations", "default", to, other]) => tie(account, (from, id), (to, other)),
        ("properties", "POST", [object, "batch", "read"]) => defined(account, object, &body),
        ("properties", "POST", [_, "groups"]) => Answer::json(201, &json!({ "name": "handraiser" })),
        ("properties", "POST", [object, "batch", "create"]) => define(account, object, &body),
        ("associations", "POST", [from, to, "batch", "read"]) => ties(account, (from, to), &body),
        ("property-validations", "GET", [_]) => Answer::json(200, &json!({ "results": [] })),
        _ => error(405, "METHOD_NOT_ALLOWED", "resource method not allowed", &json!([])),
    }
}

fn owners(account: &Account, call: &Call) -> Answer {
    let archived = call.query.get("archived").is_some_and(|archived| archived == "true");
    let named = call.query.get("email");
    let is_meant = |(email, (_, gone)): &(&String, &(String, bool))| {
        *gone == archived && named.is_none_or(|named| named == *email)
    };
    let shown = |(email, (id, gone)): (&String, &(String, bool))| json!({ "id": id, "userId": 9_000, "email": email, "type": "PERSON", "archived": gone });
    let results: Vec<Value> = account.owners.iter().filter(is_meant).map(shown).collect();
    let limits = vec![
        ("X-HubSpot-RateLimit-Max", account.most.to_string()),
        ("X-HubSpot-RateLimit-Interval-Milliseconds", "10000".to_owned()),
        ("X-HubSpot-RateLimit-Daily-Remaining", "249000".to_owned()),
    ];
    Answer::Is(200, limits, json!({ "results": results }).to_string())
}

fn owner(account: &Account, id: &str) -> Answer {
    match account.owners.iter().find(|(_, (known, gone))| known == id && !gone) {
        Some((email, _)) => {
            Answer::json(200, &json!({ "id": id, "email": email, "type": "PERSON", "archived": false }))
        }
        None => error(404, "OBJECT_NOT_FOUND", "resource not found", &json!([])),
    }
}

fn pipelines(object: &str) -> Answer {
    let stages: &[(&str, &str, Value)] = match object {
        "leads" => &[
            ("new-stage-id", "New", json!({ "leadState": "NEW" })),
            ("4711", "Demo", json!({ "leadState": "IN_PROGRESS" })),
            ("unqualified-stage-id", "Unqualified", json!({ "leadState": "UNQUALIFIED" })),
        ],
        _ => &[
            ("appointmentscheduled", "Appointment scheduled", json!({ "isClosed": "false", "probability": "0.2" })),
            ("contractsent", "Contract sent", json!({ "isClosed": "false", "probability": "0.9" })),
            ("closedlost", "Closed lost", json!({ "isClosed": "true", "probability": "0.0" })),
        ],
    };
    let stage = |(at, (id, label, metadata)): (usize, &(&str, &str, Value))| json!({ "id": id, "label": label, "displayOrder": at, "metadata": metadata });
    let stages: Vec<Value> = stages.iter().enumerate().map(stage).collect();
    Answer::json(200, &json!({ "results": [{ "id": "default", "label": "Sales", "stages": stages }] }))
}

/// What is wrong with values of a record's properties.
fn wrong(account: &Account, object: &str, id: Option<&str>, values: &Map<String, Value>) -> Option<Answer> {
    let known = &account.properties[object];
    let mut errors = Vec::new();
    for (name, value) in values {
        let bad = |code: &str, message: String| json!({ "message": message, "code": code, "context": { "propertyName": [name] } });
        let Some(value) = value.as_str() else {
            errors.push(bad("INVALID_TYPE", format!("{value} is no text")));
            continue;
        };
        let other = |record: &&Record| Some(record.id.as_str()) != id && record.get(name) == value;
        match known.get(name) {
            None => errors.push(bad("PROPERTY_DOESNT_EXIST", format!("Property \"{name}\" does not exist"))),
            Some(true) if account.records.get(object).and_then(|all| all.iter().find(other)).is_some() => {
                if name == "email" {
                    let other = account.records[object].iter().find(other).expect("just found");
                    return Some(error(
                        409,
                        "CONFLICT",
                        &format!("Contact already exists. Existing ID: {}", other.id),
                        &json!([]),
                    ));
                }
                errors.push(bad("CONFLICTING_UNIQUE_VALUE", format!("A record already has the value {value}")));
            }
            Some(_) => {}
        }
        let owner = |(id, gone): &(String, bool)| id == value && !gone;
        if name == "hubspot_owner_id" && !value.is_empty() && !account.owners.values().any(owner) {
            errors.push(bad("INVALID_OWNER_ID", format!("{value} is no owner")));
        }
        if account.allowed.get(name).is_some_and(|allowed| !allowed.iter().any(|one| one == value)) {
            errors.push(bad("INVALID_OPTION", format!("{value} was not one of the allowed options")));
        }
    }
    (!errors.is_empty()).then(|| error(400, "VALIDATION_ERROR", "Property values were not valid", &json!(errors)))
}

fn create(account: &mut Account, object: &str, body: &Value) -> Answer {
    let empty = Map::new();
    let values = body["properties"].as_object().unwrap_or(&empty);
    let ties: BTreeSet<(u64, String)> = body["associations"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|tie| {
            let to = tie["to"]["id"].as_str().unwrap_or_default().to_owned();
            (tie["types"][0]["associationTypeId"].as_u64().unwrap_or_default(), to)
        })
        .collect();
    let required: &[&str] = match object {
        "leads" => &["hs_lead_name"],
        "deals" => &["dealname", "dealstage"],
        "notes" => &["hs_timestamp"],
        _ => &[],
    };
    if let Some(name) = required.iter().find(|name| values.get(**name).is_none_or(|value| *value == "")) {
        let errors =
            json!([{ "message": "is required", "code": "REQUIRED_FIELD", "context": { "propertyName": [name] } }]);
        return error(400, "VALIDATION_ERROR", "Error creating. Some required properties were not set.", &errors);
    }
    let contacts: Vec<String> =
        account.records.get("contacts").into_iter().flatten().map(|one| one.id.clone()).collect();
    if object == "leads" && !ties.iter().any(|(kind, to)| *kind == 578 && contacts.contains(to)) {
        return error(400, "VALIDATION_ERROR", "A lead must be associated with an existing contact", &json!([]));
    }
    let all: Vec<&String> = account.records.values().flatten().map(|one| &one.id).collect();
    if let Some((_, to)) = ties.iter().find(|(_, to)| !all.contains(&to)) {
        return error(404, "OBJECT_NOT_FOUND", &format!("there is no {to}"), &json!([]));
    }
    if let Some(wrong) = wrong(account, object, None, values) {
        return wrong;
    }
    account.next += 1;
    let properties = texts(values);
    let mut record = Record { id: account.next.to_string(), properties, ties };
    record.touch();
    let answer = Answer::json(201, &record.shown(&[]));
    account.records.entry(object.to_owned()).or_default().push(record);
    answer
}

fn texts(values: &Map<String, Value>) -> BTreeMap<String, String> {
    values.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

fn change(account: &mut Account, object: &str, id: &str, values: &Value) -> Answer {
    let values = values.as_object().cloned().unwrap_or_default();
    if account.find(object, "hs_object_id", id).is_none() {
        return error(404, "OBJECT_NOT_FOUND", "resource not found", &json!([]));
    }
    if let Some(wrong) = wrong(account, object, Some(id), &values) {
        return wrong;
    }
    let record = account.find(object, "hs_object_id", id).expect("just found");
    record.touch();
    record.properties.extend(texts(&values));
    Answer::json(200, &record.shown(&[]))
}

fn get(account: &mut Account, object: &str, id: &str, call: &Call) -> Answer {
    let notes = account.records.get("notes").cloned().unwrap_or_default();
    let Some(record) = account.find(object, "hs_object_id", id) else {
        return error(404, "OBJECT_NOT_FOUND", "resource not found", &json!([]));
    };
    let tied = notes.iter().filter(|note| note.ties.iter().any(|(_, to)| to == id));
    // As HubSpot does: once for each kind of tie.
    let tied: Vec<Value> = tied.map(|note| json!({ "id": note.id, "type": "x" })).collect();
    let names: Option<Vec<String>> =
        call.query.get("properties").map(|names| names.split(',').map(str::to_owned).collect());
    let mut shown = record.shown(&names.unwrap_or_default());
    shown["associations"] = json!({ "notes": { "results": tied } });
    Answer::json(200, &shown)
}

fn names(body: &Value) -> Vec<String> {
    body["properties"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn read(account: &mut Account, object: &str, body: &Value) -> Answer {
    let property = body["idProperty"].as_str().unwrap_or("hs_object_id");
    if property != "hs_object_id" && account.properties[object].get(property) != Some(&true) {
        return error(400, "VALIDATION_ERROR", &format!("{property} is not a unique property of {object}"), &json!([]));
    }
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in body["inputs"].as_array().into_iter().flatten() {
        let id = input["id"].as_str().unwrap_or_default();
        match account.find(object, property, id) {
            Some(found) => results.push(found.shown(&names(body))),
            None => errors.push(
                json!({ "status": "error", "category": "OBJECT_NOT_FOUND", "message": "Could not get some objects",
                "context": { "ids": [id] } }),
            ),
        }
    }
    let status = if errors.is_empty() { 200 } else { 207 };
    batch(status, &results, &errors)
}

fn upsert(account: &mut Account, object: &str, input: &Value) -> Answer {
    let property = input["idProperty"].as_str().unwrap_or_default();
    let id = input["id"].as_str().unwrap_or_default();
    if account.properties[object].get(property) != Some(&true) {
        return error(400, "VALIDATION_ERROR", &format!("{property} is not a unique property of {object}"), &json!([]));
    }
    let found = account.find(object, property, id).map(|record| record.id.clone());
    let is_new = found.is_none();
    let answer = match found {
        Some(found) => change(account, object, &found, &input["properties"]),
        None => {
            let mut properties = input["properties"].clone();
            properties[property] = json!(id);
            create(account, object, &json!({ "properties": properties }))
        }
    };
    let Answer::Is(status, _, body) = answer else { return Answer::Reset };
    let mut one: Value = serde_json::from_str(&body).expect("its own JSON");
    if status >= 300 {
        return batch(207, &[], &[one]);
    }
    one["new"] = json!(is_new);
    batch(200, &[one], &[])
}

fn search(account: &Account, object: &str, body: &Value) -> Answer {
    let filters: Vec<&Value> = body["filterGroups"][0]["filters"].as_array().into_iter().flatten().collect();
    let named = filters.iter().filter_map(|filter| filter["propertyName"].as_str());
    if let Some(unknown) = named.into_iter().find(|name| !account.properties[object].contains_key(*name)) {
        return error(400, "VALIDATION_ERROR", &format!("There was a problem with the request: {unknown}"), &json!([]));
    }
    let moment = |value: &str| Millis::parse(value).map(|at| at.0).unwrap_or_default();
    let fits = |record: &&Record| {
        filters.iter().all(|filter| {
            let value = record.get(filter["propertyName"].as_str().unwrap_or_default());
            match filter["operator"].as_str() {
                Some("EQ") => value == filter["value"],
                Some("NOT_HAS_PROPERTY") => value.is_empty(),
                Some("HAS_PROPERTY") => !value.is_empty(),
                Some("GTE") => {
                    moment(value) >= filter["value"].as_str().and_then(|ms| ms.parse().ok()).expect("a moment")
                }
                _ => false,
            }
        })
    };
    let mut found: Vec<&Record> = account.records.get(object).into_iter().flatten().filter(fits).collect();
    let (most, start) = (body["limit"].as_u64().unwrap_or(10), body["after"].as_str().unwrap_or("0"));
    let (most, start) = (usize::try_from(most).expect("few"), start.parse::<usize>().expect("a place"));
    if most > 200 || start + most > 10_000 {
        return error(400, "VALIDATION_ERROR", "no search goes further than 10,000 records", &json!([]));
    }
    if let Some(by) = body["sorts"][0]["propertyName"].as_str() {
        assert_eq!(body["sorts"][0]["direction"], "ASCENDING");
        found.sort_by_key(|record| moment(record.get(by)));
    }
    let names = names(body);
    let results: Vec<Value> = found.iter().skip(start).take(most).map(|record| record.shown(&names)).collect();
    Answer::json(200, &json!({ "total": found.len(), "results": results }))
}

/// Which records of another kind some are tied to; of those that are tied to none it is said beside them.
fn ties(account: &Account, (from, to): (&str, &str), body: &Value) -> Answer {
    let known = |id: &String| account.records.get(to).is_some_and(|all| all.iter().any(|record| record.id == *id));
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for id in body["inputs"].as_array().into_iter().flatten().filter_map(|input| input["id"].as_str()) {
        let record = account.records.get(from).and_then(|all| all.iter().find(|record| record.id == id));
        let tied = record.into_iter().flat_map(|record| &record.ties).filter(|(_, other)| known(other));
        let number = |id: &String| id.parse::<u64>().expect("ids are numbers");
        let all: Vec<Value> = tied
            .map(|(kind, other)| json!({ "toObjectId": number(other), "associationTypes": [{ "category": "HUBSPOT_DEFINED", "typeId": kind }] }))
            .collect();
        if all.is_empty() {
            errors.push(json!({ "status": "error", "category": "OBJECT_NOT_FOUND", "subCategory":
                "crm.associations.NO_ASSOCIATIONS_FOUND", "message": "No lead is associated with it.", "context": { "fromObjectId": [id] } }));
        } else {
            results.push(json!({ "from": { "id": id }, "to": all }));
        }
    }
    batch(if errors.is_empty() { 200 } else { 207 }, &results, &errors)
}

fn tie(account: &mut Account, (from, id): (&str, &str), (to, other): (&str, &str)) -> Answer {
    let kind = match (from, to) {
        ("contacts", "companies") => 279,
        ("leads", "contacts") => 608,
        ("notes", "leads") => 855,
        ("notes", "deals") => 214,
        ("deals", "contacts") => 3,
        _ => return error(400, "VALIDATION_ERROR", "no default association", &json!([])),
    };
    if account.find(to, "hs_object_id", other).is_none() {
        return error(404, "OBJECT_NOT_FOUND", "resource not found", &json!([]));
    }
    match account.find(from, "hs_object_id", id) {
        Some(record) => {
            record.ties.insert((kind, other.to_owned()));
            Answer::json(200, &json!({ "status": "COMPLETE", "results": [] }))
        }
        None => error(404, "OBJECT_NOT_FOUND", "resource not found", &json!([])),
    }
}

fn defined(account: &Account, object: &str, body: &Value) -> Answer {
    let named = body["inputs"].as_array().into_iter().flatten().filter_map(|input| input["name"].as_str());
    let known = named.filter_map(|name| Some((name, account.properties[object].get(name)?)));
    let results: Vec<Value> = known
        .map(|(name, unique)| {
            json!({ "name": name, "hasUniqueValue": unique,
        "modificationMetadata": { "readOnlyValue": name == "createdate" } })
        })
        .collect();
    batch(207, &results, &[])
}

fn define(account: &mut Account, object: &str, body: &Value) -> Answer {
    for input in body["inputs"].as_array().into_iter().flatten() {
        let name = input["name"].as_str().expect("a property has a name").to_owned();
        let unique = input["hasUniqueValue"].as_bool().unwrap_or(false);
        assert!(input["groupName"] == "handraiser" && input["type"].is_string() && input["fieldType"].is_string());
        account.properties.get_mut(object).expect("there is such an object").insert(name, unique);
    }
    Answer::json(201, &json!({ "status": "COMPLETE", "results": [] }))
}
