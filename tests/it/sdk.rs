//! The real SDKs, as their users install them, against the real server: every counter, and the lead at the receiver, whose
//! signature the Standard Webhooks project's own library verifies. `tests/sdk/README.md` tells what they send.

mod bursts;
pub mod install;

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::hooks::{Hook, Receiver};
use crate::harness::server::ADMIN_TOKEN;
use crate::harness::{Server, eventually};
use install::{Browser, Node, Python, Rust};

const WRITE_KEY: &str = "sdk-write-key";
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// What differs from SDK to SDK.
struct Story {
    /// Track, page and screen calls of the user in all.
    events: f64,
    screens: f64,
    /// The id before the user signed in, where the sender chose it.
    anonymous: Option<&'static str>,
}

const SERVER_SIDE: Story = Story { events: 21.0, screens: 1.0, anonymous: Some("anon-ada") };
const BROWSER: Story = Story { events: 20.0, screens: 0.0, anonymous: None };

#[tokio::test]
async fn segment_analytics_node() {
    check(&SERVER_SIDE, Node::installed().sender("send_segment.mjs")).await;
}

#[tokio::test]
async fn rudder_sdk_node() {
    check(&SERVER_SIDE, Node::installed().sender("send_rudder.mjs")).await;
}

#[tokio::test]
async fn segment_analytics_node_of_before() {
    check(&SERVER_SIDE, Node::installed().sender("send_analytics_node.mjs")).await;
}

#[tokio::test]
async fn customerio_cdp_analytics_node() {
    check(&SERVER_SIDE, Node::installed().sender("send_customerio.mjs")).await;
}

#[tokio::test]
async fn segment_for_rust() {
    check(&SERVER_SIDE, Rust::installed().sender()).await;
}

#[tokio::test]
async fn segment_analytics_python() {
    check(&SERVER_SIDE, Python::installed().script("send_segment.py")).await;
}

#[tokio::test]
async fn rudder_sdk_python() {
    check(&SERVER_SIDE, Python::installed().script("send_rudder.py")).await;
}

#[tokio::test]
async fn segment_analytics_next_in_a_browser() {
    check(&BROWSER, Browser::installed().sender("segment", "paced")).await;
}

#[tokio::test]
async fn rudder_analytics_js_in_a_browser_configured_by_the_server() {
    check(&BROWSER, Browser::installed().sender("rudder", "paced")).await;
}

#[tokio::test]
async fn rudder_sdk_js_2_in_a_browser_configured_by_the_server() {
    check(&BROWSER, Browser::installed().sender("rudder2", "paced")).await;
}

#[tokio::test]
async fn segment_analytics_next_all_at_once() {
    check_story(&BROWSER, Browser::installed().sender("segment", "burst"), false).await;
}

#[tokio::test]
async fn rudder_analytics_js_all_at_once() {
    check_story(&BROWSER, Browser::installed().sender("rudder", "burst"), false).await;
}

async fn check(story: &Story, sender: Command) {
    check_story(story, sender, true).await;
}

/// Of what comes at once nobody knows what arrives first: who somebody is may come behind the event that makes the lead.
async fn check_story(story: &Story, sender: Command, in_order: bool) {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let crm = Receiver::start(|_| 200).await;
    let server = Server::start(directory.path(), |address| configuration(address, &crm.url())).await;

    send(sender, server.address());
    let user = eventually("everything is counted for the user", Duration::from_secs(20), async || {
        let user = server.admin("/explain/user/ada").await?;
        (user["counters"]["my_events"] == story.events && user["counters"]["my_tours"] == 2.0).then_some(user)
    });
    let user = user.await;
    assert_eq!(user["counters"]["my_screens"].as_f64(), Some(story.screens));
    check_counters(&user, &server.admin("/explain/account/acme").await.expect("the account is known"));
    if let Some(anonymous) = story.anonymous {
        let path = format!("/explain/user/{anonymous}");
        assert_eq!(server.admin(&path).await.expect("the anonymous id is known")["merged_into"], "ada");
    }
    let rejected = server.admin("/rejected").await.expect("the log of rejected events can be read");
    assert!(!rejected.to_string().contains("message"), "nothing is rejected: {rejected}");

    eventually("the lead at the receiver", Duration::from_secs(20), async || (crm.count() > 0).then_some(())).await;
    check_lead(&crm.hooks()[0].json(), in_order);
    verify_signatures(&crm.hooks());
    assert_eq!(crm.count(), 1, "one lead, delivered once");
}

fn send(mut sender: Command, server: SocketAddr) {
    sender.arg(format!("http://{server}")).args([WRITE_KEY, "acme", "ada"]);
    let output = sender.output().expect("the sender can be run");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the SDK failed: {}\n{errors}", String::from_utf8_lossy(&output.stdout));
}

fn check_counters(user: &Value, account: &Value) {
    let number = |subject: &Value, name: &str| subject["counters"][name].as_f64();
    assert_eq!(number(user, "my_tasks"), Some(12.0));
    assert_eq!(number(user, "my_pages"), Some(1.0));
    assert_eq!(number(account, "tasks"), Some(12.0));
    assert_eq!(number(account, "minutes"), Some(78.0));
    assert_eq!(number(account, "boards"), Some(2.0));
    assert_eq!(number(account, "invited"), Some(4.0));
    assert_eq!(number(account, "people"), Some(1.0));
    assert_eq!(user["traits"]["email"], "ada@acme.example");
    assert_eq!(user["accounts"], json!(["acme"]));
    assert_eq!(account["traits"]["plan"], "free");
}

fn check_lead(event: &Value, in_order: bool) {
    let lead = &event["lead"];
    assert_eq!(event["type"], "lead.qualified");
    assert_eq!(lead["definition"], "ready for a team plan");
    assert_eq!(lead["subject"], json!({ "type": "account", "id": "acme", "name": "Acme" }));
    assert_eq!(lead["tier"], 1);
    assert_eq!(lead["contact"]["user_id"], "ada");
    if in_order || !lead["contact"]["email"].is_null() {
        assert_eq!(lead["contact"]["email"], "ada@acme.example");
        assert_eq!(lead["contact"]["title"], "VP of Engineering");
    }
    assert_eq!(lead["routing"]["owner"], "ana@example.com");
    let reasons = lead["reasons"].as_array().expect("a lead has reasons");
    let invited = reasons.iter().find(|reason| reason["condition"] == "invited >= 4").expect("the condition is there");
    assert_eq!(invited["observed"][0]["value"].as_f64(), Some(4.0));
    assert!(reasons.iter().all(|reason| reason["axis"] == "tier" || reason["met"] == true), "{reasons:?}");
}

fn verify_signatures(hooks: &[Hook]) {
    let lines: Vec<String> = hooks
        .iter()
        .map(|hook| {
            let headers: serde_json::Map<_, _> =
                hook.call.headers.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
            json!({ "headers": headers, "body": hook.call.body }).to_string()
        })
        .collect();
    let verified = Python::installed().verify(SECRET, &lines.join("\n"));
    assert_eq!(verified, hooks.len().to_string());
}

fn configuration(address: SocketAddr, webhook: &str) -> String {
    format!(
        r#"
server: {{ listen: "{address}", admin_token: {ADMIN_TOKEN} }}
store: {{ memory: {{}} }}
sources:
  app: {{ write_key: {WRITE_KEY} }}
counters:
  tasks:      {{ of: account, event: Task Created, within: 30d }}
  minutes:    {{ of: account, event: Task Created, sum: properties.minutes }}
  boards:     {{ of: account, event: Task Created, distinct: properties.board, within: 7d }}
  invited:    {{ of: account, event: User Invited, distinct: properties.email, within: 30d }}
  people:     {{ of: account, event: Task Created, distinct: user }}
  my_events:  {{ of: user, event: any }}
  my_tasks:   {{ of: user, event: Task Created }}
  my_tours:   {{ of: user, event: Tour Taken }}
  my_pages:   {{ of: user, page: Pricing }}
  my_screens: {{ of: user, screen: Board }}
definitions:
  - name: ready for a team plan
    of: account
    intent: [ tasks >= 12, invited >= 4 ]
    fit:    [ account.plan == "free", account.employees >= 100 ]
    tiers:
      1: account.employees >= 100
      2: true
    cooldown: 90d
teams:
  enterprise: {{ reps: [ana@example.com, ben@example.com], assign: round_robin }}
routes:
  - {{ name: large accounts, when: lead.tier == 1, to: enterprise }}
  - {{ name: everyone else, to: self_serve }}
destinations:
  crm: {{ webhook: {{ url: "{webhook}", secret: {SECRET} }}, allow_addresses: [127.0.0.0/8] }}
"#
    )
}
