//! A public write key makes up events, users and leads by the thousand: what its source may bring in is bounded, and nobody else waits.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::hooks::Receiver;
use crate::harness::http::Connection;
use crate::harness::server::ADMIN_TOKEN;
use crate::harness::{Server, eventually};

const PATIENT: Duration = Duration::from_secs(20);

struct Target {
    server: Server,
    crm: Receiver,
    _directory: tempfile::TempDir,
}

impl Target {
    /// A server with the public source `web` of these quotas, and the source `backend`, which has none.
    async fn start(quotas: &str) -> Self {
        let (directory, crm) = (tempfile::tempdir().expect("a directory can be made"), Receiver::start(|_| 200).await);
        let (database, webhook) = (directory.path().join("handraiser.db"), crm.url());
        let server = Server::start(directory.path(), |address| {
            format!(
                r#"
server: {{ listen: "{address}", trusted_proxies: 127.0.0.1, admin_token: {ADMIN_TOKEN} }}
store: {{ embedded: {{ path: "{}" }} }}
sources:
  web: {{ write_key: web-key, quotas: {{ {quotas} }} }}
  backend: {{ write_key: backend-key, trust: server }}
counters:
  tasks: {{ of: user, event: Task Created }}
definitions:
  - {{ name: busy, of: user, intent: [ tasks >= 1 ] }}
routes:
  - {{ name: everyone, to: self_serve }}
destinations:
  crm: {{ webhook: {{ url: "{webhook}" }}, allow_addresses: [127.0.0.0/8] }}
"#,
                database.display()
            )
        });
        Self { server: server.await, crm, _directory: directory }
    }

    async fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, Option<u32>, Value) {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n{headers}");
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        let mut connection = Connection::open(self.server.address()).await.expect("the server listens");
        let status = connection.exchange(request.as_bytes()).await.expect("an answer");
        let retry_after = connection.header("retry-after").and_then(|seconds| seconds.parse().ok());
        (status, retry_after, serde_json::from_slice(connection.body()).unwrap_or_default())
    }

    /// Sends a task of each of these users; returns the status, `Retry-After` and `code`.
    async fn tasks(&self, key: &str, users: impl IntoIterator<Item = String>) -> (u16, Option<u32>, Value) {
        let task = |user| json!({ "type": "track", "event": "Task Created", "userId": user, "messageId": user });
        let batch: Vec<Value> = users.into_iter().map(task).collect();
        let body = json!({ "writeKey": key, "batch": batch }).to_string();
        let (status, retry_after, answer) = self.request("POST", "/v1/batch", "", &body).await;
        (status, retry_after, answer["code"].clone())
    }

    async fn decide(&self, action: &str, which: &Value) -> Value {
        let token = format!("Authorization: Bearer {ADMIN_TOKEN}\r\n");
        let path = format!("/admin/v1/leads/{action}");
        let (status, _, answer) = self.request("POST", &path, &token, &which.to_string()).await;
        assert_eq!(status, 200, "{answer}");
        answer["leads"].clone()
    }

    async fn held(&self) -> Vec<Value> {
        let list = self.server.admin("/leads?held=true&limit=1000").await.expect("the held leads");
        list["leads"].as_array().expect("a list").clone()
    }

    async fn source(&self, name: &str) -> Value {
        let answer = self.server.admin("/sources").await.expect("the sources");
        let found = answer["sources"].as_array().and_then(|all| all.iter().find(|source| source["name"] == name));
        found.expect("a configured source").clone()
    }

    /// The users whose leads arrived.
    fn delivered(&self) -> Vec<String> {
        let hooks = self.crm.hooks();
        hooks.iter().map(|hook| hook.json()["lead"]["subject"]["id"].as_str().expect("an id").to_owned()).collect()
    }
}

fn fakes(range: std::ops::Range<usize>) -> impl Iterator<Item = String> {
    range.map(|n| format!("fake-{n}"))
}

#[tokio::test]
async fn fake_leads_are_held_and_an_honest_one_goes_out_at_once() {
    let mut target = Target::start("leads: 5").await;
    assert_eq!(target.tasks("web-key", fakes(0..500)).await.0, 200);
    assert_eq!(target.tasks("backend-key", ["honest".to_owned()]).await.0, 200);
    eventually("the honest lead arrives", PATIENT, async || {
        target.delivered().contains(&"honest".to_owned()).then_some(())
    })
    .await;
    assert_eq!(target.held().await.len(), 495);
    assert_eq!(
        target.server.admin("/queues").await.expect("the queues")["held"],
        json!([{ "source": "web", "leads": 495 }])
    );
    assert_eq!(target.server.log().matches("made more leads than its quota").count(), 1, "said once");
    // Whatever is killed, held stays held, and what comes again is known.
    target.server.kill();
    target.server.respawn();
    target.server.ready().await;
    assert_eq!(target.tasks("web-key", fakes(0..600)).await.0, 200);
    let held = target.held().await;
    assert_eq!(held.len(), 595);
    assert_eq!(held[0]["lead"]["hold"], json!({ "source": "web", "discarded": false }));
    let wanted = held[7]["id"].clone();
    assert_eq!(target.decide("release", &json!({ "id": wanted })).await, 1);
    assert_eq!(target.decide("release", &json!({ "id": wanted })).await, 0, "it is on its way already");
    let user = held[7]["lead"]["subject"]["id"].as_str().expect("an id").to_owned();
    eventually("the released lead arrives", PATIENT, async || target.delivered().contains(&user).then_some(())).await;
    assert_eq!(target.decide("discard", &json!({ "source": "web" })).await, 594);
    assert_eq!(target.held().await, Vec::<Value>::new());
    let lead = target.server.admin(&format!("/leads/{}", held[8]["id"].as_str().expect("an id"))).await;
    assert_eq!(lead.expect("the lead")["lead"]["hold"]["discarded"], true);
    assert_eq!(target.delivered().len(), 5 + 1 + 1, "{:?}", target.delivered());
}

#[tokio::test]
async fn no_more_leads_are_held_than_anybody_looks_through() {
    let mut target = Target::start("leads: 5, held_leads: 20").await;
    assert_eq!(target.tasks("web-key", fakes(0..500)).await.0, 200);
    assert_eq!(target.held().await.len(), 20);
    target.server.kill();
    target.server.respawn();
    target.server.ready().await;
    assert_eq!(target.tasks("web-key", fakes(0..600)).await.0, 200);
    assert_eq!(target.held().await.len(), 20, "whatever is killed");
    let all = target.server.admin("/leads?limit=1000").await.expect("the leads");
    assert_eq!(all["leads"].as_array().map(Vec::len), Some(25), "of the others nothing is stored");
    assert_eq!(target.source("web").await["leads_let_go"], 100);
    let (_, metrics) = target.server.get("/metrics").await.expect("the metrics");
    let metrics = String::from_utf8_lossy(&metrics).into_owned();
    let counted = r#"handraiser_leads_let_go_total{source="web",because="full"} 100"#;
    assert!(metrics.contains(counted), "{metrics}");
    assert_eq!(target.server.log().matches("are held as may be").count(), 1, "said once an hour");
    assert_eq!(target.decide("discard", &json!({ "source": "web" })).await, 20);
    assert_eq!(target.tasks("web-key", fakes(600..610)).await.0, 200);
    assert_eq!(target.held().await.len(), 10, "there is room again");
}

#[tokio::test]
async fn events_beyond_a_quota_are_told_to_come_later() {
    let target = Target::start("events: 100, client_events: 100000").await;
    assert_eq!(target.tasks("web-key", fakes(0..100)).await.0, 200);
    let (status, retry_after, code) = target.tasks("web-key", fakes(100..101)).await;
    assert_eq!((status, code), (429, json!("over_quota")));
    assert!(retry_after.is_some_and(|seconds| (1..=60).contains(&seconds)), "{retry_after:?}");
    assert_eq!(target.tasks("backend-key", fakes(0..500)).await.0, 200, "nobody else waits");
    assert_eq!(target.source("web").await["over_quota"], 1);
    let (_, metrics) = target.server.get("/metrics").await.expect("the metrics");
    let metrics = String::from_utf8_lossy(&metrics).into_owned();
    assert!(metrics.contains(r#"handraiser_over_quota_total{source="web",quota="events"} 1"#), "{metrics}");
}

/// How much time of the CPU a server has had, in hundredths of a second.
fn cpu_ticks(server: &Server) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).expect("it runs");
    let (_, rest) = stat.rsplit_once(") ").expect("the name ends");
    rest.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
}

/// Who has used up a quota is refused before what they send is unfolded and read: it costs them more than the server.
#[tokio::test]
async fn what_is_beyond_a_quota_is_not_read() {
    let target = Target::start("events: 100").await;
    let traits: serde_json::Map<String, Value> =
        (0..150).map(|n| (format!("trait_{n}"), json!("x".repeat(60)))).collect();
    let call = |n: usize| json!({ "type": "identify", "userId": format!("u{n}"), "traits": traits });
    let batch =
        |events: usize, key: &str| json!({ "writeKey": key, "batch": (0..events).map(call).collect::<Vec<_>>() });
    let cost = async |key: &str, in_head: bool, expected: u16| {
        let body = batch(60, key).to_string();
        let path = if in_head { format!("/v1/batch?writeKey={key}") } else { "/v1/batch".to_owned() };
        let before = cpu_ticks(&target.server);
        for _ in 0..15 {
            assert_eq!(target.request("POST", &path, "", &body).await.0, expected);
        }
        // What was taken is applied later, and is no part of this.
        cpu_ticks(&target.server) - before
    };
    assert_eq!(target.tasks("web-key", fakes(0..100)).await.0, 200);
    let taken = cost("backend-key", true, 200).await;
    let refused = cost("web-key", true, 429).await;
    assert!(refused * 5 < taken, "{refused} ticks for what is refused, {taken} for what is taken");
    // A key that stands in the body has to be found there; the calls are not read.
    let refused = cost("web-key", false, 429).await;
    assert!(refused * 2 < taken, "{refused} ticks for what is refused, {taken} for what is taken");
    assert_eq!(target.source("web").await["over_quota"], 30, "each is counted");
}

#[tokio::test]
async fn made_up_users_are_counted_and_bounded() {
    let target = Target::start("new_subjects: 50, leads: 100000").await;
    assert_eq!(target.tasks("web-key", fakes(0..60)).await.0, 200, "they are known only when they are applied");
    eventually("the users are applied", PATIENT, async || {
        (target.source("web").await["new_subjects_this_hour"].as_u64()? >= 50).then_some(())
    })
    .await;
    let (status, retry_after, code) = target.tasks("web-key", fakes(60..61)).await;
    assert_eq!((status, code), (429, json!("over_quota")));
    assert!(retry_after.is_some_and(|seconds| (1..=3_601).contains(&seconds)), "{retry_after:?}");
    // A visitor from elsewhere is heard all the same.
    let visit = json!({ "writeKey": "web-key", "anonymousId": "visitor", "event": "Task Created" }).to_string();
    let (status, _, answer) = target.request("POST", "/v1/track", "X-Forwarded-For: 203.0.113.9\r\n", &visit).await;
    assert_eq!(status, 200, "{answer}");
}
