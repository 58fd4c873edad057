//! The main job from end to end: events over HTTP, a lead at the CRM's webhook.

use std::time::{Duration, Instant};

use handraiser::config::load_text;
use handraiser::crm::receiver::Receiver;
use handraiser::lead::LeadEvent;
use handraiser::secret::Secret;
use handraiser::server::{Options, RunningServer, start};
use reqwest::Client;
use serde_json::{Value, json};

use super::plant::{PATIENCE, SECRET};

/// The configuration of the introduction, with a store in `path` and a CRM on loopback.
async fn serve(path: &std::path::Path, crm: &Receiver) -> RunningServer {
    let destination = format!("secret: '{SECRET}' }}, allow_addresses: [127.0.0.0/8] }}");
    let text = include_str!("../../../fixtures/issue.yaml")
        .replace("secret: ${CRM_WEBHOOK_SECRET} } }", &destination)
        .replace("${CRM_WEBHOOK_URL}", &format!("'{}'", crm.url()))
        .replace("${APP_WRITE_KEY}", "key")
        .replace("${SEGMENT_SHARED_SECRET}", "shared");
    let text = format!("{text}store: {{ embedded: {{ path: '{}' }} }}\n", path.join("handraiser.db").display());
    let loaded = load_text("issue.yaml", &text, &|_| None).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let options = Options { listen: Some(([127, 0, 0, 1], 0).into()), ..Options::default() };
    start(loaded.config, options).await.expect("it starts")
}

struct Sender {
    client: Client,
    url: String,
}

impl Sender {
    fn new(server: &RunningServer) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { client: Client::new(), url: format!("http://{}/v1/batch", server.address()) }
    }

    async fn batch(&self, events: &[Value]) {
        let body = json!({ "batch": events, "writeKey": "key" }).to_string();
        let answer = self.client.post(&self.url).header("content-type", "application/json").body(body).send().await;
        let answer = answer.expect("the server answers");
        let status = answer.status();
        assert_eq!(status, 200, "{}", answer.text().await.unwrap_or_default());
    }
}

fn event(account: &str, n: usize, name: &str) -> Value {
    json!({
        "type": "track", "event": name, "userId": format!("{account}-u{}", n % 7),
        "messageId": format!("{account}-{name}-{n}"), "context": { "groupId": account },
        "properties": { "email": format!("guest{n}@{account}.example") }
    })
}

/// Everything that makes `account` qualify, but for the last event.
fn history(account: &str) -> Vec<Value> {
    let group = json!({
        "type": "group", "groupId": account, "userId": format!("{account}-u0"), "messageId": format!("{account}-group"),
        "traits": { "name": account, "plan": "free", "employees": 640 }
    });
    let tasks = (0..51).map(|n| event(account, n, "Task Created"));
    let invitations = (0..9).map(|n| event(account, n, "User Invited"));
    std::iter::once(group).chain(tasks).chain(invitations).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_crosses_the_threshold_arrives_routed_with_its_reasons() {
    let home = tempfile::tempdir().expect("a directory");
    let crm = Receiver::start(&[Secret::new(SECRET)]).expect("a free port");
    let server = serve(home.path(), &crm).await;
    let sender = Sender::new(&server);
    sender.batch(&history("acme")).await;
    assert!(crm.arrivals().is_empty(), "nine invitations are not ten");

    sender.batch(&[event("acme", 9, "User Invited")]).await;
    // A CDP that heard no answer sends it again.
    sender.batch(&[event("acme", 9, "User Invited")]).await;
    let arrivals = tokio::time::timeout(PATIENCE, crm.wait_for(|arrivals| !arrivals.is_empty())).await.expect("a lead");
    let lead = serde_json::from_str::<LeadEvent>(&arrivals[0].body).expect("a lead event").lead;
    let routing = lead.routing.as_ref().expect("it is routed");
    assert_eq!((lead.subject.id.as_str(), lead.tier, lead.revision), ("acme", 1, 1));
    assert_eq!(routing.owner.as_deref(), Some("ana@example.com"));
    assert_eq!(
        routing.reason,
        "route `large accounts`: lead.tier == 1; round robin in team enterprise: ana@example.com's turn (waited longest)"
    );
    let met: Vec<_> = lead.reasons.iter().map(|reason| (reason.condition.as_str(), reason.met)).collect();
    assert!(
        met.contains(&("tasks_30d > 50", Some(true))) && met.contains(&("invited_30d >= 10", Some(true))),
        "{met:?}"
    );

    // The next account goes to the next rep, and nothing came twice.
    sender.batch(&history("globex")).await;
    sender.batch(&[event("globex", 9, "User Invited")]).await;
    let arrivals =
        tokio::time::timeout(PATIENCE, crm.wait_for(|arrivals| arrivals.len() >= 2)).await.expect("a second lead");
    let second = serde_json::from_str::<LeadEvent>(&arrivals[1].body).expect("a lead event").lead;
    assert_eq!((second.subject.id.as_str(), second.revision), ("globex", 1), "{arrivals:#?}");
    assert_eq!(second.routing.expect("it is routed").owner.as_deref(), Some("ben@example.com"));
    assert!(server.stop().await, "it stops in order");
    assert_eq!(crm.arrivals().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leads_that_qualified_while_the_crm_was_down_arrive_after_a_restart_of_both() {
    let home = tempfile::tempdir().expect("a directory");
    let crm = Receiver::start(&[Secret::new(SECRET)]).expect("a free port");
    let address = crm.address();
    let server = serve(home.path(), &crm).await;
    crm.stop().await;
    let sender = Sender::new(&server);
    for account in ["acme", "globex", "initech"] {
        sender.batch(&history(account)).await;
        sender.batch(&[event(account, 9, "User Invited")]).await;
    }
    assert!(server.stop().await, "it stops in order");

    let crm = Receiver::listen(&[Secret::new(SECRET)], address).expect("the port is free again");
    let server = serve(home.path(), &crm).await;
    let limit = Duration::from_secs(60);
    let arrivals =
        tokio::time::timeout(limit, crm.wait_for(|arrivals| arrivals.len() >= 3)).await.expect("three leads");
    let ids: std::collections::BTreeSet<_> = arrivals.iter().map(|arrival| &arrival.id).collect();
    assert_eq!(ids.len(), 3);
    server.stop().await;
}

/// Prints how long it takes from the request to the webhook; the bench measures it properly.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_becomes_a_webhook_without_waiting_for_any_poll() {
    let home = tempfile::tempdir().expect("a directory");
    let crm = Receiver::start(&[Secret::new(SECRET)]).expect("a free port");
    let server = serve(home.path(), &crm).await;
    let sender = Sender::new(&server);
    let mut delays = Vec::new();
    for n in 0..20 {
        let account = format!("account{n}");
        sender.batch(&history(&account)).await;
        let started = Instant::now();
        sender.batch(&[event(&account, 9, "User Invited")]).await;
        let arrivals = crm.wait_for(|arrivals| arrivals.len() > n);
        let arrivals = tokio::time::timeout(PATIENCE, arrivals).await.expect("a lead");
        delays.push(arrivals[n].at.saturating_duration_since(started));
    }
    delays.sort();
    println!("event sent → webhook received: median {:?}, slowest {:?}", delays[10], delays[19]);
    // One poll is five seconds; a debug build on a busy machine is far below it.
    assert!(delays[10] < Duration::from_secs(1), "{delays:?}");
    server.stop().await;
}
