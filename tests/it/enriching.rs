//! What other systems know: it comes in durably and once, is believed in order, is decided upon, and goes stale.

use std::process::Command;
use std::time::Duration;

use handraiser::event::Call;
use handraiser::lead::LeadEventType;
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::harness::hooks::Receiver;
use crate::harness::http::Connection;
use crate::harness::server::{ADMIN_TOKEN, PROGRAM};
use crate::harness::{Server, eventually};

const CONFIGURATION: &str = r#"
server: { listen: "ADDRESS", admin_token: test-admin-token }
store: { embedded: { path: store.db } }
sources:
  app:      { write_key: app-key-0123456789abcdef }
  clearbit: { write_key: clearbit-key-0123456789, trust: server }
  crm:      { write_key: crm-key-0123456789abcdef, trust: server }
traits:
  account:
    employees: { type: band, from: [crm, clearbit, app] }
definitions:
  - { name: mid-market, of: account, fit: [ account.employees >= 50, 'account.country == "Germany"' ], when: fit }
routes: [ { name: all, to: self_serve } ]
destinations:
  crm: { webhook: { url: "RECEIVER" }, allow_addresses: [ 127.0.0.0/8 ] }
"#;

/// Sends a request to an address of the ingestion side; returns the status and the answer.
async fn put(server: &Server, path: &str, key: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let request = format!(
        "PUT {path} HTTP/1.1\r\nHost: test\r\nX-Write-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut connection = Connection::open(server.address()).await.expect("the server listens");
    let status = connection.exchange(request.as_bytes()).await.expect("the server answers");
    (status, serde_json::from_slice(connection.body()).unwrap_or_default())
}

async fn start(crm: &Receiver) -> (Server, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let configuration = |address: std::net::SocketAddr| {
        let store = directory.path().join("store.db").display().to_string();
        CONFIGURATION
            .replace("ADDRESS", &address.to_string())
            .replace("RECEIVER", &crm.url())
            .replace("store.db", &store)
    };
    (Server::start(directory.path(), configuration).await, directory)
}

async fn employees(server: &Server, account: &str) -> Value {
    server
        .admin(&format!("/explain/account/{account}"))
        .await
        .map_or(Value::Null, |told| told["traits"]["employees"].clone())
}

#[tokio::test]
async fn what_another_system_knows_makes_a_lead_with_its_reasons() {
    let crm = Receiver::start(|_| 200).await;
    let (mut server, _directory) = start(&crm).await;
    let at = "/v1/traits/account/acme%2Feurope";
    let (status, refused) =
        put(&server, at, "app-key-0123456789abcdef", &json!({ "traits": { "employees": 900 } })).await;
    assert_eq!((status, &refused["code"]), (400, &json!("traits_not_proven")));
    let known =
        json!({ "traits": { "Employees": "51-200", "Country": "Deutschland" }, "timestamp": "2026-01-01T00:00:00Z" });
    for _ in 0..2 {
        assert_eq!(put(&server, at, "clearbit-key-0123456789", &known).await.0, 200);
    }
    eventually("the lead is delivered", Duration::from_secs(20), async || (crm.count() > 0).then_some(())).await;
    let lead = &crm.hooks()[0].json()["lead"];
    assert_eq!((&lead["subject"]["id"], &lead["source"]), (&json!("acme/europe"), &json!("clearbit")));
    assert_eq!(lead["reasons"][0]["observed"][0]["value"], json!("51-200"));
    // The CRM is believed first, however old what it says is; and it is all there after a crash.
    let smaller = json!({ "traits": { "employees": "11-50" }, "timestamp": "2020-01-01T00:00:00Z" });
    assert_eq!(put(&server, at, "crm-key-0123456789abcdef", &smaller).await.0, 200);
    server.kill();
    server.respawn();
    server.ready().await;
    eventually("the CRM is believed", Duration::from_secs(20), async || {
        (employees(&server, "acme%2Feurope").await == json!("11-50")).then_some(())
    })
    .await;
    let stored = server.admin("/subjects/account/acme%2Feurope").await.expect("it is known");
    let lines = stored["lines"].as_array().expect("lines");
    let said: Vec<&Value> =
        lines.iter().filter(|line| line["name"] == "v:employees").map(|line| &line["value"]).collect();
    assert_eq!(
        said,
        [
            &json!("2026-01-01T00:00:00.000Z server {\"clearbit\":\"51-200\"}"),
            &json!("2020-01-01T00:00:00.000Z server {\"crm\":\"11-50\"}"),
        ]
    );
    assert!(lines.iter().any(|line| line["name"] == "seen" && line["value"] == "- -"), "it did nothing: {lines:?}");
}

#[tokio::test]
async fn a_file_is_imported_once_however_often_it_is_sent() {
    let crm = Receiver::start(|_| 200).await;
    let (server, directory) = start(&crm).await;
    let rows = (0..450).map(|n| format!("company{n}.com,{}-{},Germany,x\n", n + 1, n + 2)).collect::<String>();
    let file = directory.path().join("companies.csv");
    std::fs::write(&file, format!("Domain,Size,Country,Notes\n{rows},5,Germany,x\n")).expect("a file can be written");
    let import = |more: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.env_clear().args(["traits", "import", file.to_str().expect("a path"), "--of", "account"]);
        command.args(["--id", "domain", "--map", "Size=employees", "--map", "Notes="]).args(more);
        command.args(["--server", &format!("http://{}", server.address()), "--token", ADMIN_TOKEN]);
        let output = command.output().expect("the program runs");
        (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (said, wrong) = import(&["--source", "clearbit", "--dry-run"]);
    assert_eq!(said, "450 accounts would be taken, 1 rows left out\n");
    assert!(wrong.contains("companies.csv:452: column `domain` is empty"), "{wrong}");
    assert_eq!(employees(&server, "company9.com").await, Value::Null);
    for _ in 0..2 {
        assert_eq!(import(&["--source", "clearbit"]).0, "450 accounts taken, 1 rows left out\n");
    }
    assert_eq!(employees(&server, "company449.com").await, json!("450-451"));
    eventually("every lead is delivered", Duration::from_secs(60), async || (crm.count() >= 401).then_some(())).await;
    assert_eq!(crm.count(), 401, "those with fifty people and more, once each");
    assert!(import(&["--source", "app"]).1.contains("is public"), "a public source proves nothing");
    assert!(import(&["--source", "zoominfo"]).1.contains("there is no source `zoominfo`"));
}

#[tokio::test]
async fn what_goes_stale_changes_a_lead_in_silence() {
    let desk = Desk::configured_as(
        "
traits: { account: { employees: { type: band, stale: 30d } } }
counters: { tasks: { of: account, event: Task Created } }
definitions:
  - { name: busy, of: account, intent: [ tasks >= 1 ], fit: [ account.employees >= 50 ], when: intent, tiers: { 1: fit, 2: '!has(account.employees)' } }
",
    );
    desk.group("ana", "acme", json!({ "employees": "51-200" })).await;
    desk.track_times("ana", "Task Created", 1).await;
    desk.pass(31 * 86_400_000).await;
    let life: Vec<_> = desk.taken(2).await.iter().map(|event| (event.kind, event.lead.tier)).collect();
    assert_eq!(life, [(LeadEventType::Qualified, 1), (LeadEventType::TierChanged, 2)]);
}

#[tokio::test]
async fn a_user_is_decided_about_with_what_their_account_says() {
    let desk = Desk::configured_as(
        "
definitions:
  - { name: buyer, of: user, fit: [ 'user.title.containsWord(\"cto\")', account.employees.min > 20 ], when: fit }
",
    );
    desk.group("ana", "acme", json!({ "employees": "51-200" })).await;
    desk.send(vec![desk.told(Call::Traits, "ana", None, json!({ "title": "CTO" }))]).await;
    let leads = desk.leads().await;
    assert_eq!(leads.len(), 1);
    assert_eq!(leads[0].account.as_ref().map(|account| &*account.id), Some("acme"));
}

#[tokio::test]
async fn a_destination_gets_the_leads_that_it_wants_and_the_others_say_so() {
    let desk = Desk::configured_as(
        "
counters: { tasks: { of: account, event: Task Created } }
definitions:
  - { name: busy, of: account, goal: business plan, intent: [ tasks >= 1 ], tiers: { 1: tasks >= 3, 2: tasks >= 1 } }
destinations:
  sales: { when: 'lead.tier == 1 && lead.goal == \"business plan\"', webhook: { url: \"http://127.0.0.1:9/\" }, allow_addresses: [ 127.0.0.0/8 ] }
  big:   { when: account.employees >= 50, webhook: { url: \"http://127.0.0.1:9/\" }, allow_addresses: [ 127.0.0.0/8 ] }
",
    );
    desk.group("ana", "acme", json!({})).await;
    desk.track_times("ana", "Task Created", 1).await;
    assert_eq!(desk.leads().await[0].withheld_from, ["sales", "big"], "what isn't known isn't wanted");
    desk.track_times("ana", "Task Created", 2).await;
    let events = desk.taken(1).await;
    assert_eq!(
        events.iter().map(|event| (event.kind, event.lead.tier)).collect::<Vec<_>>(),
        [(LeadEventType::TierChanged, 1)]
    );
    assert_eq!(desk.leads().await[0].withheld_from, ["big"]);
    assert_eq!(events[0].lead.goal.as_deref(), Some("business plan"));
}
