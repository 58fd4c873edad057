//! A workspace of Attio: objects with attributes, records with values, notes, members. It holds callers to the documented rules: who they
//! are, which attributes there are and of which type, which of them are required and which unique, how often it may be asked, and what
//! assertions do to what is there (<https://docs.attio.com/rest-api>).

use std::collections::BTreeMap;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use handraiser::time::Millis;
use serde_json::{Map, Value, json};

use super::attio_shown;
use super::standin::{Answer, Call, StandIn, Vendor, now};

pub const TOKEN: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const SCOPES: &str =
    "record_permission:read-write object_configuration:read-write user_management:read note:read-write";

/// A record: its id, and the values of its attributes as they were written.
#[derive(Clone, Debug)]
pub struct Record {
    pub id: String,
    pub values: BTreeMap<String, Vec<Value>>,
    /// When it was made, and since when values stand.
    pub made: String,
    pub since: BTreeMap<String, String>,
}

impl Record {
    /// The only value of an attribute.
    pub fn get(&self, attribute: &str) -> Value {
        self.values.get(attribute).and_then(|all| all.first()).cloned().unwrap_or_default()
    }

    fn write(&mut self, values: BTreeMap<String, Vec<Value>>) {
        for (attribute, all) in values {
            if self.values.get(&attribute) != Some(&all) {
                self.since.insert(attribute.clone(), now());
            }
            self.values.insert(attribute, all);
        }
    }

    /// The ids of the records that an attribute refers to.
    pub fn refers(&self, attribute: &str) -> Vec<Value> {
        self.values.get(attribute).into_iter().flatten().map(|one| one["target_record_id"].clone()).collect()
    }
}

#[derive(Default)]
pub struct Workspace {
    pub records: BTreeMap<String, Vec<Record>>,
    /// By object, as they are told of.
    pub attributes: BTreeMap<String, Vec<Value>>,
    /// By address: the id, and whether they may come in.
    pub members: BTreeMap<String, (String, bool)>,
    pub notes: Vec<Value>,
    pub scopes: String,
    /// So many writes and reads in a second; one more is a mistake of the caller's.
    pub most: (usize, usize),
    pub refused_for_pace: usize,
    lately: Vec<(Instant, bool)>,
    next: u64,
}

/// The stand-in.
pub type Attio = StandIn<Workspace>;

impl Vendor for Workspace {
    fn answer(&mut self, call: &Call) -> Answer {
        answer(self, call)
    }
}

impl StandIn<Workspace> {
    /// With the attributes that objects have by themselves.
    pub async fn start(members: &[(&str, &str)]) -> Self {
        let mut workspace = Workspace {
            members: members.iter().map(|(email, id)| ((*email).to_owned(), ((*id).to_owned(), true))).collect(),
            scopes: SCOPES.to_owned(),
            most: (25, 100),
            next: 100,
            ..Workspace::default()
        };
        for (slug, kind, is_unique) in
            [("name", "text", false), ("domains", "domain", true), ("description", "text", false)]
        {
            workspace.add("companies", slug, kind, is_unique, false);
        }
        for (slug, kind, is_unique) in [
            ("name", "personal-name", false),
            ("email_addresses", "email-address", true),
            ("job_title", "text", false),
            ("company", "record-reference", false),
        ] {
            workspace.add("people", slug, kind, is_unique, false);
        }
        for (slug, kind, is_required) in [
            ("name", "text", true),
            ("stage", "status", true),
            ("owner", "actor-reference", true),
            ("value", "currency", false),
            ("associated_people", "record-reference", false),
            ("associated_company", "record-reference", false),
        ] {
            workspace.add("deals", slug, kind, false, is_required);
        }
        Self::open(workspace).await
    }

    /// What is there, to look at and to change, as people in the workspace do.
    pub fn workspace(&self) -> MutexGuard<'_, Workspace> {
        self.state()
    }

    pub fn records(&self, object: &str) -> Vec<Record> {
        self.workspace().records.get(object).cloned().unwrap_or_default()
    }
}

impl Workspace {
    /// Somebody makes an attribute.
    pub fn add(&mut self, object: &str, slug: &str, kind: &str, is_unique: bool, is_required: bool) {
        let attribute = attio_shown::attribute(slug, kind, is_unique, is_required);
        self.attributes.entry(object.to_owned()).or_default().push(attribute);
    }

    /// Somebody makes a record by hand.
    pub fn make(&mut self, object: &str, values: &[(&str, Value)]) -> String {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), vec![value.clone()])).collect();
        self.insert(object, values)
    }

    /// Somebody changes the only record of an object by hand.
    pub fn set(&mut self, object: &str, attribute: &str, value: Value) {
        let all = self.records.get_mut(object).expect("there are such records");
        assert_eq!(all.len(), 1);
        all[0].write(BTreeMap::from([(attribute.to_owned(), vec![value])]));
    }

    /// Somebody changed it long ago.
    pub fn age(&mut self, object: &str, at: &str) {
        let all = self.records.get_mut(object).into_iter().flatten();
        all.flat_map(|record| record.since.values_mut()).for_each(|since| at.clone_into(since));
    }

    fn insert(&mut self, object: &str, values: BTreeMap<String, Vec<Value>>) -> String {
        self.next += 1;
        let id = format!("bf071e1f-6035-429d-b874-{:012x}", self.next);
        let mut record = Record { id: id.clone(), values: BTreeMap::new(), made: now(), since: BTreeMap::new() };
        record.write(values);
        self.records.entry(object.to_owned()).or_default().push(record);
        id
    }

    fn attribute(&self, object: &str, slug: &str) -> Option<&Value> {
        self.attributes.get(object)?.iter().find(|attribute| attribute["api_slug"] == slug)
    }

    /// The first record that has this value among those of an attribute.
    fn find(&mut self, object: &str, slug: &str, value: &Value) -> Option<&mut Record> {
        let has =
            |record: &&mut Record| record.values.get(slug).is_some_and(|all| all.iter().any(|one| same(one, value)));
        self.records.get_mut(object)?.iter_mut().find(has)
    }

    /// A record, as it is told of.
    fn shown(&self, object: &str, record: &Record) -> Value {
        let kind = |slug: &str| self.attribute(object, slug).and_then(|one| one["type"].as_str()).unwrap_or_default();
        let (created, made) = ("created_at".to_owned(), [json!(record.made)]);
        let values = record.values.iter().map(|(slug, all)| (slug, kind(slug), all.as_slice()));
        let mut shown = attio_shown::record(&record.id, values.chain([(&created, "timestamp", &made[..])]));
        for (slug, since) in &record.since {
            for value in shown["values"][slug].as_array_mut().into_iter().flatten() {
                value["active_from"] = json!(since.replace('Z', "000000Z"));
            }
        }
        shown
    }
}

fn same(one: &Value, other: &Value) -> bool {
    match (one.as_str(), other.as_str()) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        _ => one == other,
    }
}

/// An error, as Attio shapes it.
fn error(status: u16, code: &str, message: &str) -> Answer {
    let kind = if status == 401 || status == 403 { "auth_error" } else { "invalid_request_error" };
    Answer::json(status, &json!({ "status_code": status, "type": kind, "code": code, "message": message }))
}

fn fine(data: &Value) -> Answer {
    Answer::json(200, &json!({ "data": data }))
}

fn answer(workspace: &mut Workspace, call: &Call) -> Answer {
    if call.header("authorization") != format!("Bearer {TOKEN}") {
        return error(401, "unauthorized", "The provided access token is invalid.");
    }
    workspace.lately.retain(|(at, _)| at.elapsed() < Duration::from_secs(1));
    let is_read = call.method == "GET" || call.path.ends_with("/query");
    let most = if is_read { workspace.most.1 } else { workspace.most.0 };
    if workspace.lately.iter().filter(|(_, read)| *read == is_read).count() >= most {
        workspace.refused_for_pace += 1;
        let after = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(1);
        let after = after.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let body = json!({ "status_code": 429, "type": "rate_limit_error", "code": "rate_limit_exceeded",
            "message": "Rate limit exceeded, please try again later" });
        return Answer::Is(429, vec![("Retry-After", after)], body.to_string());
    }
    workspace.lately.push((Instant::now(), is_read));
    work(workspace, call)
}

fn work(workspace: &mut Workspace, call: &Call) -> Answer {
    let parts: Vec<&str> = call.path.trim_matches('/').split('/').collect();
    let ["v2", rest @ ..] = parts.as_slice() else { return error(404, "not_found", "no such path") };
    if let ["objects", object, ..] = rest
        && !workspace.attributes.contains_key(*object)
    {
        return error(404, "not_found", &format!("Object with slug/ID \"{object}\" was not found."));
    }
    let body = call.json();
    let data = &body["data"];
    match (call.method.as_str(), rest) {
        ("GET", ["self"]) => Answer::json(200, &attio_shown::me(&workspace.scopes)),
        ("GET", ["workspace_members"]) => members(workspace),
        ("GET", ["objects", object, "attributes"]) => fine(&json!(workspace.attributes[*object])),
        ("GET", ["objects", _, "attributes", "stage", "statuses"]) => {
            fine(&json!(["Lead", "In Progress", "Won 🎉", "Lost"].map(|title| json!({ "title": title }))))
        }
        ("POST", ["objects", object, "attributes"]) => define(workspace, object, data),
        ("POST", ["objects", object, "records", "query"]) => query(workspace, object, &body),
        ("GET", ["objects", object, "records", id]) => get(workspace, object, id),
        ("POST", ["objects", object, "records"]) => create(workspace, object, &data["values"]),
        ("PUT", ["objects", object, "records"]) => assert_record(workspace, object, call, &data["values"]),
        ("PATCH", ["objects", object, "records", id]) => change(workspace, object, id, &data["values"]),
        ("POST", ["notes"]) => note(workspace, data),
        ("GET", ["notes"]) => notes(workspace, call),
        _ => error(404, "not_found", "no such path"),
    }
}

fn members(workspace: &Workspace) -> Answer {
    let shown = |(email, (id, active)): (&String, &(String, bool))| attio_shown::member(email, id, *active);
    fine(&workspace.members.iter().map(shown).collect())
}

fn define(workspace: &mut Workspace, object: &str, data: &Value) -> Answer {
    let required = ["title", "description", "api_slug", "type", "is_required", "is_unique", "is_multiselect", "config"];
    if let Some(missing) = required.iter().find(|name| data.get(**name).is_none()) {
        return error(400, "validation_type", &format!("Body payload validation error: {missing} is missing"));
    }
    let slug = data["api_slug"].as_str().unwrap_or_default();
    if workspace.attribute(object, slug).is_some() {
        return error(409, "slug_conflict", "An attribute with the same slug already exists.");
    }
    let (kind, unique) = (data["type"].as_str().unwrap_or_default(), data["is_unique"] == true);
    workspace.add(object, slug, kind, unique, false);
    fine(&workspace.attribute(object, slug).cloned().expect("just made"))
}

fn query(workspace: &mut Workspace, object: &str, body: &Value) -> Answer {
    if let Some(all) = body["filter"]["$and"].as_array() {
        return listed(workspace, object, all, body);
    }
    let Some((slug, value)) = body["filter"].as_object().and_then(|filter| filter.iter().next()) else {
        return error(400, "filter_error", "Error in filter.");
    };
    if workspace.attribute(object, slug).is_none() {
        return error(400, "filter_error", &format!("Unknown attribute slug: {slug}"));
    }
    let found = workspace.find(object, slug, value).cloned();
    fine(&found.iter().map(|record| workspace.shown(object, record)).collect())
}

/// Records with some attribute that were made since a time, in that order.
fn listed(workspace: &Workspace, object: &str, filters: &[Value], body: &Value) -> Answer {
    assert_eq!(body["sorts"], json!([{ "attribute": "created_at", "direction": "asc" }]));
    let fits = |record: &&Record| {
        filters.iter().flat_map(|filter| filter.as_object().expect("a filter")).all(|(slug, filter)| {
            match (slug.as_str(), filter["$gte"].as_str()) {
                ("created_at", Some(since)) => Millis::parse(&record.made) >= Millis::parse(since),
                _ if filter["active_from"].is_object() => {
                    let since = filter["active_from"]["$gte"].as_str().and_then(Millis::parse).expect("a moment");
                    let kind = workspace.attribute(object, slug).map(|attribute| attribute["type"].clone());
                    assert_eq!(kind, Some(json!("status")), "nothing else can be asked for by when it changed");
                    let shown = workspace.shown(object, record);
                    let from = shown["values"][slug][0]["active_from"].as_str().and_then(Millis::parse);
                    from.is_some_and(|from| from >= since)
                }
                _ => filter["$not_empty"] == true && record.values.get(slug).is_some_and(|all| !all.is_empty()),
            }
        })
    };
    let mut found: Vec<&Record> = workspace.records.get(object).into_iter().flatten().filter(fits).collect();
    found.sort_by(|one, other| one.made.cmp(&other.made));
    let number = |name: &str| usize::try_from(body[name].as_u64().expect("a number")).expect("a few");
    assert!(number("limit") <= 500);
    let page = found.into_iter().skip(number("offset")).take(number("limit"));
    fine(&page.map(|record| workspace.shown(object, record)).collect())
}

/// What is wrong with values of a record.
fn wrong(workspace: &mut Workspace, object: &str, id: Option<&str>, values: &Map<String, Value>) -> Option<Answer> {
    for (slug, all) in values {
        let Some(attribute) = workspace.attribute(object, slug).cloned() else {
            return Some(error(400, "value_not_found", &format!("Cannot find attribute with slug/ID \"{slug}\".")));
        };
        let Some(all) = all.as_array() else {
            return Some(error(400, "validation_type", &format!("data.values.{slug} is no array")));
        };
        for value in all {
            let target = |objects: &[&str]| {
                let id = value["target_record_id"].as_str().unwrap_or_default();
                objects.contains(&value["target_object"].as_str().unwrap_or_default())
                    && workspace.records.values().flatten().any(|record| record.id == id)
            };
            let fits = match attribute["type"].as_str().unwrap_or_default() {
                "text" | "domain" | "email-address" => value.as_str().is_some_and(|text| !text.is_empty()),
                "number" | "currency" => value.is_number(),
                "timestamp" => value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
                "status" => ["Lead", "In Progress", "Won 🎉", "Lost"].iter().any(|status| value == status),
                "personal-name" => ["first_name", "last_name", "full_name"].iter().all(|part| value[*part].is_string()),
                "record-reference" => target(&["companies", "people"]),
                "actor-reference" => {
                    let is_it = |(id, active): &(String, bool)| *id == value["referenced_actor_id"] && *active;
                    value["referenced_actor_type"] == "workspace-member" && workspace.members.values().any(is_it)
                }
                _ => true,
            };
            if !fits {
                let body = json!({ "status_code": 400, "type": "invalid_request_error", "code": "validation_type",
                    "message": "Body payload validation error.",
                    "validation_errors": [{ "code": "invalid", "path": ["data", "values", slug, 0], "message": format!("{value} doesn't fit") }] });
                return Some(Answer::json(400, &body));
            }
            let is_unique = attribute["is_unique"] == true;
            if is_unique && workspace.find(object, slug, value).is_some_and(|other| Some(other.id.as_str()) != id) {
                return Some(error(
                    400,
                    "uniqueness_conflict",
                    &format!("The value of {slug} is that of another record."),
                ));
            }
        }
    }
    None
}

fn assert_record(workspace: &mut Workspace, object: &str, call: &Call, values: &Value) -> Answer {
    let by = call.query.get("matching_attribute").cloned().unwrap_or_default();
    if workspace.attribute(object, &by).is_none_or(|attribute| attribute["is_unique"] != true) {
        return error(
            400,
            "value_not_found",
            &format!("No unique attribute was found for matching_attribute \"{by}\"."),
        );
    }
    let key = values[&by][0].clone();
    match workspace.find(object, &by, &key).map(|record| record.id.clone()) {
        Some(id) => change(workspace, object, &id, values),
        None => create(workspace, object, values),
    }
}

fn create(workspace: &mut Workspace, object: &str, values: &Value) -> Answer {
    let values = values.as_object().cloned().unwrap_or_default();
    let required = workspace.attributes[object].iter().filter(|attribute| attribute["is_required"] == true);
    let mut slugs = required.filter_map(|attribute| attribute["api_slug"].as_str());
    if let Some(missing) = slugs.find(|slug| !values.contains_key(*slug)) {
        return error(400, "missing_value", &format!("Required value for \"{missing}\" was not provided."));
    }
    if let Some(wrong) = wrong(workspace, object, None, &values) {
        return wrong;
    }
    let id = workspace.insert(object, lists(values));
    get(workspace, object, &id)
}

fn lists(values: Map<String, Value>) -> BTreeMap<String, Vec<Value>> {
    values.into_iter().map(|(slug, all)| (slug, all.as_array().cloned().unwrap_or_default())).collect()
}

fn get(workspace: &Workspace, object: &str, id: &str) -> Answer {
    let mut all = workspace.records.get(object).into_iter().flatten();
    let found = all.find(|record| record.id == id);
    found.map_or_else(
        || error(404, "not_found", "The record was not found."),
        |record| fine(&workspace.shown(object, record)),
    )
}

fn change(workspace: &mut Workspace, object: &str, id: &str, values: &Value) -> Answer {
    let values = values.as_object().cloned().unwrap_or_default();
    if !workspace.records.get(object).into_iter().flatten().any(|record| record.id == id) {
        return error(404, "not_found", "The record was not found.");
    }
    if let Some(wrong) = wrong(workspace, object, Some(id), &values) {
        return wrong;
    }
    let all = workspace.records.get_mut(object).expect("just looked");
    all.iter_mut().find(|record| record.id == id).expect("just looked").write(lists(values));
    get(workspace, object, id)
}

fn note(workspace: &mut Workspace, data: &Value) -> Answer {
    let required = ["parent_object", "parent_record_id", "title", "format", "content"];
    if let Some(missing) = required.iter().find(|name| !data[**name].is_string()) {
        return error(400, "validation_type", &format!("{missing} is missing"));
    }
    let object = data["parent_object"].as_str().unwrap_or_default();
    let parents = workspace.records.get(object).into_iter().flatten();
    if !parents.into_iter().any(|record| data["parent_record_id"] == record.id.as_str()) {
        return error(404, "not_found", "The parent record was not found.");
    }
    let note = attio_shown::note(workspace.notes.len(), data);
    workspace.notes.push(note.clone());
    fine(&note)
}

fn notes(workspace: &Workspace, call: &Call) -> Answer {
    let number = |name: &str| call.query[name].parse::<usize>().expect("a number");
    let (limit, offset) = (number("limit"), number("offset"));
    assert!(limit <= 50, "the maximum is 50");
    let of_it = |note: &&Value| note["parent_record_id"] == call.query["parent_record_id"].as_str();
    fine(&workspace.notes.iter().filter(of_it).skip(offset).take(limit).cloned().collect())
}
