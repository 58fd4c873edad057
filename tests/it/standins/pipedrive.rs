//! A company's account of Pipedrive: organizations, persons, leads, deals, notes, the fields that they have, users. It holds callers to the
//! documented rules: who they are, which fields there are and of which type, what a record has to have, what may not be touched, how often
//! it may be asked (<https://developers.pipedrive.com/docs/api/v1>). Nothing in it is unique, and its search lags behind.

use std::collections::BTreeMap;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use handraiser::time::Millis;
use serde_json::{Map, Value, json};

use super::standin::{Answer, Call, StandIn, Vendor, now};

pub const TOKEN: &str = "0123456789abcdef0123456789abcdef01234567";
/// Whose token it is.
pub const ME: u64 = 1;

#[derive(Default)]
pub struct Account {
    /// By kind: `organizations`, `persons`, `leads`, `deals`, `notes`; custom fields as the kind's version shows them.
    pub records: BTreeMap<String, Vec<Value>>,
    /// By kind, as they are told of.
    pub fields: BTreeMap<String, Vec<Value>>,
    /// By address: the id, and whether they are active.
    pub users: BTreeMap<String, (u64, bool)>,
    /// So many calls in two seconds, and so many searches; one more is a mistake of the caller's.
    pub most: (usize, usize),
    pub refused_for_pace: usize,
    /// How long the two seconds are here.
    pub window: Duration,
    /// How long a search doesn't know what is new.
    pub lag: Duration,
    /// What is left of the day's tokens.
    pub tokens: u64,
    /// How many records a page has at most.
    pub page: usize,
    made: BTreeMap<String, Instant>,
    lately: Vec<(Instant, bool)>,
    next: u64,
}

/// The stand-in.
pub type Pipedrive = StandIn<Account>;

impl Vendor for Account {
    fn answer(&mut self, call: &Call) -> Answer {
        answer(self, call)
    }
}

/// Fields that every company has.
fn built_in(kind: &str) -> Vec<Value> {
    let all: &[(&str, &str)] = match kind {
        "organizations" => &[("name", "varchar"), ("owner_id", "user"), ("label_ids", "set"), ("website", "varchar")],
        "persons" => {
            &[("name", "varchar"), ("owner_id", "user"), ("emails", "varchar"), ("phones", "phone"), ("org_id", "org")]
        }
        _ => &[("title", "varchar"), ("owner_id", "user"), ("value", "monetary"), ("pipeline_id", "int")],
    };
    let field = |(code, kind): &(&str, &str)| json!({ "field_name": code, "field_code": code, "field_type": kind, "options": null, "is_custom_field": false });
    all.iter().map(field).collect()
}

/// Fields of records that are no fields of deals.
const OF_LEADS: [&str; 11] = [
    "title",
    "owner_id",
    "label_ids",
    "person_id",
    "organization_id",
    "is_archived",
    "value",
    "expected_close_date",
    "visible_to",
    "was_seen",
    "channel",
];

impl StandIn<Account> {
    pub async fn start(users: &[(&str, u64)]) -> Self {
        let mut account = Account {
            users: users.iter().map(|(email, id)| ((*email).to_owned(), (*id, true))).collect(),
            most: (200, 100),
            window: Duration::from_secs(2),
            lag: Duration::from_secs(3_600),
            tokens: 1_000_000,
            page: 500,
            next: 100,
            ..Account::default()
        };
        for kind in ["organizations", "persons", "deals"] {
            account.fields.insert(kind.to_owned(), built_in(kind));
        }
        Self::open(account).await
    }

    /// What is there, to look at and to change, as people in the account do.
    pub fn account(&self) -> MutexGuard<'_, Account> {
        self.state()
    }

    pub fn records(&self, kind: &str) -> Vec<Value> {
        self.account().records.get(kind).cloned().unwrap_or_default()
    }
}

impl Account {
    /// Somebody makes a field by hand.
    pub fn add_field(&mut self, kind: &str, name: &str, of: &str, options: &[&str]) -> String {
        self.next += 1;
        let code = format!("{:040x}", self.next);
        let options: Vec<Value> =
            options.iter().zip(1..).map(|(label, id)| json!({ "id": 10 + id, "label": label })).collect();
        let options = if options.is_empty() { Value::Null } else { options.into() };
        let field = json!({ "field_name": name, "field_code": code, "field_type": of, "options": options, "is_custom_field": true });
        self.fields.entry(kind.to_owned()).or_default().push(field);
        code
    }

    /// Somebody makes a record by hand, long ago.
    pub fn add(&mut self, kind: &str, values: Value) -> u64 {
        self.next += 1;
        let mut record = values;
        record["id"] = if kind == "leads" { json!(uuid(self.next)) } else { json!(self.next) };
        self.records.entry(kind.to_owned()).or_default().push(record);
        self.next
    }

    /// Somebody changes the only record of a kind by hand.
    pub fn set(&mut self, kind: &str, name: &str, value: Value) {
        let all = self.records.get_mut(kind).expect("there are such records");
        assert_eq!(all.len(), 1);
        all[0]["update_time"] = json!(now());
        all[0][name] = value;
    }

    /// Somebody makes a deal of the only lead: the lead is gone, and its fields stand on the deal.
    pub fn convert(&mut self, values: &Value) {
        let mut leads = self.records.remove("leads").expect("there is a lead");
        let lead = leads.remove(0);
        assert!(leads.is_empty());
        let codes = self.fields["deals"].iter().filter(|field| field["is_custom_field"] == true);
        let fields = codes.filter_map(|field| field["field_code"].as_str());
        let custom: Map<String, Value> =
            fields.filter_map(|code| Some((code.to_owned(), lead.get(code)?.clone()))).collect();
        let mut deal = json!({ "title": lead["title"], "owner_id": lead["owner_id"], "status": "open", "stage_id": 3,
            "lost_reason": null, "is_archived": false, "is_deleted": false, "custom_fields": custom, "update_time": now() });
        values.as_object().into_iter().flatten().for_each(|(name, value)| deal[name] = value.clone());
        self.add("deals", deal);
    }

    /// The code of a field.
    pub fn code(&self, kind: &str, name: &str) -> String {
        let field = self.fields[kind].iter().find(|field| field["field_name"] == name);
        field.unwrap_or_else(|| panic!("there is a field {name}"))["field_code"].as_str().expect("a code").to_owned()
    }

    fn field(&self, kind: &str, code: &str) -> Option<&Value> {
        let kind = if kind == "leads" { "deals" } else { kind };
        self.fields.get(kind)?.iter().find(|field| field["field_code"] == code)
    }

    fn find(&mut self, kind: &str, id: &str) -> Option<&mut Value> {
        let is_it = |record: &&mut Value| text(&record["id"]) == id;
        self.records.get_mut(kind)?.iter_mut().find(is_it)
    }

    fn is_there(&mut self, kind: &str, id: &Value) -> bool {
        self.find(kind, &text(id)).is_some_and(|record| record["is_deleted"] != true)
    }

    fn is_indexed(&self, record: &Value) -> bool {
        self.made.get(&record["id"].to_string()).is_none_or(|made| made.elapsed() >= self.lag)
    }
}

/// An id as it stands in paths.
fn text(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

fn uuid(number: u64) -> String {
    format!("adf21080-0e10-11eb-879b-{number:012x}")
}

/// An error, as Pipedrive shapes it.
fn error(status: u16, message: &str) -> Answer {
    let body = json!({ "success": false, "error": message, "error_info": "Please check developers.pipedrive.com for more information about Pipedrive API.",
        "data": null, "additional_data": null });
    Answer::json(status, &body)
}

fn fine(data: &Value) -> Answer {
    Answer::json(200, &json!({ "success": true, "data": data, "additional_data": { "next_cursor": null } }))
}

fn answer(account: &mut Account, call: &Call) -> Answer {
    if call.header("x-api-token") != TOKEN {
        let body = json!({ "success": false, "error": "unauthorized access", "errorCode": 401,
            "error_info": "Please check developers.pipedrive.com" });
        return Answer::json(401, &body);
    }
    let window = account.window;
    account.lately.retain(|(at, _)| at.elapsed() < window);
    let is_search = call.path.ends_with("/search");
    let searches = account.lately.iter().filter(|(_, search)| *search).count();
    if account.lately.len() >= account.most.0 || is_search && searches >= account.most.1 {
        account.refused_for_pace += 1;
        let body = json!({ "success": false, "error": "Rate limit exceeded" });
        return Answer::Is(429, vec![("x-ratelimit-reset", "2".to_owned())], body.to_string());
    }
    account.lately.push((Instant::now(), is_search));
    let cost = match call.method.as_str() {
        "GET" if is_search => 20,
        "GET" => 2,
        _ => 10,
    };
    if account.tokens < cost {
        let headers =
            vec![("x-daily-ratelimit-token-remaining", "0".to_owned()), ("x-ratelimit-reset", "2".to_owned())];
        return Answer::Is(429, headers, json!({ "success": false, "error": "Rate limit exceeded" }).to_string());
    }
    account.tokens -= cost;
    work(account, call)
}

fn work(account: &mut Account, call: &Call) -> Answer {
    let parts: Vec<&str> = call.path.trim_matches('/').split('/').collect();
    let ["api", version, rest @ ..] = parts.as_slice() else { return error(404, "Unknown method .") };
    let body = call.json();
    match (*version, call.method.as_str(), rest) {
        ("v1", "GET", ["users"]) => users(account),
        ("v1", "GET", ["users", "me"]) => me(account),
        ("v1", "GET", ["leads"]) => listed(account, "leads", false, call),
        ("v1", "GET", ["leads", "archived"]) => listed(account, "leads", true, call),
        ("v1", "GET", ["leadLabels"]) => {
            fine(&json!([{ "id": "l-hot", "name": "Hot" }, { "id": "l-junk", "name": "Junk" }]))
        }
        ("v2", "GET", ["stages"]) => {
            fine(&json!([{ "id": 3, "name": "Qualified" }, { "id": 4, "name": "Demo booked" }]))
        }
        ("v2", "GET", ["deals"]) => listed(account, "deals", false, call),
        ("v2", "GET", ["deals", "archived"]) => listed(account, "deals", true, call),
        ("v1", "GET", ["notes"]) => list(account, "notes", call),
        ("v1", "POST", [kind @ ("leads" | "notes")]) => create(account, kind, &body),
        ("v1", "GET", ["leads", id]) => get(account, "leads", id),
        ("v1", "PATCH", ["leads", id]) => change(account, "leads", id, &body),
        ("v2", "GET", [kind @ ("organizations" | "persons" | "leads" | "deals"), "search"]) => {
            search(account, kind, call)
        }
        ("v2", "GET", [kind @ ("organizations" | "persons")]) => newest(account, kind, call),
        ("v2", "POST", [kind @ ("organizations" | "persons")]) => create(account, kind, &body),
        ("v2", "GET", [kind @ ("organizations" | "persons" | "deals"), id]) => get(account, kind, id),
        ("v2", "PATCH", [kind @ ("organizations" | "persons" | "deals"), id]) => change(account, kind, id, &body),
        ("v2", "GET", [fields]) => match kind_of(fields) {
            Some(kind) => fine(&json!(account.fields[kind])),
            None => error(404, "Unknown method ."),
        },
        ("v2", "POST", [fields]) => match kind_of(fields) {
            Some(kind) => define(account, kind, &body),
            None => error(404, "Unknown method ."),
        },
        _ => error(404, "Unknown method ."),
    }
}

fn kind_of(fields: &str) -> Option<&'static str> {
    Some(match fields {
        "organizationFields" => "organizations",
        "personFields" => "persons",
        "dealFields" => "deals",
        _ => return None,
    })
}

fn users(account: &Account) -> Answer {
    let shown = |(email, (id, active)): (&String, &(u64, bool))| json!({ "id": id, "name": email, "email": email, "active_flag": active, "is_deleted": false });
    fine(&account.users.iter().map(shown).collect())
}

fn me(account: &Account) -> Answer {
    let data = json!({ "id": ME, "email": "me@example.com", "company_name": "Example", "company_domain": "example",
        "access": [{ "app": "global", "admin": true }] });
    let headers = vec![
        ("x-ratelimit-limit", "20".to_owned()),
        ("x-ratelimit-remaining", "19".to_owned()),
        ("x-ratelimit-reset", "2".to_owned()),
        ("x-daily-ratelimit-token-remaining", account.tokens.to_string()),
    ];
    Answer::Is(200, headers, json!({ "success": true, "data": data }).to_string())
}

fn define(account: &mut Account, kind: &str, body: &Value) -> Answer {
    let (Some(name), Some(of)) = (body["field_name"].as_str(), body["field_type"].as_str()) else {
        return error(400, "field_name and field_type are required");
    };
    let code = account.add_field(kind, name, of, &[]);
    fine(&account.field(kind, &code).cloned().expect("just made"))
}

/// What is wrong with a value of a company's own field.
fn wrong_value(field: &Value, value: &Value) -> Option<String> {
    let name = field["field_code"].as_str().unwrap_or_default();
    let fits = match field["field_type"].as_str().unwrap_or_default() {
        _ if value.is_null() => true,
        "varchar" => value.as_str().is_some_and(|text| text.chars().count() <= 255),
        "text" => value.is_string(),
        "double" => value.is_number(),
        "date" => value.as_str().is_some_and(|text| text.len() == 10 && text.as_bytes()[4] == b'-'),
        "enum" => field["options"].as_array().is_some_and(|all| all.iter().any(|option| option["id"] == *value)),
        "set" => value.as_array().is_some_and(|all| {
            let known = |one: &Value| {
                field["options"].as_array().is_some_and(|all| all.iter().any(|option| option["id"] == *one))
            };
            !all.is_empty() && all.iter().all(known)
        }),
        _ => true,
    };
    (!fits).then(|| format!("Validation failed: custom_fields.{name}: invalid value"))
}

/// What is wrong with the values of a record.
fn wrong(account: &mut Account, kind: &str, values: &Map<String, Value>) -> Option<Answer> {
    let empty = Map::new();
    let custom = values.get("custom_fields").and_then(Value::as_object).unwrap_or(&empty);
    for (code, value) in custom {
        let Some(field) = account.field(kind, code).filter(|field| field["is_custom_field"] == true) else {
            return Some(error(400, &format!("Validation failed: custom_fields.{code}: unknown field")));
        };
        if let Some(wrong) = wrong_value(field, value) {
            return Some(error(400, &wrong));
        }
    }
    for (name, value) in values.iter().filter(|(name, _)| *name != "custom_fields") {
        let field = account.field(kind, name).cloned();
        let is_custom = field.as_ref().is_some_and(|field| field["is_custom_field"] == true);
        let is_known = match kind {
            "leads" => is_custom || OF_LEADS.contains(&name.as_str()),
            "notes" => {
                ["content", "lead_id", "deal_id", "person_id", "org_id", "user_id", "add_time"].contains(&name.as_str())
            }
            _ => field.is_some() && !is_custom,
        };
        if !is_known {
            return Some(error(400, &format!("Validation failed: {name}: unknown key")));
        }
        if let Some(wrong) = field.filter(|_| is_custom).and_then(|field| wrong_value(&field, value)) {
            return Some(error(400, &wrong));
        }
        let of = match name.as_str() {
            "owner_id" | "user_id" => {
                let active = account.users.values().any(|(id, active)| *value == *id && *active);
                if *value != ME && !active {
                    return Some(error(400, "owner_id: the user doesn't exist, or is not active"));
                }
                continue;
            }
            "person_id" => "persons",
            "org_id" | "organization_id" => "organizations",
            "lead_id" => "leads",
            "deal_id" => "deals",
            _ => continue,
        };
        // Numbers, not texts, of whatever has a number.
        if of != "leads" && !value.is_u64() || !account.is_there(of, value) {
            return Some(error(400, &format!("{name}: invalid, or not found")));
        }
    }
    None
}

fn create(account: &mut Account, kind: &str, body: &Value) -> Answer {
    let values = body.as_object().cloned().unwrap_or_default();
    let required = match kind {
        "leads" => "title",
        "notes" => "content",
        _ => "name",
    };
    let given = values.get(required).and_then(Value::as_str).unwrap_or_default();
    if given.is_empty() || kind != "notes" && given.chars().count() > 255 {
        return error(400, &format!("{required} is required, and may have 255 characters"));
    }
    if kind == "leads" && !values.contains_key("person_id") && !values.contains_key("organization_id") {
        return error(400, "One of the \"person_id\" or \"organization_id\" must be set.");
    }
    if kind == "notes" && !["lead_id", "deal_id", "person_id", "org_id"].iter().any(|of| values.contains_key(*of)) {
        return error(400, "One of deal_id, lead_id, person_id, org_id is required");
    }
    if let Some(wrong) = wrong(account, kind, &values) {
        return wrong;
    }
    account.next += 1;
    let mut record = Value::Object(values);
    record["id"] = if kind == "leads" { json!(uuid(account.next)) } else { json!(account.next) };
    record["update_time"] = json!(now());
    if kind == "leads" {
        record["is_archived"] = json!(false);
    } else if kind != "notes" && record["custom_fields"].is_null() {
        record["custom_fields"] = json!({});
    }
    if kind != "notes" && record["owner_id"].is_null() {
        record["owner_id"] = json!(ME);
    }
    account.made.insert(record["id"].to_string(), Instant::now());
    account.records.entry(kind.to_owned()).or_default().push(record.clone());
    Answer::json(if kind == "leads" { 201 } else { 200 }, &json!({ "success": true, "data": record }))
}

fn get(account: &mut Account, kind: &str, id: &str) -> Answer {
    match account.find(kind, id) {
        Some(record) => {
            let record = record.clone();
            fine(&record)
        }
        None => error(404, "requested object not found"),
    }
}

fn change(account: &mut Account, kind: &str, id: &str, body: &Value) -> Answer {
    let values = body.as_object().cloned().unwrap_or_default();
    match account.find(kind, id) {
        None => return error(404, "requested object not found"),
        Some(record) if record["is_archived"] == true => return error(403, "archived records can't be changed"),
        Some(record) if record["is_deleted"] == true => return error(410, "the record was deleted"),
        Some(_) => {}
    }
    if values.is_empty() {
        return error(400, "nothing to change");
    }
    if let Some(wrong) = wrong(account, kind, &values) {
        return wrong;
    }
    let record = account.find(kind, id).expect("just found");
    record["update_time"] = json!(now());
    for (name, value) in values {
        match value.as_object().filter(|_| name == "custom_fields") {
            Some(custom) => custom.iter().for_each(|(code, value)| record["custom_fields"][code] = value.clone()),
            None => record[name] = value,
        }
    }
    let record = record.clone();
    fine(&record)
}

fn list(account: &Account, kind: &str, call: &Call) -> Answer {
    let all = account.records.get(kind).into_iter().flatten();
    let of = |name: &str, record: &Value| call.query.get(name).is_none_or(|id| text(&record[name]) == *id);
    let found = all.filter(|record| ["lead_id", "deal_id"].iter().all(|name| of(name, record)));
    let found: Vec<&Value> = found.collect();
    fine(&if found.is_empty() { Value::Null } else { json!(found) })
}

/// Leads or deals: in an order, from a place on, what was changed since a time; those that are archived are in a list of their own.
fn listed(account: &Account, kind: &str, archived: bool, call: &Call) -> Answer {
    let said = |name: &str| call.query.get(name).map(String::as_str).unwrap_or_default();
    let allowed: &[&str] = match (kind, archived) {
        ("leads", false) => &["limit", "start", "person_id", "organization_id", "updated_since", "sort"],
        ("leads", true) => &["limit", "start", "person_id", "organization_id", "sort"],
        _ => &["limit", "cursor", "updated_since", "sort_by", "sort_direction", "custom_fields"],
    };
    if let Some(unknown) = call.query.keys().find(|name| !allowed.contains(&name.as_str())) {
        return error(400, &format!("Validation failed: {unknown}: unknown key"));
    }
    let of = |name: &str, record: &Value| call.query.get(name).is_none_or(|id| text(&record[name]) == *id);
    let at = |record: &Value| Millis::parse(record["update_time"].as_str().unwrap_or_default()).unwrap_or_default();
    let since = Millis::parse(said("updated_since")).unwrap_or_default();
    let all = account.records.get(kind).into_iter().flatten();
    let mut found: Vec<&Value> = all
        .filter(|record| (record["is_archived"] == true) == archived && record["is_deleted"] != true)
        .filter(|record| of("person_id", record) && of("organization_id", record) && at(record) >= since)
        .collect();
    if said("sort").starts_with("update_time") || said("sort_by") == "update_time" {
        found.sort_by_key(|record| at(record));
    }
    if said("sort").ends_with(" DESC") || said("sort_direction") == "desc" {
        found.reverse();
    }
    let start: usize = if kind == "leads" { said("start") } else { said("cursor") }.parse().unwrap_or(0);
    let most = said("limit").parse().unwrap_or(100).min(500).min(account.page);
    let more = (found.len() > start + most).then(|| (start + most).to_string());
    let page: Vec<&Value> = found.into_iter().skip(start).take(most).collect();
    let data = if page.is_empty() && kind == "leads" { Value::Null } else { json!(page) };
    Answer::json(200, &json!({ "success": true, "data": data, "additional_data": { "next_cursor": more } }))
}

fn newest(account: &Account, kind: &str, call: &Call) -> Answer {
    assert_eq!([&*call.query["sort_by"], &*call.query["sort_direction"]], ["add_time", "desc"]);
    let most = call.query["limit"].parse().expect("a number");
    let all: Vec<&Value> = account.records.get(kind).into_iter().flatten().rev().take(most).collect();
    fine(&json!(all))
}

fn search(account: &Account, kind: &str, call: &Call) -> Answer {
    let term = call.query["term"].to_lowercase();
    if call.query.get("exact_match").is_none_or(|exact| exact != "true") && term.chars().count() < 2 {
        return error(400, "term has to have two characters");
    }
    let is_it = |value: &Value| value.as_str().is_some_and(|text| text.to_lowercase() == term);
    let holds = |record: &Value| match call.query["fields"].as_str() {
        "name" => is_it(&record["name"]),
        "email" => record["emails"].as_array().into_iter().flatten().any(|email| is_it(&email["value"])),
        "custom_fields" => {
            let flat = account.fields["deals"].iter().filter_map(|field| record.get(field["field_code"].as_str()?));
            record["custom_fields"].as_object().into_iter().flat_map(Map::values).chain(flat).any(is_it)
        }
        _ => false,
    };
    let all = account.records.get(kind).into_iter().flatten();
    let found = all.filter(|record| record["is_deleted"] != true && account.is_indexed(record) && holds(record));
    let items: Vec<Value> = found
        .map(|record| json!({ "result_score": 1.0, "item": { "id": record["id"], "type": "x", "name": record["name"], "custom_fields": [] } }))
        .collect();
    fine(&json!({ "items": items }))
}
