//! The requests of a delivery, word by word, and what refusals of the documented shapes come to.

use std::sync::Mutex;
use std::time::Duration;

use reqwest::header::{HeaderValue, RETRY_AFTER};
use serde_json::{Value, json};

use super::*;
use crate::crm::memo::Memo;
use crate::crm::pace::Of;
use crate::crm::retry::Verdict;
use crate::crm::sample;
use crate::crm::session::Wire;
use crate::time::{Clock, Millis};

fn hubspot(object: Object) -> HubSpot {
    HubSpot {
        token: Secret::new("pat-eu1-never-shown"),
        api: "https://api.hubapi.com/".parse().expect("a URL"),
        version: "2026-03".into(),
        object,
        create_properties: false,
        contact: Fields::default(),
        company: Fields::default(),
        lead: Fields::default(),
        stages: Stages::default(),
        limits: [
            Limit::of_all(90, Duration::from_secs(10)),
            Limit { requests: 4, per: Duration::from_secs(1), of: Of::Searches },
        ],
    }
}

/// An empty account: nobody is found, and everything is made.
#[derive(Default)]
struct Empty(Mutex<Vec<Value>>);

#[async_trait]
impl Wire for Empty {
    async fn exchange(&self, request: Request) -> Result<Response, Failure> {
        let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let path = request.url.to_string().replace("https://api.hubapi.com", "");
        let mut seen = self.0.lock().expect("nobody panicked");
        seen.push(json!({ format!("{} {path}", request.method): body }));
        let record = json!({ "id": seen.len().to_string(), "properties": {} });
        let answer = if path.contains("/owners/") {
            json!({ "results": [{ "id": "7", "email": "ana@example.com", "archived": false }] })
        } else if path.ends_with("/upsert") {
            json!({ "results": [record] })
        } else if path.ends_with("/batch/read") || path.ends_with("/search") {
            json!({ "results": [] })
        } else {
            record
        };
        Ok(Response { status: 200, body: answer.to_string().into_bytes(), ..Response::default() })
    }
}

#[tokio::test]
async fn a_lead_makes_these_requests() {
    let (wire, clock, memo) = (Empty::default(), Clock::System, Memo::default());
    let mut session = Session::new(&wire, &clock, &memo);
    let event = sample::full();
    let json = serde_json::to_string(&event).expect("plain data");
    hubspot(Object::Lead)
        .deliver(&LeadNews { id: &event.id, json: &json, newer: None }, &mut session)
        .await
        .expect("all is well");
    insta::assert_json_snapshot!("requests", wire.0.into_inner().expect("nobody panicked"));
}

#[test]
fn nothing_that_changes_anything_is_sent_in_a_rehearsal() {
    let hubspot = hubspot(Object::Deal);
    let (clock, memo, wire) = (Clock::System, Memo::default(), Empty::default());
    let mut session = Session::new(&wire, &clock, &memo);
    let talk = Talk { hubspot: &hubspot, session: &mut session };
    let pretended = |method: Method, parts: &[&str]| {
        hubspot.pretend(&Request::new(method, talk.url("objects", parts))).map(|answer| answer.body)
    };
    assert_eq!(pretended(Method::POST, &["companies", "search"]), None);
    assert_eq!(pretended(Method::POST, &["companies", "batch", "read"]), None);
    assert!(pretended(Method::POST, &["companies", "batch", "upsert"]).is_some());
    assert!(pretended(Method::PATCH, &["companies", "7"]).is_some());
}

#[test]
fn each_refusal_comes_to_what_it_means() {
    let now = Millis(1_795_262_400_000);
    let said = |status, after: Option<&str>, body: &Value| {
        let after = after.map(|after| (RETRY_AFTER, HeaderValue::from_str(after).expect("a header")));
        let answer = Response { status, headers: after.into_iter().collect(), body: body.to_string().into_bytes() };
        let failure = answers::failure(&answer, now);
        (failure.verdict, failure.retry_after.map(|wait| wait.as_secs()), failure.error)
    };
    let limit = |policy: &str| json!({ "status": "error", "errorType": "RATE_LIMIT", "message": "limit", "policyName": policy });
    let old = r#"Property values were not valid: [{"isValid":false,"message":"Property \"x\" does not exist","error":"PROPERTY_DOESNT_EXIST","name":"x"}]"#;
    let table = [
        said(429, None, &limit("TEN_SECONDLY_ROLLING")),
        said(429, Some("3"), &limit("TEN_SECONDLY_ROLLING")),
        said(429, Some("9000"), &limit("SECONDLY")),
        said(429, Some("3"), &limit("DAILY")),
        said(423, None, &json!({ "message": "locked" })),
        said(477, Some("7200"), &json!({ "message": "migration in progress" })),
        said(409, None, &json!({ "category": "CONFLICT", "message": "exists" })),
        said(401, None, &json!({ "category": "EXPIRED_AUTHENTICATION", "message": "expired" })),
        said(400, None, &json!({ "category": "VALIDATION_ERROR", "message": old })),
        said(502, None, &json!("<html>")),
    ];
    insta::assert_debug_snapshot!(table, @r#"
    [
        (
            Busy,
            Some(
                10,
            ),
            "429 Too Many Requests: RATE_LIMIT (TEN_SECONDLY_ROLLING): limit",
        ),
        (
            Busy,
            Some(
                3,
            ),
            "429 Too Many Requests: RATE_LIMIT (TEN_SECONDLY_ROLLING): limit",
        ),
        (
            Busy,
            Some(
                60,
            ),
            "429 Too Many Requests: RATE_LIMIT (SECONDLY): limit",
        ),
        (
            Busy,
            Some(
                3600,
            ),
            "429 Too Many Requests: RATE_LIMIT (DAILY): limit",
        ),
        (
            Busy,
            Some(
                2,
            ),
            "423 Locked: error: locked",
        ),
        (
            Busy,
            Some(
                7200,
            ),
            "477: error: migration in progress",
        ),
        (
            Failed,
            None,
            "409 Conflict: CONFLICT: exists",
        ),
        (
            Denied,
            None,
            "401 Unauthorized: EXPIRED_AUTHENTICATION: expired; the token is wrong, or was revoked: put a new one in",
        ),
        (
            Failed,
            None,
            "400 Bad Request: VALIDATION_ERROR, x (PROPERTY_DOESNT_EXIST): Property \"x\" does not exist; create x in HubSpot, or take it out of the mapping",
        ),
        (
            Failed,
            None,
            "502 Bad Gateway: \"<html>\"",
        ),
    ]
    "#);
    let of_one = json!({ "status": "error", "category": "VALIDATION_ERROR", "message": "no",
        "errors": [{ "message": "is required", "code": "REQUIRED_FIELD", "context": { "propertyName": ["region"] } }] });
    let failure = answers::of_record(&of_one, now);
    assert_eq!(failure.verdict, Verdict::Refused);
    let taken = json!({ "status": "error", "category": "VALIDATION_ERROR", "message": "no",
        "errors": [{ "message": "is taken", "code": "CONFLICTING_UNIQUE_VALUE", "context": { "propertyName": ["handraiser_lead_id"] } }] });
    assert_eq!(answers::of_record(&taken, now).verdict, Verdict::Failed, "the next attempt finds it");
    assert_eq!(failure.error, "400 Bad Request: VALIDATION_ERROR, region (REQUIRED_FIELD): is required");
}
