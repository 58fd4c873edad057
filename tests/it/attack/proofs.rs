//! Recorded and half-proven requests: what somebody can do who once saw a signed event, or knows one of a source's two proofs.

use base64::Engine as _;
use handraiser::time::{Clock, Millis};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;

use crate::harness::Server;
use crate::harness::http::Connection;
use crate::harness::server::ADMIN_TOKEN;

const SECRET: &str = "the-shared-secret";
/// `key` as Basic carries it.
const KEY: &str = "Authorization: Basic a2V5Og==\r\n";

struct Target {
    server: Server,
    _directory: tempfile::TempDir,
}

impl Target {
    async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let server = Server::start(directory.path(), |address| {
            format!(
                r#"
server: {{ listen: "{address}", admin_token: {ADMIN_TOKEN} }}
store: {{ memory: {{}} }}
sources:
  segment: {{ signature: {{ scheme: segment, secret: {SECRET} }} }}
  both: {{ write_key: key, signature: {{ scheme: segment, secret: {SECRET} }} }}
counters:
  tasks: {{ of: user, event: Task Created }}
  tasks_of_account: {{ of: account, event: Task Created }}
definitions:
  - {{ name: busy, of: user, intent: [ tasks > 100000 ] }}
routes:
  - {{ name: everyone, to: self_serve }}
"#
            )
        });
        Self { server: server.await, _directory: directory }
    }

    /// The status that is answered.
    async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> u16 {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n{headers}");
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        let mut connection = Connection::open(self.server.address()).await.expect("the server listens");
        connection.exchange(request.as_bytes()).await.expect("an answer")
    }

    /// `body` to the webhook, under a signature over `signed`.
    async fn hook(&self, body: &str, signed: &str) -> u16 {
        self.ask("POST", "/v1/webhook/segment", &signature(signed), body).await
    }

    async fn tasks(&self, user: &str) -> Option<f64> {
        self.server.admin(&format!("/explain/user/{user}")).await?["counters"]["tasks"].as_f64()
    }

    async fn source(&self, name: &str) -> Value {
        let answer = self.server.admin("/sources").await.expect("the sources");
        let found = answer["sources"].as_array().and_then(|all| all.iter().find(|source| source["name"] == name));
        found.expect("a configured source").clone()
    }
}

fn signature(signed: &str) -> String {
    let mut mac = <Hmac<sha1::Sha1> as KeyInit>::new_from_slice(SECRET.as_bytes()).expect("any key will do");
    mac.update(signed.as_bytes());
    format!("X-Signature: {}\r\n", hex::encode(mac.finalize().into_bytes()))
}

fn at(age_ms: i64) -> String {
    Clock::System.now().plus(-age_ms).rfc3339()
}

fn task(user: &str) -> String {
    let now = at(0);
    format!(r#"{{"type":"track","event":"Task Created","userId":"{user}","messageId":"m-{user}","timestamp":"{now}"}}"#)
}

#[tokio::test]
async fn a_recorded_event_counts_once_whatever_is_written_around_it() {
    let target = Target::start().await;
    let event = task("ana");
    let envelope = r#""context":{"groupId":"mallory","traits":{"plan":"gold"}},"sentAt":"2001-01-01T00:00:00Z""#;
    for body in [
        event.clone(),
        event.clone(),
        format!("[{event}]"),
        format!(r#"[{{"json":{event}}}]"#),
        format!(r#"{{"batch":[{event}],{envelope}}}"#),
        format!(r#"{{{envelope},"batch":[{event},{event}]}}"#),
    ] {
        assert_eq!(target.hook(&body, &event).await, 200, "{body}");
    }
    assert_eq!(target.tasks("ana").await, Some(1.0));
    assert_eq!(target.server.admin("/subjects/account/mallory").await, None, "nobody signed for this account");
    assert_eq!(target.source("segment").await["duplicates"], 6);
}

#[tokio::test]
async fn a_recorded_deletion_deletes_nobody_who_came_back() {
    let target = Target::start().await;
    let delete = |age| format!(r#"{{"type":"delete","userId":"ben","timestamp":"{}"}}"#, at(age));
    let (fresh, old) = (delete(1_000), delete(3 * Millis::DAY));
    let first = task("ben");
    assert_eq!(target.hook(&first, &first).await, 200);
    assert_eq!(target.hook(&old, &old).await, 400, "it is too old");
    assert_eq!(target.tasks("ben").await, Some(1.0));
    assert_eq!(target.hook(&fresh, &fresh).await, 200);
    assert_eq!(target.tasks("ben").await, None);
    let back = first.replace("m-ben", "m-ben-again");
    assert_eq!(target.hook(&back, &back).await, 200);
    assert_eq!(target.tasks("ben").await, Some(1.0));
    for body in [fresh.clone(), format!("[{fresh}]"), format!("[{fresh},{first}]")] {
        assert_eq!(target.hook(&body, &fresh).await, 200);
    }
    assert_eq!(target.tasks("ben").await, Some(1.0), "it is known already");
}

#[tokio::test]
async fn a_source_with_a_write_key_and_a_signature_wants_both_at_every_address() {
    let target = Target::start().await;
    let event = task("eve");
    let signed = signature(&event);
    for path in ["/v1/webhook/both", "/v1/batch", "/v1/track", "/v1/import", "/v1/webhook", "/prefix/v1/t"] {
        assert_eq!(target.ask("POST", path, KEY, &event).await, 401, "{path}, key alone");
        // Elsewhere the signature alone means the source that has no write key.
        let source = if path == "/v1/webhook/both" { 401 } else { 200 };
        assert_eq!(target.ask("POST", path, &signed, &event).await, source, "{path}, signature alone");
        assert_eq!(target.ask("POST", path, &format!("{signed}{KEY}"), &event).await, 200, "{path}, both");
    }
    assert_eq!(target.source("both").await["accepted"], 6);
    for path in ["/sourceConfig?writeKey=key", "/v1/projects/key/settings"] {
        assert_eq!(target.ask("GET", path, "", "").await, 401, "{path}, key alone");
        assert_eq!(target.ask("GET", path, &signature(""), "").await, 200, "{path}, both");
    }
    let data = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&event);
    for path in [format!("/pixel/v1/track?data={data}"), format!("/v1/pixel/track?data={data}&writeKey=key")] {
        assert_eq!(target.ask("GET", &path, KEY, "").await, 200, "an image");
    }
    assert_eq!(target.source("both").await["accepted"], 6, "the key alone counts for nothing");
    assert_eq!(target.ask("GET", &format!("/pixel/v1/track?data={data}"), &format!("{signed}{KEY}"), "").await, 200);
    assert_eq!(target.source("both").await["accepted"], 7);
}
