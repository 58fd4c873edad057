//! The events in `fixtures/events/`, posted in the order that their README tells, make an account qualify.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::hooks::Receiver;
use crate::harness::http::Connection;
use crate::harness::server::ADMIN_TOKEN;
use crate::harness::{Server, eventually};

const WRITE_KEY: &str = "fixture-write-key";
const HEADER: &str = "fixture-header";

/// File, path.
const ORDER: [(&str, &str); 9] = [
    ("identify.json", "/v1/identify"),
    ("group.json", "/v1/group"),
    ("track.json", "/v1/track"),
    ("page.json", "/v1/page"),
    ("alias.json", "/v1/alias"),
    ("segment-webhook.json", "/v1/webhook/cdp"),
    ("segment-extensible-webhook.json", "/v1/webhook/cdp"),
    ("rudderstack-webhook.json", "/v1/webhook/cdp"),
    ("batch.json", "/v1/batch"),
];

#[tokio::test]
async fn every_fixture_is_accepted_and_the_account_qualifies() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let crm = Receiver::start(|_| 200).await;
    let server = Server::start(directory.path(), |address| configuration(address, &crm.url())).await;
    for (file, path) in ORDER {
        // Twice where a CDP says which event it is: that changes nothing. What has neither an id nor a time of its own counts
        // whenever it arrives.
        for _ in 0..if path.starts_with("/v1/webhook/") { 2 } else { 1 } {
            let answer = post(server.address(), path, file).await;
            assert_eq!(answer["success"], true, "{file}: {answer}");
            assert!(answer.get("rejected").is_none_or(|rejected| *rejected == json!([])), "{file}: {answer}");
        }
    }
    eventually("the lead", Duration::from_secs(20), async || (crm.count() > 0).then_some(())).await;
    let account = server.admin("/explain/account/acme").await.expect("the account is known");
    assert_eq!(account["counters"]["tasks"].as_f64(), Some(57.0), "{account}");
    assert_eq!(account["counters"]["invited"].as_f64(), Some(12.0), "{account}");
    let lead = &crm.hooks()[0].json()["lead"];
    assert_eq!(lead["subject"]["name"], "Acme");
    assert_eq!(lead["tier"], 1);
    assert_eq!(crm.count(), 1);
}

async fn post(server: SocketAddr, path: &str, file: &str) -> Value {
    use base64::Engine as _;
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/events").join(file);
    let body = std::fs::read_to_string(fixture).expect("the fixture is there");
    let key = base64::engine::general_purpose::STANDARD.encode(format!("{WRITE_KEY}:"));
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {server}\r\nAuthorization: Basic {key}\r\nX-Handraiser-Key: {HEADER}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut connection = Connection::open(server).await.expect("the server takes connections");
    let status = connection.exchange(request.as_bytes()).await.expect("the server answers");
    assert_eq!(status, 200, "{file}: {}", String::from_utf8_lossy(connection.body()));
    serde_json::from_slice(connection.body()).expect("an answer is JSON")
}

fn configuration(address: SocketAddr, webhook: &str) -> String {
    format!(
        r#"
server: {{ listen: "{address}", admin_token: {ADMIN_TOKEN} }}
store: {{ memory: {{}} }}
sources:
  app: {{ write_key: {WRITE_KEY} }}
  cdp: {{ signature: {{ scheme: header, header: X-Handraiser-Key, secret: {HEADER} }} }}
counters:
  tasks:   {{ of: account, event: Task Created }}
  invited: {{ of: account, event: User Invited, distinct: properties.email }}
definitions:
  - name: ready for a team plan
    of: account
    intent: [ tasks > 50, invited >= 10 ]
    fit:    [ account.plan == "free", account.employees >= 50 ]
    tiers:
      1: account.employees >= 500
      2: true
routes:
  - {{ name: everyone, to: ana@example.com }}
destinations:
  crm: {{ webhook: {{ url: "{webhook}" }}, allow_addresses: [127.0.0.0/8] }}
"#
    )
}
