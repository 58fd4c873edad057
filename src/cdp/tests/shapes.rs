//! The shapes of bodies, the envelope, limits, and which kind of call an address means.

use serde_json::json;

use super::*;
use crate::event::Call;

const TRACK: &str = r#"{"type":"track","userId":"u","event":"e"}"#;

fn calls(parsed: &Parsed) -> Vec<Call> {
    parsed.events.iter().map(|event| event.call).collect()
}

#[test]
fn every_shape_is_read_at_every_address() {
    for endpoint in [Endpoint::Batch, Endpoint::Call(Call::Track)] {
        for body in [
            TRACK.to_owned(),
            format!("[{TRACK}]"),
            format!(r#"{{"batch":[{TRACK}],"sentAt":"2026-11-21T20:36:52Z"}}"#),
            format!(r#"[{{"json":{TRACK}}}]"#),
            format!(r#"{{"json":{TRACK}}}"#),
            format!("\u{feff} {TRACK}\n"),
        ] {
            assert_eq!(only(from_sdk(endpoint, &body)).name.as_deref(), Some("e"), "{endpoint:?} {body}");
        }
    }
    for body in ["[]", r#"{"batch":[]}"#] {
        let parsed = from_sdk(Endpoint::Batch, body);
        assert_eq!((parsed.events.len(), parsed.rejections.len(), parsed.single), (0, 0, false), "{body}");
    }
}

#[test]
fn an_address_of_one_kind_decides_for_sdks_and_the_type_for_webhooks() {
    let group = r#"{"type":"group","userId":"u","groupId":"g","event":"e"}"#;
    assert_eq!(calls(&from_sdk(Endpoint::Call(Call::Track), group)), [Call::Track]);
    assert_eq!(calls(&from_sdk(Endpoint::Call(Call::Track), &format!("[{group}]"))), [Call::Group]);
    let untyped = r#"{"userId":"u","event":"e"}"#;
    assert_eq!(calls(&from_sdk(Endpoint::Call(Call::Track), untyped)), [Call::Track]);
    assert_eq!(calls(&from_sdk(Endpoint::Call(Call::Track), &format!("[{untyped}]"))), [Call::Track]);
    let signed = webhook("hook", Proof::Bearer { tokens: secrets(&["t"]) });
    let parsed = send(&[signed], Endpoint::Call(Call::Track), [("authorization", "Bearer t")], group);
    assert_eq!(calls(&parsed.expect("taken")), [Call::Group]);
}

#[test]
fn calls_that_are_not_counted_are_rejected_one_by_one() {
    let merge = r#"{"type":"merge","mergeProperties":[]}"#;
    assert_eq!(rejected(&from_sdk(Endpoint::Unsupported("merge"), merge)), [(0, "unsupported_type")]);
    assert_eq!(rejected(&from_sdk(Endpoint::Unsupported("merge"), "{}")), [(0, "unsupported_type")]);
    let parsed = from_sdk(Endpoint::Batch, &format!("[{merge},{TRACK}]"));
    assert_eq!((rejected(&parsed), calls(&parsed)), (vec![(0, "unsupported_type")], vec![Call::Track]));
}

#[test]
fn the_envelope_completes_its_calls() {
    let body = r#"{"sentAt":"2026-11-21T19:36:52Z","context":{"groupId":"env","traits":{"a":1}},"batch":[
        {"type":"track","userId":"u","event":"1","timestamp":"2026-11-21T19:00:00Z"},
        {"type":"track","userId":"u","event":"2","context":{"groupId":"own","traits":{"b":2}}},
        {"type":"track","userId":"u","event":"3","timestamp":"2026-11-21T20:00:00Z","sentAt":"2026-11-21T20:36:51Z"}]}"#;
    let events = from_sdk(Endpoint::Batch, body).events;
    let seen: Vec<_> =
        events.iter().map(|e| json!([e.context_group_id, e.context_traits, e.timestamp.rfc3339()])).collect();
    assert_eq!(
        seen,
        [
            json!(["env", {"a": 1}, "2026-11-21T20:00:00.000Z"]),
            json!(["own", {"b": 2}, "2026-11-21T20:36:52.000Z"]),
            json!(["env", {"a": 1}, "2026-11-21T20:00:01.000Z"]),
        ]
    );
}

#[test]
fn an_event_may_not_be_too_large() {
    let padded = |bytes: usize| {
        let call = r#"{"type":"track","userId":"u","event":"e","x":""}"#;
        call.replace(r#""x":"""#, &format!(r#""x":"{}""#, "y".repeat(bytes - call.len())))
    };
    let body = format!("[{},{},{TRACK}]", padded(32 * 1_024), padded(32 * 1_024 + 1));
    let parsed = from_sdk(Endpoint::Batch, &body);
    assert_eq!((rejected(&parsed), parsed.events.len()), (vec![(1, "event_too_large")], 2));
    assert_eq!(parsed.rejections[0].excerpt.len(), 256);
}

#[test]
fn of_a_batch_that_is_too_long_the_first_events_are_taken() {
    let body = |events: usize| format!("[{}]", vec![TRACK; events].join(","));
    let parsed = from_sdk(Endpoint::Batch, &body(2_503));
    assert_eq!((parsed.events.len(), parsed.beyond_limit), (2_500, 3));
    assert_eq!(rejected(&parsed), [(2_500, "batch_too_long")]);
    assert_eq!(from_sdk(Endpoint::Batch, &body(2_500)).beyond_limit, 0);
    let parsed = from_sdk(Endpoint::Batch, &body(4_100));
    assert_eq!((parsed.events.len(), parsed.beyond_limit), (2_500, 1_600));
    let parsed = from_webhook(&body(4_000));
    assert_eq!((parsed.events.len(), parsed.rejections.len()), (4_000, 0), "Segment's webhook sends that many");
    assert_eq!(rejected(&from_webhook(&body(4_001))), [(4_000, "batch_too_long")]);
}

#[test]
fn nesting_is_bounded_and_costs_no_event() {
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let call = |field: &str, levels| {
        format!(r#"{{"type":"track","userId":"u","event":"e","{field}":{{"x":{}}}}}"#, deep(levels))
    };
    let body = format!("[{},{},{}]", call("properties", 10_000), call("unread", 10_000), call("properties", 100));
    let parsed = from_sdk(Endpoint::Batch, &body);
    assert_eq!((rejected(&parsed), parsed.events.len(), parsed.shortened), (vec![], 3, 2));
}
