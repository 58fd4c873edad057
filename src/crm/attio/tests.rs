//! The requests of a delivery, word by word, and what refusals of the documented shapes come to.

use std::sync::Mutex;
use std::time::Duration;

use reqwest::header::{HeaderValue, RETRY_AFTER};
use serde_json::Value;

use super::*;
use crate::crm::memo::Memo;
use crate::crm::pace::Of;
use crate::crm::sample;
use crate::crm::session::Wire;
use crate::time::{Clock, Millis};

fn attio() -> Attio {
    let per = Duration::from_secs(1);
    Attio {
        token: Secret::new("never-shown"),
        api: "https://api.attio.com/".parse().expect("a URL"),
        object: "deals".into(),
        create_attributes: true,
        person: Fields::default(),
        company: Fields::default(),
        lead: Fields::default(),
        stages: Stages::default(),
        limits: [Limit { requests: 22, per, of: Of::Writes }, Limit { requests: 90, per, of: Of::Reads }],
    }
}

/// An empty workspace: nobody is found, and everything is made.
#[derive(Default)]
struct Empty(Mutex<Vec<Value>>);

#[async_trait]
impl Wire for Empty {
    async fn exchange(&self, request: Request) -> Result<Response, Failure> {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let path = request.url.to_string().replace("https://api.attio.com", "");
        let mut seen = self.0.lock().expect("nobody panicked");
        let attribute = |slug: &str, kind: &str| json!({ "api_slug": slug, "type": kind, "is_unique": false });
        let data = if path.ends_with("/workspace_members") {
            json!([{ "id": { "workspace_member_id": "m-7" }, "email_address": "Ana@example.com", "access_level": "admin" }])
        } else if path == "/v2/objects/deals/attributes" && request.method == Method::GET {
            json!([
                attribute("name", "text"),
                attribute("stage", "status"),
                attribute("owner", "actor-reference"),
                attribute("associated_company", "record-reference"),
                attribute("associated_people", "record-reference")
            ])
        } else if request.method == Method::GET || path.ends_with("/query") {
            json!([])
        } else {
            json!({ "id": { "record_id": format!("r-{}", seen.len()) } })
        };
        if !(path.ends_with("/attributes") && request.method == Method::POST) {
            seen.push(json!({ format!("{} {path}", request.method): body }));
        }
        Ok(Response { status: 200, body: json!({ "data": data }).to_string().into_bytes(), ..Response::default() })
    }
}

#[tokio::test]
async fn a_lead_makes_these_requests() {
    let (wire, clock, memo) = (Empty::default(), Clock::System, Memo::default());
    let mut session = Session::new(&wire, &clock, &memo);
    let event = sample::full();
    let json = serde_json::to_string(&event).expect("plain data");
    attio().deliver(&LeadNews { id: &event.id, json: &json, newer: None }, &mut session).await.expect("all is well");
    insta::assert_json_snapshot!("requests", wire.0.into_inner().expect("nobody panicked"));
}

#[test]
fn each_refusal_comes_to_what_it_means() {
    let said = |status, after: Option<&str>, code: &str, message: &str| {
        let after = after.map(|after| (RETRY_AFTER, HeaderValue::from_str(after).expect("a header")));
        let body = json!({ "status_code": status, "type": "x", "code": code, "message": message }).to_string();
        let answer = Response { status, headers: after.into_iter().collect(), body: body.into_bytes() };
        let now = Millis::parse("2023-05-23T14:41:59Z").expect("a moment");
        let failure = answers::failure(&answer, now);
        let wait = failure.retry_after.map(|wait| format!(" {} s", wait.as_secs())).unwrap_or_default();
        format!("{:?}{wait}: {}", failure.verdict, failure.error)
    };
    let limit = "Rate limit exceeded, please try again later";
    let table = [
        said(429, Some("Tue, 23 May 2023 14:42:01 GMT"), "rate_limit_exceeded", limit),
        said(429, Some("Tue, 23 May 2023 15:42:01 GMT"), "rate_limit_exceeded", limit),
        said(429, None, "rate_limit_exceeded", limit),
        said(401, None, "unauthorized", "The access token is invalid"),
        said(403, None, "unauthorized", "Missing scope"),
        said(403, None, "billing_error", "Upgrade your plan"),
        said(404, None, "not_found", "Object with slug/ID \"deals\" was not found."),
        said(409, None, "concurrent_write_conflict", "Please try again"),
        said(400, None, "uniqueness_conflict", "domains is taken"),
        said(400, None, "value_not_found", "Cannot find attribute with slug/ID \"x\"."),
        said(400, None, "validation_type", "Body payload validation error."),
        said(500, None, "internal_error", "sorry"),
    ];
    insta::assert_snapshot!(table.join("\n"), @r#"
    Busy 2 s: 429 Too Many Requests: rate_limit_exceeded: Rate limit exceeded, please try again later
    Busy 60 s: 429 Too Many Requests: rate_limit_exceeded: Rate limit exceeded, please try again later
    Busy 1 s: 429 Too Many Requests: rate_limit_exceeded: Rate limit exceeded, please try again later
    Denied: 401 Unauthorized: unauthorized: The access token is invalid; the token is wrong, or was revoked: put a new one in
    Denied: 403 Forbidden: unauthorized: Missing scope; give the token the scopes that docs/crm/attio.md lists
    Failed: 403 Forbidden: billing_error: Upgrade your plan; the plan of the workspace does not allow it
    Failed: 404 Not Found: not_found: Object with slug/ID "deals" was not found.; see whether `object` is the slug of an object of the workspace, and is switched on
    Failed: 409 Conflict: concurrent_write_conflict: Please try again
    Failed: 400 Bad Request: uniqueness_conflict: domains is taken
    Failed: 400 Bad Request: value_not_found: Cannot find attribute with slug/ID "x".; write `create_attributes: true`, make it in Attio, or take it out of the mapping
    Refused: 400 Bad Request: validation_type: Body payload validation error.
    Failed: 500 Internal Server Error: internal_error: sorry
    "#);
}

#[test]
fn what_is_there_already_is_not_written_again() {
    let at = |value: &str| json!({ "attribute_type": "timestamp", "value": value });
    let record = json!({ "values": {
        "text": [{ "value": "x" }], "tier": [{ "value": 2.0 }], "stage": [{ "status": { "title": "Lead" } }],
        "plan": [{ "option": { "title": "free" } }], "at": [at("2026-11-21T09:30:00.000000000Z")], "two": [{ "value": 1 }, { "value": 2 }],
        "empty": [],
    } });
    let same =
        json!({ "text": ["x"], "tier": [2], "stage": ["Lead"], "plan": ["free"], "at": ["2026-11-21T09:30:00.000Z"] });
    let other = json!({ "text": ["y"], "tier": [3], "at": ["2026-11-21T09:30:01.000Z"], "two": [1, 2], "empty": ["x"], "none": [1] });
    let changes = |values: &Value| {
        let mut values = values.as_object().cloned().unwrap_or_default();
        attributes::retain_changes(&mut values, &record);
        Value::Object(values)
    };
    assert_eq!((changes(&same), changes(&other)), (json!({}), other.clone()));
}
