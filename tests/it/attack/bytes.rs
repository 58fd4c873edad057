//! A write key stands in every browser: whoever has it may send what takes much more on this side than it cost to send. Real
//! servers, whose memory and disk are measured while an honest sender is answered.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::harness::hooks::Receiver;
use crate::harness::http::Connection;
use crate::harness::server::ADMIN_TOKEN;
use crate::harness::{Server, eventually};

const PATIENT: Duration = Duration::from_secs(20);

/// A server with a small cache, and a CRM at `crm`.
fn configuration(directory: &Path, address: SocketAddr, limits: &str, crm: &str) -> String {
    let path = directory.join("store").join("handraiser.db");
    format!(
        r#"
server: {{ listen: "{address}", trusted_proxies: 127.0.0.1, admin_token: {ADMIN_TOKEN}, limits: {{ {limits} }} }}
store: {{ embedded: {{ path: "{}" }}, cache: 64MB, rejected_log: 200 }}
sources:
  app: {{ write_key: public }}
  web: {{ write_key: other }}
traits: {{ account: {{ plan: text }} }}
counters:
  tasks: {{ of: account, event: Task Created }}
definitions:
  - {{ name: busy, of: account, intent: [ tasks >= 3 ], fit: [ 'account.plan == "free"' ] }}
routes: [ {{ name: all, to: self_serve }} ]
destinations:
  crm: {{ webhook: {{ url: "{crm}" }}, allow_addresses: [ 127.0.0.0/8 ] }}
"#,
        path.display()
    )
}

struct Victim {
    server: Server,
    directory: tempfile::TempDir,
}

impl Victim {
    async fn start(limits: &str, crm: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let yaml = |address| configuration(directory.path(), address, limits, crm);
        let server = Server::start(directory.path(), yaml).await;
        Self { server, directory }
    }

    async fn connect(&self) -> Connection {
        Connection::open(self.server.address()).await.expect("the server listens")
    }

    /// The most memory that the server ever had, in MiB.
    fn peak_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.pid())).expect("it runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says so");
        peak.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1_024
    }

    /// Bytes of the store's files.
    fn disk_bytes(&self) -> u64 {
        let files = std::fs::read_dir(self.directory.path().join("store")).expect("the store's directory");
        files.map(|file| file.and_then(|file| file.metadata()).map_or(0, |found| found.len())).sum()
    }

    async fn honest_call_is_taken(&self) {
        let body =
            json!({ "type": "track", "event": "Task Created", "userId": "ana", "context": { "groupId": "acme" } });
        assert_eq!(post(&mut self.connect().await, "other", "/v1/track", &body.to_string(), false).await, 200);
    }

    /// Everything that was taken is applied.
    async fn settled(&self) {
        eventually("it is applied", PATIENT, async || self.server.admin("/rejected?limit=1").await).await;
    }
}

fn gzip(body: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

async fn post(connection: &mut Connection, key: &str, path: &str, body: &str, zipped: bool) -> u16 {
    connection.exchange(&request(key, path, body, zipped)).await.expect("an answer")
}

fn request(key: &str, path: &str, body: &str, zipped: bool) -> Vec<u8> {
    let (body, encoding) = if zipped { (gzip(body), "Content-Encoding: gzip\r\n") } else { (body.into(), "") };
    let head = format!(
        "POST {path}?writeKey={key} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n{encoding}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}

fn batch(events: impl Iterator<Item = Value>) -> String {
    json!({ "batch": events.collect::<Vec<_>>() }).to_string()
}

/// Ten requests of 4 MB that are 20 KB each on the wire, and took forty times 4 MB once they were read.
#[tokio::test]
async fn lists_of_zeros_take_no_more_memory_than_other_events() {
    let victim = Victim::start("", "http://127.0.0.1:9/").await;
    let before = victim.peak_mib();
    let mut connection = victim.connect().await;
    for request in 0..10 {
        let zeros = vec![0; 16_000];
        let body = batch(
            (0..120)
                .map(|n| json!({ "type": "identify", "userId": format!("u{request}-{n}"), "traits": { "z": zeros } })),
        );
        assert_eq!(post(&mut connection, "public", "/v1/batch", &body, true).await, 200);
        victim.honest_call_is_taken().await;
    }
    victim.settled().await;
    let grown = victim.peak_mib() - before;
    assert!(grown < 160, "{grown} MiB more than at the start");
    let sources = victim.server.admin("/sources").await.expect("the sources");
    assert_eq!(sources["sources"][0]["shortened"], 1_200, "{sources}");
}

/// The same from forty connections at once: what the text becomes counts among the bytes under way, not the text alone.
#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_take_no_more_memory_than_bodies_may() {
    let victim = Victim::start("bodies_per_address: 64MB", "http://127.0.0.1:9/").await;
    let before = victim.peak_mib();
    let traits: serde_json::Map<String, Value> = (0..3_000).map(|n| (format!("{n}"), json!(0))).collect();
    let body = batch((0..130).map(|n| json!({ "type": "identify", "userId": format!("u{n}"), "traits": traits })));
    let request = request("public", "/v1/batch", &body, true);
    let attack: Vec<_> = (0..40)
        .map(|_| {
            let (address, request) = (victim.server.address(), request.clone());
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await.expect("it listens");
                connection.exchange(&request).await.expect("an answer")
            })
        })
        .collect();
    let mut taken = 0;
    for answer in attack {
        let status = answer.await.expect("it ends");
        assert!([200, 429].contains(&status), "{status}");
        taken += usize::from(status == 200);
    }
    victim.honest_call_is_taken().await;
    let grown = victim.peak_mib() - before;
    assert!(taken > 0 && grown < 300, "{grown} MiB more than at the start, {taken} were taken");
}

/// Many users with as many traits as are kept: what is kept of each is bounded, and all together by the cache.
#[tokio::test]
async fn people_with_huge_traits_stay_within_the_cache() {
    let victim = Victim::start("", "http://127.0.0.1:9/").await;
    let before = victim.peak_mib();
    let mut connection = victim.connect().await;
    for request in 0..10 {
        let body = batch((0..120).map(|n| {
            let traits: serde_json::Map<String, Value> =
                (0..200).map(|trait_| (format!("trait_{trait_}"), json!("x".repeat(140)))).collect();
            json!({ "type": "identify", "userId": format!("u{request}-{n}"), "traits": traits })
        }));
        assert_eq!(post(&mut connection, "public", "/v1/batch", &body, true).await, 200);
        victim.honest_call_is_taken().await;
    }
    victim.settled().await;
    let grown = victim.peak_mib() - before;
    assert!(grown < 240, "{grown} MiB more than at the start; the cache has 64 MB");
}

/// Events that are refused are kept for whoever looks into it: a little of each, and of each source its share.
#[tokio::test]
async fn what_is_refused_takes_no_disk_and_hides_nobody_elses() {
    let victim = Victim::start("", "http://127.0.0.1:9/").await;
    let bad = batch(std::iter::once(json!({ "type": "track", "messageId": "the honest one" })));
    let mut connection = victim.connect().await;
    assert_eq!(post(&mut connection, "other", "/v1/batch", &bad, false).await, 200);
    let before = victim.disk_bytes();
    let huge =
        batch((0..95).map(|n| json!({ "type": "track", "userId": n, "event": "e", "messageId": "m".repeat(40_000) })));
    for _ in 0..12 {
        assert_eq!(post(&mut connection, "public", "/v1/batch", &huge, true).await, 200);
    }
    let many = format!("[{}{{}}]", "{},".repeat(2_400));
    for _ in 0..12 {
        assert_eq!(post(&mut connection, "public", "/v1/batch", &many, true).await, 200);
    }
    victim.honest_call_is_taken().await;
    let kept = victim.server.admin("/rejected?limit=1000").await.expect("the log");
    let rejected = kept["rejected"].as_array().expect("a list");
    assert!(kept.to_string().len() < 300_000 && rejected.len() <= 225, "{} are kept", rejected.len());
    assert!(rejected.iter().any(|one| one["message_id"] == "the honest one"), "it was pushed out");
    let written = victim.disk_bytes() - before;
    assert!(written < 16 << 20, "{written} bytes for 45 MB that were refused");
}

/// A lead about an account with huge traits: it is delivered without the largest, and says so.
#[tokio::test]
async fn a_lead_that_is_too_large_is_delivered_without_the_largest_traits() {
    let crm = Receiver::start(|_| 200).await;
    let victim = Victim::start("value: 16KiB, traits: 1MB", &crm.url()).await;
    let mut traits: serde_json::Map<String, Value> =
        (0..8).map(|n| (format!("note_{n}"), json!("x".repeat(2_000 + n)))).collect();
    let deep = format!("{}1{}", "[".repeat(120), "]".repeat(120));
    traits.insert("deep".to_owned(), serde_json::from_str(&deep).expect("JSON"));
    traits.insert("plan".to_owned(), json!("free"));
    let mut connection = victim.connect().await;
    for n in 0..4 {
        for trait_ in 0..7 {
            traits.insert(format!("more_{n}_{trait_}"), json!("y".repeat(2_000)));
        }
        let group = json!({ "type": "group", "userId": "ana", "groupId": "acme", "traits": traits });
        assert_eq!(post(&mut connection, "public", "/v1/group", &group.to_string(), false).await, 200);
        traits.retain(|name, _| !name.starts_with("more"));
    }
    for _ in 0..3 {
        victim.honest_call_is_taken().await;
    }
    let hook = eventually("the lead arrives", PATIENT, async || crm.hooks().into_iter().next()).await;
    let lead = &hook.json()["lead"];
    assert!(hook.call.body.len() < 80_000, "{} bytes", hook.call.body.len());
    assert_eq!(lead["account"]["traits"]["plan"], "free", "the conditions read it");
    let left_out = lead["truncated"].as_array().expect("it says what is missing");
    assert!(left_out.contains(&json!("account.note_7")), "the largest leaves: {left_out:?}");
    assert!(!lead["account"]["traits"]["note_0"].is_null(), "and the smallest stays: {left_out:?}");
}
