//! Whatever is refused or left out can be seen by the operator.

use handraiser::ids::RecordKey;
use serde_json::json;

use super::*;

/// HMAC-SHA1 under `abc123`, by OpenSSL: of `{"cool":false}`, and of the delete call below.
const NOT_COOL: &str = "c702b94a2569dd8d2f7185ce0ae951021bef4706";

#[actix_web::test]
async fn a_signed_batch_is_taken_and_shows_how_it_was_signed() {
    let kit = Kit::new();
    let body = r#"[{"cool":false},{"type":"track","userId":"u","event":"e","timestamp":"2026-11-20T00:00:00Z"}]"#;
    let answer = kit.post("/v1/webhook/segment", &[("x-signature", NOT_COOL)], body).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["rejected"][0]["code"], "missing_type");
    let report = kit.report("segment");
    assert_eq!(
        (&report["accepted"], &report["rejected"], &report["first_element_signatures"], &report["last_event_at"]),
        (&json!(1), &json!(1), &json!(1), &json!("2026-11-21T20:36:52.000Z"))
    );
    assert_eq!(kit.arrived()[0]["timestamp"], "2026-11-20T00:00:00.000Z");
}

#[actix_web::test]
async fn a_wrong_secret_shows_at_its_source() {
    let kit = Kit::new();
    let answer = kit.post("/v1/webhook/segment", &[("x-signature", NOT_COOL)], TRACK).await;
    assert_eq!(answer.error(), (401, "wrong_signature".to_owned()));
    kit.clock.advance(1_000);
    kit.post("/v1/webhook/segment", &[], TRACK).await;
    let report = kit.report("segment");
    assert_eq!(report["unauthorised"], 2);
    insta::assert_json_snapshot!(report["last_failure"], @r#"
    {
      "at": "2026-11-21T20:36:53.000Z",
      "code": "missing_signature",
      "reason": "header `x-signature` is missing: set the shared secret in the sender's settings, so that it signs its requests"
    }
    "#);
}

#[actix_web::test]
async fn an_unknown_write_key_shows_without_naming_it() {
    let kit = Kit::new();
    kit.post("/v1/track", &[("authorization", "Basic c2VjcmV0LWtleTo=")], TRACK).await;
    let report = kit.report("(unknown)");
    assert_eq!((&report["unauthorised"], &report["last_failure"]["code"]), (&json!(1), &json!("unknown_write_key")));
    assert!(!report.to_string().contains("secret-key"), "{report}");
}

#[actix_web::test]
async fn a_deletion_deletes() {
    let kit = Kit::new();
    kit.post("/v1/track", &[BASIC], r#"{"userId":"gone","event":"e"}"#).await;
    let known = async || {
        let engine = &kit.settled().await.engine;
        engine.explain(&RecordKey::user("gone")).await.expect("the store").is_some()
    };
    assert!(known().await, "the user is known");
    let unsigned = kit.post("/v1/batch", &[BASIC], r#"{"type":"delete","userId":"gone"}"#).await;
    assert_eq!(unsigned.error(), (400, "delete_not_proven".to_owned()));
    assert!(known().await, "a write key may not delete");
    let signature = [("x-signature", "9c04a213f75437f5df887956866bd6be30f46fb2")];
    let delete = r#"{"type":"delete","userId":"gone","timestamp":"2026-11-21T20:00:00Z"}"#;
    let signed = kit.post("/v1/webhook/segment", &signature, delete).await;
    assert_eq!(signed.status, 200);
    assert!(!known().await, "the user is gone");
}

#[actix_web::test]
async fn events_whose_retries_can_not_be_recognised_show_at_their_source() {
    let kit = Kit::new();
    for _ in 0..2 {
        kit.post("/v1/track", &[BASIC], TRACK).await;
    }
    let timed = r#"{"type":"track","userId":"u","event":"e","timestamp":"2026-11-20T00:00:00Z"}"#;
    for _ in 0..2 {
        kit.post("/v1/track", &[BASIC], timed).await;
    }
    kit.settled().await;
    let report = kit.report("app");
    assert_eq!(
        (&report["accepted"], &report["duplicates"], &report["unrecognisable"]),
        (&json!(4), &json!(1), &json!(2)),
        "{report}"
    );
}
