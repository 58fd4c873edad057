//! An org of Salesforce: leads, contacts, accounts, tasks, users, an app. It holds callers to the documented rules: tokens, fields that are
//! required, unique external ids, assignment rules, duplicate rules, converted leads, graphs that are written as a whole.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::soql::{Query, Row};
use super::standin::{Answer, Call, StandIn, Vendor, now};

pub const CLIENT_ID: &str = "3MVG9stand-in";
pub const CLIENT_SECRET: &str = "stand-in-secret";
const ADMIN: &str = "005000000000000AAA";
const IDS: [&str; 3] = ["handraiser_lead_id__c", "handraiser_user_id__c", "handraiser_account_id__c"];

/// What the org holds, and how it is set up.
#[derive(Clone, Default)]
pub struct Org {
    rows: BTreeMap<String, Vec<Row>>,
    tokens: Vec<String>,
    made: usize,
    /// Whether leads with an address that another has are refused.
    no_duplicates: bool,
    /// A field of leads that a validation rule asks for.
    wanted: Option<String>,
    /// How many calls are left.
    left: Option<usize>,
    /// How often records were written, by object.
    writes: BTreeMap<String, usize>,
    /// When records were changed, by their ids.
    changed: BTreeMap<String, String>,
}

/// The stand-in.
pub type Salesforce = StandIn<Org>;

type Refused = (u16, Value);

fn refused(status: u16, code: &str, message: &str, fields: &[&str]) -> Refused {
    (status, json!([{ "message": message, "errorCode": code, "fields": fields }]))
}

impl StandIn<Org> {
    pub async fn start(users: &[(&str, bool)]) -> Self {
        let mut org = Org::default();
        for (at, (email, is_active)) in users.iter().enumerate() {
            let user = json!({ "Id": user(at), "Email": email, "IsActive": is_active, "UserType": "Standard" });
            org.rows.entry("User".to_owned()).or_default().push(user.as_object().expect("an object").clone());
        }
        Self::open(org).await
    }

    pub fn rows(&self, object: &str) -> Vec<Row> {
        self.state().rows.get(object).cloned().unwrap_or_default()
    }

    /// The only record of an object.
    pub fn only(&self, object: &str) -> Row {
        let rows = self.rows(object);
        assert_eq!(rows.len(), 1, "{object}: {rows:?}");
        rows.into_iter().next().expect("there is one")
    }

    /// How often records of an object were written.
    pub fn writes(&self, object: &str) -> usize {
        self.state().writes.get(object).copied().unwrap_or_default()
    }

    /// What people do.
    pub fn edit(&self, object: &str, edit: impl Fn(&mut Vec<Row>)) {
        let mut org = self.state();
        let rows = org.rows.entry(object.to_owned()).or_default();
        let before = rows.clone();
        edit(rows);
        let ids: Vec<String> = rows
            .iter()
            .filter(|row| !before.contains(row))
            .map(|row| row["Id"].as_str().expect("an id").to_owned())
            .collect();
        org.changed.extend(ids.into_iter().map(|id| (id, now())));
    }

    pub fn expire_tokens(&self) {
        self.state().tokens.clear();
    }

    pub fn leave_calls(&self, left: Option<usize>) {
        self.state().left = left;
    }

    pub fn refuse_duplicates(&self, refuse: bool) {
        self.state().no_duplicates = refuse;
    }

    pub fn want(&self, field: Option<&str>) {
        self.state().wanted = field.map(str::to_owned);
    }
}

/// The id of a user, by their place among those that the org was started with.
pub fn user(at: usize) -> String {
    format!("005{:012}AAA", at + 1)
}

/// The fields of an object, those that are required first.
fn fields(object: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match object {
        "Lead" => (
            &["LastName", "Company"],
            &[
                "Id",
                "OwnerId",
                "FirstName",
                "Email",
                "Title",
                "Description",
                "Status",
                "IsConverted",
                "ConvertedContactId",
                "ConvertedOpportunityId",
                "SystemModstamp",
                "Rating",
                "LeadSource",
                "Tier__c",
                "handraiser_lead_id__c",
            ],
        ),
        "Contact" => (
            &["LastName"],
            &[
                "Id",
                "OwnerId",
                "FirstName",
                "Email",
                "Title",
                "AccountId",
                "LeadSource",
                "Tier__c",
                "handraiser_user_id__c",
            ],
        ),
        "Account" => (&["Name"], &["Id", "OwnerId", "Website", "Tier__c", "handraiser_account_id__c"]),
        "Task" => (
            &[],
            &[
                "Id",
                "OwnerId",
                "Subject",
                "Description",
                "Status",
                "ActivityDate",
                "WhoId",
                "WhatId",
                "SystemModstamp",
                "handraiser_lead_id__c",
            ],
        ),
        "User" => (&[], &["Id", "Email", "IsActive", "UserType"]),
        "Name" => (&[], &["Type", "Email"]),
        "Opportunity" => (&[], &["StageName", "IsWon", "IsClosed", "SystemModstamp"]),
        "LeadStatus" => (&[], &["MasterLabel", "IsDefault"]),
        "TaskStatus" | "OpportunityStage" => (&[], &["MasterLabel"]),
        other => panic!("no object {other}"),
    }
}

fn known(object: &str, field: &str) -> Result<(), Refused> {
    let (object, field) = match field.split_once('.') {
        Some(("Owner", field)) => ("Name", field),
        Some(("ConvertedOpportunity", field)) => ("Opportunity", field),
        Some(("Account", field)) => ("Account", field),
        _ => (object, field),
    };
    let (required, others) = fields(object);
    if required.contains(&field) || others.contains(&field) {
        return Ok(());
    }
    Err(refused(400, "INVALID_FIELD", &format!("No such column '{field}' on entity '{object}'"), &[field]))
}

impl Vendor for Org {
    fn answer(&mut self, call: &Call) -> Answer {
        if call.path == "/services/oauth2/token" {
            return self.token(call);
        }
        let token = call.header("authorization").trim_start_matches("Bearer ");
        if !self.tokens.iter().any(|known| known == token) {
            let (status, body) = refused(401, "INVALID_SESSION_ID", "Session expired or invalid", &[]);
            return Answer::json(status, &body);
        }
        if self.left == Some(0) {
            let (status, body) = refused(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", &[]);
            return Answer::Is(
                status,
                vec![("Sforce-Limit-Info", "api-usage=15000/15000".to_owned())],
                body.to_string(),
            );
        }
        self.left = self.left.map(|left| left - 1);
        let below = call.path.strip_prefix("/services/data/v66.0/").unwrap_or_default();
        let worked = match (call.method.as_str(), below) {
            ("POST", "composite") => self.composite(call),
            ("POST", "composite/graph") => self.graph(call),
            ("POST" | "PATCH" | "DELETE", below) if below.starts_with("sobjects/") => return self.single(call),
            ("GET", "limits") => Ok(json!({ "DailyApiRequests": { "Max": 15_000, "Remaining": 14_000 } })),
            ("GET", "query") => self.query(&call.query["q"]),
            ("GET", below) => self.describe(below),
            _ => Err(refused(404, "NOT_FOUND", "The requested resource does not exist", &[])),
        };
        match worked {
            Ok(body) => Answer::Is(200, vec![("Sforce-Limit-Info", "api-usage=18/15000".to_owned())], body.to_string()),
            Err((status, body)) => Answer::json(status, &body),
        }
    }
}

impl Org {
    fn token(&mut self, call: &Call) -> Answer {
        use base64::Engine as _;
        let proof = base64::engine::general_purpose::STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
        let form: BTreeMap<_, _> = url::form_urlencoded::parse(call.body.as_bytes()).into_owned().collect();
        let says = |name: &str, value: &str| form.get(name).is_some_and(|said| said == value);
        // Who they are stands in the header, or in the form.
        let is_known = call.header("authorization") == format!("Basic {proof}")
            || says("client_id", CLIENT_ID) && says("client_secret", CLIENT_SECRET);
        if !says("grant_type", "client_credentials") || !is_known {
            let body = json!({ "error": "invalid_client", "error_description": "invalid client credentials" });
            return Answer::json(400, &body);
        }
        self.made += 1;
        let token = format!("00Dx0000000{}!AQ", self.made);
        self.tokens.push(token.clone());
        let here = format!("http://{}", call.header("host"));
        let id = format!("{here}/id/00D000000000001AAA/{ADMIN}");
        Answer::json(200, &json!({ "access_token": token, "instance_url": here, "id": id, "token_type": "Bearer" }))
    }

    fn query(&self, text: &str) -> Result<Value, Refused> {
        let query = Query::parse(text);
        query.fields().iter().try_for_each(|field| known(&query.object, field))?;
        let related = |row: &Row, relation: &str| {
            let (object, id) = match relation {
                "Owner" => return self.owner(row["OwnerId"].as_str()?),
                "ConvertedOpportunity" => ("Opportunity", row.get("ConvertedOpportunityId")?),
                other => (other, row.get(&format!("{other}Id"))?),
            };
            self.shown(object).into_iter().find(|row| row["Id"] == *id)
        };
        let records = query.select(&self.shown(&query.object), related);
        Ok(json!({ "totalSize": records.len(), "done": true, "records": records }))
    }

    /// The records of an object, with what Salesforce says of each by itself.
    fn shown(&self, object: &str) -> Vec<Row> {
        let names = |names: &[&str]| -> Vec<Row> {
            let row = |(at, name): (usize, &&str)| json!({ "MasterLabel": name, "IsDefault": at == 0 });
            names.iter().enumerate().map(row).filter_map(|row| row.as_object().cloned()).collect()
        };
        let usual = match object {
            "LeadStatus" => {
                return names(&["To be called", "Working - Contacted", "Closed - Not Converted", "Closed - Converted"]);
            }
            "TaskStatus" => return names(&["Not Started", "In Progress", "Completed"]),
            "OpportunityStage" => return names(&["Prospecting", "Closed Won", "Closed Lost"]),
            "Lead" => "To be called",
            "Task" => "Not Started",
            _ => "",
        };
        let mut rows = self.rows.get(object).cloned().unwrap_or_default();
        for row in &mut rows {
            let changed = row["Id"].as_str().and_then(|id| self.changed.get(id)).cloned();
            row.entry("SystemModstamp").or_insert_with(|| changed.into());
            row.entry("Status").or_insert_with(|| usual.into());
        }
        rows
    }

    /// A user or a queue.
    fn owner(&self, id: &str) -> Option<Row> {
        let user = self.rows.get("User")?.iter().find(|row| row["Id"] == id);
        let (of, email) = user.map_or(("Queue", Value::Null), |user| ("User", user["Email"].clone()));
        json!({ "Type": of, "Email": email }).as_object().cloned()
    }

    fn composite(&mut self, call: &Call) -> Result<Value, Refused> {
        let body = call.json();
        if body["allOrNone"] == true {
            let (parts, _) = self.all_or_none(call, &body["compositeRequest"]);
            return Ok(json!({ "compositeResponse": parts }));
        }
        let parts = body["compositeRequest"].as_array().expect("parts");
        assert!(parts.len() <= 5, "five queries at most");
        let part = |part: &Value| {
            let url = url::Url::parse("http://org")
                .and_then(|org| org.join(part["url"].as_str().expect("a URL")))
                .expect("a URL");
            let query = url.query_pairs().find(|(name, _)| name == "q").expect("a query").1.into_owned();
            let (status, body) = self.query(&query).map_or_else(|refused| refused, |found| (200, found));
            json!({ "body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": part["referenceId"] })
        };
        Ok(json!({ "compositeResponse": parts.iter().map(part).collect::<Vec<_>>() }))
    }

    fn graph(&mut self, call: &Call) -> Result<Value, Refused> {
        let body = call.json();
        let mut graph = body["graphs"][0].clone();
        for part in graph["compositeRequest"].as_array_mut().expect("parts") {
            // The documentation knows none here.
            part.as_object_mut().expect("a part").remove("httpHeaders");
        }
        let (parts, is_done) = self.all_or_none(call, &graph["compositeRequest"]);
        Ok(json!({ "graphs": [{
            "graphId": graph["graphId"], "graphResponse": { "compositeResponse": parts }, "isSuccessful": is_done,
        }] }))
    }

    fn all_or_none(&mut self, call: &Call, requests: &Value) -> (Vec<Value>, bool) {
        let before = (self.rows.clone(), self.writes.clone());
        let (mut parts, mut ids, mut failed) = (Vec::new(), BTreeMap::new(), false);
        for part in requests.as_array().expect("parts") {
            let reference = part["referenceId"].as_str().expect("a name").to_owned();
            let halted = || refused(400, "PROCESSING_HALTED", "another operation of the graph failed", &[]);
            let (status, body) = match if failed { Err(halted()) } else { self.write(part, call, &ids) } {
                Ok((id, is_new)) => {
                    ids.insert(reference.clone(), id.clone());
                    (
                        if is_new { 201 } else { 200 },
                        json!({ "id": id, "success": true, "errors": [], "created": is_new }),
                    )
                }
                Err(refused) => {
                    failed = true;
                    refused
                }
            };
            parts.push(json!({ "body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": reference }));
        }
        if failed {
            (self.rows, self.writes) = before;
        }
        (parts, !failed)
    }

    /// One record on its own.
    fn single(&mut self, call: &Call) -> Answer {
        let part = json!({ "method": call.method, "url": call.path, "body": call.json() });
        match (self.write(&part, call, &BTreeMap::new()), call.path.split('/').count()) {
            (Err((status, body)), _) => Answer::json(status, &body),
            // By its id: there is nothing to say.
            (Ok(_), 7) => Answer::Is(204, Vec::new(), String::new()),
            (Ok((id, is_new)), _) => Answer::json(
                if is_new { 201 } else { 200 },
                &json!({ "id": id, "success": true, "errors": [], "created": is_new }),
            ),
        }
    }

    fn write(&mut self, part: &Value, call: &Call, ids: &BTreeMap<String, String>) -> Result<(String, bool), Refused> {
        let path =
            part["url"].as_str().expect("a URL").strip_prefix("/services/data/v66.0/sobjects/").expect("a record");
        let steps: Vec<&str> = path.split('/').collect();
        if path.contains(['.', '%']) {
            return Err(refused(404, "NOT_FOUND", "The requested resource does not exist", &[]));
        }
        let object = steps[0];
        let mut body = part["body"].as_object().cloned().unwrap_or_default();
        for value in body.values_mut() {
            if let Some(reference) = value.as_str().and_then(|text| text.strip_prefix("@{")?.strip_suffix(".id}")) {
                *value = ids[reference].as_str().into();
            }
        }
        let (field, key) = match *steps {
            [_, field, key] => (field, key),
            [_, id] => ("Id", id),
            _ => ("", ""),
        };
        if body.contains_key(field) {
            return Err(refused(400, "INVALID_FIELD", &format!("{field} must not be specified in the body"), &[field]));
        }
        body.keys().try_for_each(|name| known(object, name))?;
        let rows = self.rows.entry(object.to_owned()).or_default();
        let at = rows.iter().position(|row| row.get(field).is_some_and(|stands| stands == key));
        let is_new = at.is_none();
        if is_new && field == "Id" {
            return Err(refused(404, "ENTITY_IS_DELETED", "entity is deleted", &[]));
        }
        if let Some(at) = at.filter(|_| part["method"] == "DELETE") {
            rows.remove(at);
            return Ok((key.to_owned(), false));
        }
        let mut row = at.map(|at| rows[at].clone()).unwrap_or_default();
        if row.get("IsConverted") == Some(&Value::Bool(true)) {
            return Err(refused(400, "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", &[]));
        }
        if is_new {
            self.made += 1;
            row.insert(
                "Id".to_owned(),
                format!("00{}{:012}AAA", object.chars().next().expect("a name"), self.made).into(),
            );
            row.insert("OwnerId".to_owned(), ADMIN.into());
            if !field.is_empty() {
                row.insert(field.to_owned(), key.into());
            }
            if object == "Lead" {
                row.insert("IsConverted".to_owned(), false.into());
            }
        }
        row.extend(body);
        self.judge(object, &row, call, part)?;
        let off = |value: &str| value.eq_ignore_ascii_case("FALSE");
        // Parts inherit no such header.
        let is_single = part.get("referenceId").is_none();
        let header = part["httpHeaders"]["Sforce-Auto-Assign"].as_str().unwrap_or_default();
        if object == "Lead" && !(off(header) || (is_single && off(call.header("sforce-auto-assign")))) {
            row.insert("OwnerId".to_owned(), ADMIN.into());
        }
        let id = row["Id"].as_str().expect("an id").to_owned();
        self.changed.insert(id.clone(), now());
        let rows = self.rows.entry(object.to_owned()).or_default();
        match at {
            Some(at) => rows[at] = row,
            None => rows.push(row),
        }
        *self.writes.entry(object.to_owned()).or_default() += 1;
        Ok((id, is_new))
    }

    /// The rules of records.
    fn judge(&self, object: &str, row: &Row, call: &Call, part: &Value) -> Result<(), Refused> {
        for required in fields(object).0 {
            if row.get(*required).and_then(Value::as_str).is_none_or(|text| text.trim().is_empty()) {
                let message = format!("Required fields are missing: [{required}]");
                return Err(refused(400, "REQUIRED_FIELD_MISSING", &message, &[required]));
            }
        }
        if let Some(wanted) = self.wanted.as_deref().filter(|wanted| object == "Lead" && !row.contains_key(*wanted)) {
            let message = format!("{wanted}: tell us where it comes from");
            return Err(refused(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", &message, &[wanted]));
        }
        let long = row.get("LastName").and_then(Value::as_str).is_some_and(|name| name.chars().count() > 80);
        if long {
            return Err(refused(400, "STRING_TOO_LONG", "Last Name: data value too large", &["LastName"]));
        }
        let owner = &row["OwnerId"];
        let is_active = |user: &Row| user["Id"] == *owner && user["IsActive"] == true;
        let writes_owner = part["body"].get("OwnerId").is_some();
        if writes_owner && owner != ADMIN && !self.rows["User"].iter().any(is_active) {
            return Err(refused(400, "INACTIVE_OWNER_OR_USER", "owner is an inactive user", &["OwnerId"]));
        }
        let others = || self.rows.get(object).into_iter().flatten().filter(|other| other["Id"] != row["Id"]);
        let shares = |name: &str| others().any(|other| row.contains_key(name) && other.get(name) == row.get(name));
        if object != "Task" && IDS.iter().any(|id| shares(id)) {
            return Err(refused(400, "DUPLICATE_VALUE", "duplicate value found", &[]));
        }
        if object == "Lead"
            && self.no_duplicates
            && shares("Email")
            && call.header("sforce-duplicate-rule-header") != "allowSave=true"
        {
            return Err(refused(400, "DUPLICATES_DETECTED", "Use one of these records?", &[]));
        }
        Ok(())
    }

    fn describe(&self, below: &str) -> Result<Value, Refused> {
        let object = below.strip_prefix("sobjects/").and_then(|rest| rest.strip_suffix("/describe"));
        let object = object.ok_or_else(|| refused(404, "NOT_FOUND", "The requested resource does not exist", &[]))?;
        let (required, others) = fields(object);
        let wanted = self.wanted.iter().map(String::as_str).filter(|_| object == "Lead");
        let field = |name: &str, is_required: bool| {
            let ours = IDS.contains(&name);
            json!({
                "name": name, "createable": name != "Id", "updateable": name != "Id", "nillable": !is_required && name != "Id",
                "defaultedOnCreate": name == "Id", "externalId": ours, "unique": ours && object != "Task", "caseSensitive": ours,
            })
        };
        let others = others.iter().filter(|name| self.wanted.as_deref() != Some(**name)).map(|name| field(name, false));
        let all: Vec<Value> =
            required.iter().copied().chain(wanted).map(|name| field(name, true)).chain(others).collect();
        Ok(json!({ "name": object, "fields": all }))
    }
}
