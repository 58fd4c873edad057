//! The requests of a delivery, word by word, and what refusals of the documented shapes come to.

use std::sync::Mutex;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::*;
use crate::crm::memo::Memo;
use crate::crm::pace::Of;
use crate::crm::sample;
use crate::crm::session::Wire;
use crate::time::{Clock, Millis};

fn pipedrive() -> Pipedrive {
    let per = Duration::from_secs(2);
    Pipedrive {
        token: Secret::new("never-shown"),
        url: "https://example.pipedrive.com/".parse().expect("a URL"),
        create_fields: true,
        person: Fields::default(),
        organization: Fields::default(),
        lead: Fields::default(),
        stages: Stages::default(),
        limits: [Limit::of_all(18, per), Limit { requests: 9, per, of: Of::Searches }],
    }
}

/// An empty account: nobody is found, and everything is made.
#[derive(Default)]
struct Empty(Mutex<Vec<Value>>);

#[async_trait]
impl Wire for Empty {
    async fn exchange(&self, request: Request) -> Result<Response, Failure> {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let path = request.url.to_string().replace("https://example.pipedrive.com", "");
        let mut seen = self.0.lock().expect("nobody panicked");
        let data = if path.ends_with("/v1/users") {
            json!([{ "id": 7, "email": "Ana@example.com", "active_flag": true }])
        } else if path.contains("/search") {
            json!({ "items": [] })
        } else if request.method == Method::GET {
            json!([])
        } else if body.get("field_name").is_some() {
            json!({ "field_code": format!("code of {}", body["field_name"].as_str().expect("text")),
                "field_name": body["field_name"], "field_type": body["field_type"], "is_custom_field": true })
        } else {
            json!({ "id": seen.len() })
        };
        if body.get("field_name").is_none() {
            seen.push(json!({ format!("{} {path}", request.method): body }));
        }
        let body = json!({ "success": true, "data": data }).to_string().into_bytes();
        Ok(Response { status: 200, body, ..Response::default() })
    }
}

#[tokio::test]
async fn a_lead_makes_these_requests() {
    let (wire, clock, memo) = (Empty::default(), Clock::System, Memo::default());
    let mut session = Session::new(&wire, &clock, &memo);
    let event = sample::full();
    let json = serde_json::to_string(&event).expect("plain data");
    pipedrive()
        .deliver(&LeadNews { id: &event.id, json: &json, newer: None }, &mut session)
        .await
        .expect("all is well");
    insta::assert_json_snapshot!("requests", wire.0.into_inner().expect("nobody panicked"));
}

#[test]
fn each_refusal_comes_to_what_it_means() {
    let said = |status, headers: &[(&'static str, &'static str)], body: &str| {
        let header = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let headers: HeaderMap = headers.iter().map(header).collect();
        let answer = Response { status, headers, body: body.as_bytes().to_vec() };
        let failure = answers::failure(&answer, Millis(1_795_262_400_000));
        let wait = failure.retry_after.map(|wait| format!(" {} s", wait.as_secs())).unwrap_or_default();
        format!("{:?}{wait}: {}", failure.verdict, failure.error)
    };
    let limit = r#"{"success":false,"error":"Rate limit exceeded"}"#;
    let table = [
        said(429, &[("x-ratelimit-reset", "2")], limit),
        said(429, &[("x-ratelimit-reset", "900")], limit),
        said(429, &[("retry-after", "5"), ("x-daily-ratelimit-token-remaining", "12")], limit),
        said(429, &[("x-ratelimit-reset", "2"), ("x-daily-ratelimit-token-remaining", "0")], limit),
        said(403, &[], "<html><title>Access denied</title></html>"),
        said(403, &[], r#"{"success":false,"error":"Open leads limit reached.","code":"feature_capping_leads_limit"}"#),
        said(403, &[], r#"{"success":false,"error":"Scope and URL mismatch"}"#),
        said(
            401,
            &[],
            r#"{"success":false,"error":"unauthorized access","errorCode":401,"error_info":"Please check developers.pipedrive.com"}"#,
        ),
        said(402, &[], r#"{"success":false,"error":"Company account is not open"}"#),
        said(410, &[], r#"{"success":false,"error":"gone"}"#),
        said(400, &[], r#"{"success":false,"error":"Validation failed: title: Required","error_info":"Give it one."}"#),
        said(502, &[], "<html>"),
    ];
    insta::assert_snapshot!(table.join("\n"), @r"
    Busy 2 s: 429 Too Many Requests: Rate limit exceeded
    Busy 60 s: 429 Too Many Requests: Rate limit exceeded
    Busy 5 s: 429 Too Many Requests: Rate limit exceeded
    Busy 3600 s: 429 Too Many Requests: Rate limit exceeded; the company's tokens of the day are used up
    Busy 600 s: 403 Forbidden: Pipedrive blocks whoever asks on after being told that it was too often; lower `limit`
    Failed: 403 Forbidden: feature_capping_leads_limit: Open leads limit reached.; the plan allows no more of it: make room, or change the plan
    Denied: 403 Forbidden: Scope and URL mismatch; the token's user may not do that: give them the permission, or take the token of another
    Denied: 401 Unauthorized: unauthorized access; the token is wrong, or was made anew: put the new one in
    Failed: 402 Payment Required: Company account is not open; the account has to be paid for
    Failed: 410 Gone: gone; see whether `url` is the company's own address
    Refused: 400 Bad Request: Validation failed: title: Required (Give it one.)
    Failed: 502 Bad Gateway: <html>
    ");
}
