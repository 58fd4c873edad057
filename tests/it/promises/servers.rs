//! What is promised of servers that are killed, paused, and several: real processes on a real Redis.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::http::Connection;
use crate::harness::server::ADMIN_TOKEN;
use crate::harness::{Redis, Server, eventually};

const WRITE_KEY: &str = "promises-write-key";
pub const PATIENT: Duration = Duration::from_secs(60);

/// A server with a directory of its own.
pub struct Host {
    pub server: Server,
    _directory: tempfile::TempDir,
}

impl Host {
    pub async fn start(store: &str, limits: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let store = store.replace("HERE", &directory.path().display().to_string());
        let server = Server::start(directory.path(), |address| configuration(address, &store, limits)).await;
        Self { server, _directory: directory }
    }

    async fn on(redis: &Redis, limits: &str) -> Self {
        Self::start(&format!("{{ redis: {{ url: \"{}\" }} }}", redis.url()), limits).await
    }

    /// Sends events in one request; returns the status, `Retry-After` and `code`. `None` when nothing came back.
    async fn post(&self, events: &[Value]) -> Option<(u16, Option<String>, Value)> {
        let body = json!({ "writeKey": WRITE_KEY, "batch": events }).to_string();
        let head = "POST /v1/batch HTTP/1.1\r\nHost: test\r\nContent-Type: application/json";
        let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let mut connection = Connection::open(self.server.address()).await.ok()?;
        let status = connection.exchange(request.as_bytes()).await.ok()?;
        let answer: Value = serde_json::from_slice(connection.body()).ok()?;
        Some((status, connection.header("retry-after"), answer["code"].clone()))
    }

    async fn must_take(&self, events: &[Value]) {
        let answer = self.post(events).await;
        assert!(matches!(answer, Some((200, ..))), "{answer:?}\n{}", self.server.log());
    }

    /// Sends events again and again until they are taken, as senders do; returns the refusals.
    pub async fn send(&self, events: &[Value]) -> Vec<(u16, Option<String>, Value)> {
        let (start, mut refusals) = (Instant::now(), Vec::new());
        loop {
            match self.post(events).await {
                Some((200, ..)) => return refusals,
                other => refusals.extend(other),
            }
            assert!(start.elapsed() < PATIENT, "still refused: {refusals:?}\n{}", self.server.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn tasks(&self, user: &str) -> Value {
        let explained = self.server.admin(&format!("/explain/user/{user}")).await;
        explained.map_or(json!(null), |explained| explained["counters"]["tasks"].clone())
    }
}

fn configuration(address: SocketAddr, store: &str, limits: &str) -> String {
    format!(
        r#"
server: {{ listen: "{address}", admin_token: {ADMIN_TOKEN}, limits: {{ {limits} }} }}
store: {store}
sources:
  app: {{ write_key: {WRITE_KEY} }}
counters:
  tasks: {{ of: user, event: Task Created }}
definitions:
  - {{ name: busy, of: user, intent: [ tasks > 100000 ] }}
routes:
  - {{ name: everyone, to: self_serve }}
"#
    )
}

pub fn task(user: &str, id: usize) -> Value {
    json!({ "type": "track", "event": "Task Created", "userId": user, "messageId": format!("{user}-{id}") })
}

#[tokio::test]
async fn rejected_events_outlive_a_server_that_is_killed_right_after_its_answer() {
    let redis = Redis::start("always").await;
    let on_redis = format!("{{ redis: {{ url: \"{}\", durability: fsync }} }}", redis.url());
    for store in ["{ embedded: { path: HERE/handraiser.db } }", &on_redis] {
        let mut host = Host::start(store, "").await;
        for n in 0..3 {
            let useless = json!({ "type": "track", "userId": "ana", "messageId": format!("useless-{n}") });
            host.must_take(&[task("ana", n), useless]).await;
            host.server.kill();
            host.server.respawn();
            host.server.ready().await;
            let listed = host.server.admin("/rejected").await.expect("the rejected events");
            for known in 0..=n {
                assert!(listed.to_string().contains(&format!("useless-{known}")), "{store}: {listed}");
            }
            assert_eq!(host.tasks("ana").await.as_f64(), Some(n as f64 + 1.0), "{store}");
        }
    }
}

#[tokio::test]
async fn servers_whose_settings_differ_say_so() {
    let says_so = async |first: &str, second: &str| {
        let redis = Redis::start("everysec").await;
        let store = |more: &str| format!("{{ redis: {{ url: \"{}\" }}, {more} }}", redis.url());
        let hosts = [Host::start(&store(first), "").await, Host::start(&store(second), "").await];
        // Both have heard of each other after two heartbeats.
        tokio::time::sleep(Duration::from_millis(3_500)).await;
        hosts.map(|host| host.server.log().contains("run with another configuration"))
    };
    // How much memory each may use is its own affair.
    let (remembering, caching) =
        tokio::join!(says_so("remember: 3d", "remember: 4d"), says_so("cache: 100MB", "cache: 200MB"));
    assert_eq!((remembering, caching), ([true; 2], [false; 2]));
}

#[tokio::test]
async fn what_one_server_took_is_read_through_another_at_once() {
    let redis = Redis::start("everysec").await;
    let hosts = [Host::on(&redis, "").await, Host::on(&redis, "").await];
    for round in 0..20 {
        let (writer, reader) = (&hosts[round % 2], &hosts[(round + 1) % 2]);
        let user = format!("user-{round}");
        writer.must_take(&(0..10).map(|n| task(&user, n)).collect::<Vec<_>>()).await;
        assert_eq!(reader.tasks(&user).await.as_f64(), Some(10.0), "{user}");
        let subject = reader.server.admin(&format!("/subjects/user/{user}")).await.expect("the subject");
        assert!(subject["lines"].as_array().is_some_and(|lines| !lines.is_empty()), "{subject}");
    }
}

#[tokio::test]
async fn who_wants_no_consistency_does_not_wait_for_a_server_that_hangs() {
    let redis = Redis::start("everysec").await;
    let (hanging, other) = (Host::on(&redis, "").await, Host::on(&redis, "").await);
    let users: Vec<String> = (0..32).map(|n| format!("user-{n}")).collect();
    for user in &users {
        other.must_take(&[task(user, 0)]).await;
        assert_eq!(other.tasks(user).await.as_f64(), Some(1.0));
    }
    hanging.server.pause();
    let start = Instant::now();
    for user in &users {
        other.must_take(&[task(user, 1)]).await;
        let path = format!("/explain/user/{user}?consistency=eventual");
        let explained = other.server.admin(&path).await.expect("an answer");
        let tasks = explained["counters"]["tasks"].as_f64();
        assert!(tasks == Some(1.0) || tasks == Some(2.0), "{explained}");
    }
    assert!(start.elapsed() < Duration::from_secs(4), "no lease was waited for: {:?}", start.elapsed());
    // With a barrier the answer comes once somebody else has taken over what the other one held.
    for user in &users {
        eventually(&format!("both tasks of {user}"), PATIENT, async || {
            (other.tasks(user).await.as_f64() == Some(2.0)).then_some(())
        })
        .await;
    }
    hanging.server.resume();
    assert_eq!(hanging.tasks("user-0").await.as_f64(), Some(2.0));
}

/// The owner of half of the shards hangs: their logs grow until the bound, and then senders hear that they should come back.
#[tokio::test]
async fn a_full_backlog_sends_away_for_a_while_and_loses_nothing() {
    const ROUNDS: usize = 150;
    let redis = Redis::start("everysec").await;
    let (hanging, other) = (Host::on(&redis, "backlog: 100").await, Host::on(&redis, "backlog: 100").await);
    let users: Vec<String> = (0..32).map(|n| format!("user-{n}")).collect();
    // One entry in the log of each shard.
    let round = |id: usize| users.iter().map(|user| task(user, id)).collect::<Vec<_>>();
    let counted = async |host: &Host, expected: usize| {
        for user in &users {
            eventually(&format!("{expected} tasks of {user}"), PATIENT, async || {
                (host.tasks(user).await.as_f64() == Some(expected as f64)).then_some(())
            })
            .await;
        }
    };
    other.send(&round(0)).await;
    counted(&other, 1).await;
    hanging.server.pause();
    let mut refusals = Vec::new();
    for id in 1..ROUNDS {
        refusals.extend(other.send(&round(id)).await);
    }
    let full: Vec<_> = refusals.iter().filter(|(_, _, code)| *code == "backlog_full").collect();
    assert!(!full.is_empty(), "the bound was met: {refusals:?}");
    assert!(full.iter().all(|(status, after, _)| *status == 503 && after.is_some()), "{full:?}");
    hanging.server.resume();
    counted(&other, ROUNDS).await;
    counted(&hanging, ROUNDS).await;
}

#[tokio::test]
async fn a_redis_that_hangs_loses_nothing() {
    let redis = Redis::start("everysec").await;
    let host = Host::on(&redis, "").await;
    for id in 0..30 {
        if id == 10 {
            redis.cli(&["client", "pause", "4000", "ALL"]);
        }
        let refusals = host.send(&[task("ana", id)]).await;
        assert!(refusals.iter().all(|(status, after, _)| *status == 503 && after.is_some()), "{refusals:?}");
    }
    eventually("30 tasks", PATIENT, async || (host.tasks("ana").await.as_f64() == Some(30.0)).then_some(())).await;
}

#[tokio::test]
async fn without_a_message_id_an_event_is_known_by_its_own_time() {
    let host = Host::start("{ memory: {} }", "").await;
    let bare = |user: &str| json!({ "type": "track", "event": "Task Created", "userId": user });
    let mut timed = bare("ben");
    timed["timestamp"] = json!("2026-11-20T08:00:00.000Z");
    for _ in 0..3 {
        host.must_take(&[bare("ana")]).await;
        host.must_take(&[timed.clone()]).await;
    }
    timed["timestamp"] = json!("2026-11-20T08:00:00.001Z");
    host.must_take(&[timed]).await;
    assert_eq!(host.tasks("ana").await.as_f64(), Some(3.0), "each one may be a new one");
    assert_eq!(host.tasks("ben").await.as_f64(), Some(2.0));
    let sources = host.server.admin("/sources").await.expect("the sources");
    let app = &sources["sources"][0];
    assert_eq!(
        (&app["name"], &app["unrecognisable"], &app["duplicates"]),
        (&json!("app"), &json!(3), &json!(2)),
        "{sources}"
    );
}
