//! Every recorded request of a real SDK, byte by byte as it went over the wire.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use super::*;

#[derive(Deserialize)]
struct Capture {
    received_at: String,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    wire_body_base64: String,
}

/// Where the recordings are expected: beside the repository, since they are shared with other projects.
fn directory() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures");
    assert!(
        path.is_dir(),
        "the recorded requests are expected in {}: a folder per SDK, a file per request",
        path.display()
    );
    path
}

fn captures(sdk: &str) -> Vec<Capture> {
    let directory = directory().join(sdk);
    let mut files: Vec<_> = std::fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.expect("a directory entry").path())
        .collect();
    files.sort();
    let read = |path: &PathBuf| serde_json::from_slice(&std::fs::read(path).expect("a readable file"));
    files.iter().map(|path| read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))).collect()
}

/// Replays an SDK's requests and answers what arrived.
async fn replay(kit: &Kit, sdk: &str) -> Vec<Value> {
    for capture in captures(sdk) {
        let recorded: jiff::Timestamp = capture.received_at.parse().expect("a time");
        kit.clock.advance(recorded.as_millisecond() - kit.clock.now().0);
        let body = STANDARD.decode(&capture.wire_body_base64).expect("base64");
        let headers: Vec<_> = capture.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let method = Method::from_bytes(capture.method.as_bytes()).expect("a method");
        let answer = kit.request(method, &capture.path, &headers, body).await;
        assert_eq!((answer.status, answer.body.as_ref()), (200, br#"{"success":true}"#.as_slice()));
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    kit.arrived()
}

/// Every SDK was told to send the same: what each event must be, whatever the SDK.
fn expected() -> Vec<Value> {
    let user = |call: &str, name: Option<&str>, group: Option<&str>| json!([call, name, "user-1", null, null, group]);
    vec![
        user("identify", None, None),
        user("group", None, Some("acct-1")),
        user("track", Some("task_created"), Some("acct-1")),
        user("track", Some("invite_sent"), None),
        json!(["track", "Pricing Viewed", null, "anon-9", null, null]),
        user("page", Some("Pricing"), None),
        user("screen", Some("Home"), None),
        json!(["alias", null, "user-1", null, "anon-9", null]),
    ]
}

fn essence(event: &Value) -> Value {
    let fields = ["type", "name", "user_id", "anonymous_id", "previous_id", "group_id"];
    Value::Array(fields.iter().map(|field| event[*field].clone()).collect())
}

fn times(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["timestamp"].as_str().expect("a time")).collect()
}

/// Replays, checks what must be alike for all SDKs, and returns the times.
async fn check(sdk: &str) -> Vec<String> {
    let kit = Kit::new();
    let arrived = replay(&kit, sdk).await;
    assert_eq!(arrived.iter().map(essence).collect::<Vec<_>>(), expected(), "{sdk}");
    let sent: Vec<_> = captures(sdk).iter().flat_map(message_ids).collect();
    let seen: Vec<_> = arrived.iter().map(|event| event["message_id"].clone()).collect();
    assert_eq!(seen, sent, "{sdk}");
    let report = kit.report("captured");
    assert_eq!((&report["accepted"], &report["rejected"]), (&json!(8), &json!(0)), "{sdk}");

    let again = replay(&kit, sdk).await;
    assert_eq!(again.len(), 16, "{sdk}");
    kit.settled().await;
    assert_eq!(kit.report("captured")["duplicates"], json!(8), "{sdk}: a retry is recognised");
    times(&arrived).into_iter().map(str::to_owned).collect()
}

/// The message ids, straight from the recorded bytes.
fn message_ids(capture: &Capture) -> Vec<Value> {
    let wire = STANDARD.decode(&capture.wire_body_base64).expect("base64");
    let mut text = String::new();
    let gzip = capture.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-encoding"));
    if gzip {
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(wire.as_slice()), &mut text).expect("gzip");
    } else {
        text = String::from_utf8(wire).expect("UTF-8");
    }
    let body: Value = serde_json::from_str(&text).expect("JSON");
    body["batch"].as_array().expect("a batch").iter().map(|event| event["messageId"].clone()).collect()
}

/// The recordings' arrival is noted to the second, and so lies before `sentAt`: events move back by the difference.
#[actix_web::test]
async fn segment_analytics_node() {
    assert_eq!(
        check("segment-analytics-node").await,
        [
            "2026-11-21T20:36:51.987Z",
            "2026-11-21T20:36:51.995Z",
            "2026-11-21T20:36:51.995Z",
            "2026-11-21T20:36:51.995Z",
            "2026-01-02T03:04:05.614Z",
            "2026-11-21T20:36:51.996Z",
            "2026-11-21T20:36:51.996Z",
            "2026-11-21T20:36:51.996Z",
        ]
    );
}

#[actix_web::test]
async fn segment_analytics_python() {
    let times = check("segment-analytics-python").await;
    assert_eq!(times[0], "2026-11-21T20:37:01.502Z", "02.375 sent at 02.873, received at 02.000");
    assert_eq!(times[4], "2026-01-02T03:04:04.805Z");
}

#[actix_web::test]
async fn segment_analytics_python_gzip() {
    let times = check("segment-analytics-python-gzip").await;
    assert_eq!(times[0], "2026-11-21T20:37:05.495Z", "05.663 sent at 06.168, received at 06.000");
}

#[actix_web::test]
async fn rudder_sdk_node() {
    let times = check("rudder-sdk-node").await;
    assert_eq!(times[0], "2026-11-21T20:36:54.000Z");
    assert_eq!(times[4], "2026-01-02T03:04:05.678Z", "the caller's own `timestamp` stands as it is");
}

#[actix_web::test]
async fn rudder_sdk_node_nogzip() {
    let times = check("rudder-sdk-node-nogzip").await;
    assert_eq!(times[1], "2026-11-21T20:36:57.945Z", "58.397 sent at 58.452, received at 58.000");
    assert_eq!(times[4], "2026-01-02T03:04:05.678Z", "the caller's own `timestamp` stands as it is");
}

#[test]
fn every_recording_is_replayed() {
    let mut folders: Vec<_> = std::fs::read_dir(directory())
        .expect("the recordings")
        .map(|entry| entry.expect("a directory entry").path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    folders.sort();
    let replayed = [
        "rudder-sdk-node",
        "rudder-sdk-node-nogzip",
        "segment-analytics-node",
        "segment-analytics-python",
        "segment-analytics-python-gzip",
    ];
    assert_eq!(folders, replayed, "a new recording needs a test above");
}
