//! The answers, exactly as SDKs and CDPs read them.

use std::time::Duration;

use super::*;

/// Status, the headers that matter, and the body.
fn show(answer: &Answer) -> String {
    let mut text = format!("{}\n", answer.status);
    for name in ["content-type", "retry-after", "allow"] {
        if let Some(value) = answer.header(name) {
            text.push_str(&format!("{name}: {value}\n"));
        }
    }
    text + std::str::from_utf8(&answer.body).expect("UTF-8")
}

#[actix_web::test]
async fn success_is_the_same_for_every_call() {
    let kit = Kit::new();
    let success = "200\ncontent-type: application/json\n{\"success\":true}";
    let group = r#"{"groupId":"g"}"#;
    let alias = r#"{"userId":"u","previousId":"a"}"#;
    for (uri, body) in [
        ("/v1/identify", TRACK),
        ("/v1/i", TRACK),
        ("/v1/track", TRACK),
        ("/v1/t/", TRACK),
        ("/v1/page", TRACK),
        ("/v1/p", TRACK),
        ("/v1/screen/", TRACK),
        ("/v1/s", TRACK),
        ("/v1/group", group),
        ("/v1/g", group),
        ("/v1/alias", alias),
        ("/v1/a", alias),
        ("/v1/batch", TRACK),
        ("/v1/b", r#"{"batch":[]}"#),
        ("/v1/import/", "[]"),
        ("/some/prefix/v1/track", TRACK),
        ("/v1/m", r#"{"series":[]}"#),
        ("/rsaMetrics", "anything"),
        ("/v1/webhook/app", TRACK),
    ] {
        assert_eq!(show(&kit.post(uri, &[BASIC], body).await), success, "{uri}");
    }
    assert_eq!(show(&kit.post("/beacon/v1/batch?writeKey=key", &[], TRACK).await), success);
    for method in [Method::PUT, Method::PATCH] {
        assert_eq!(show(&kit.request(method, "/v1/webhook/app", &[BASIC], TRACK).await), success);
    }
    let opted_out = r#"{"userId":"u","event":"e","integrations":{"All":false}}"#;
    assert_eq!(show(&kit.post("/v1/track", &[BASIC], opted_out).await), success);
}

#[actix_web::test]
async fn any_or_no_content_type_is_accepted() {
    let kit = Kit::new();
    for value in [
        "application/json",
        "application/json; charset=utf-8",
        "text/plain",
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "nonsense",
    ] {
        assert_eq!(kit.post("/v1/t", &[BASIC, ("content-type", value)], TRACK).await.status, 200, "{value}");
    }
    assert_eq!(kit.post("/v1/t", &[BASIC], TRACK).await.status, 200);
}

#[actix_web::test]
async fn a_batch_with_bad_calls_is_taken_and_names_them() {
    let kit = Kit::new();
    let body = format!(r#"{{"batch":[{TRACK},{{"type":"track","messageId":"m","event":"e"}},7]}}"#);
    insta::assert_snapshot!(show(&kit.post("/v1/batch", &[BASIC], body).await), @r#"
    200
    content-type: application/json
    {"success":true,"rejected_count":2,"rejected":[{"index":1,"code":"missing_id","message":"neither `userId` nor `anonymousId` is there; one of them is needed"},{"index":2,"code":"invalid_event","message":"invalid type: integer `7`, expected an event (a JSON object) at line 1 column 1"}]}
    "#);
    assert_eq!(kit.arrived().len(), 1);
    let logged = kit.rejected().await;
    let codes: Vec<_> = logged.iter().map(|row| (row.source.as_str(), row.index, row.code.as_str())).collect();
    assert!(codes.contains(&("app", 1, "missing_id")) && codes.contains(&("app", 2, "invalid_event")), "{codes:?}");
}

#[actix_web::test]
async fn an_answer_names_no_more_than_a_hundred_bad_calls() {
    let kit = Kit::new();
    let body = format!("[{}]", vec!["0"; 2_600].join(","));
    let answer = kit.post("/v1/batch", &[BASIC], body).await.json();
    assert_eq!(answer["rejected"].as_array().expect("a list").len(), 100);
    assert_eq!(answer["rejected_count"], 2_600);
}

#[actix_web::test]
async fn a_single_bad_call_is_a_400_that_the_senders_log_shows() {
    let kit = Kit::new();
    insta::assert_snapshot!(show(&kit.post("/v1/track", &[BASIC], r#"{"userId":"u"}"#).await), @r#"
    400
    content-type: application/json
    {"success":false,"code":"missing_event","message":"`event`, the name of what happened, is missing or empty","error":"`event`, the name of what happened, is missing or empty"}
    "#);
    assert_eq!(kit.rejected().await.len(), 1);
    insta::assert_snapshot!(show(&kit.post("/v1/merge", &[BASIC], "{}").await), @r#"
    400
    content-type: application/json
    {"success":false,"code":"unsupported_type","message":"`merge` is no call that is counted here; track, identify, group, page, screen and alias are","error":"`merge` is no call that is counted here; track, identify, group, page, screen and alias are"}
    "#);
}

#[actix_web::test]
async fn errors_can_be_read_by_every_sender() {
    let kit = Kit::new();
    insta::assert_snapshot!(show(&kit.post("/v1/batch", &[BASIC], "{\"batch\":[{]}").await), @r#"
    400
    content-type: application/json
    {"success":false,"code":"invalid_json","message":"the body is not JSON: key must be a string at line 1 column 12","error":"the body is not JSON: key must be a string at line 1 column 12"}
    "#);
    insta::assert_snapshot!(show(&kit.post("/v1/batch", &[], TRACK).await), @r#"
    401
    content-type: application/json
    {"success":false,"code":"missing_write_key","message":"no write key: send it as the user of `Authorization: Basic`, as `writeKey` in the body or as `?writeKey=`","error":"no write key: send it as the user of `Authorization: Basic`, as `writeKey` in the body or as `?writeKey=`"}
    "#);
    insta::assert_snapshot!(show(&kit.post("/v1/webhook/segment", &[], TRACK).await), @r#"
    401
    content-type: application/json
    {"success":false,"code":"missing_signature","message":"header `x-signature` is missing: set the shared secret in the sender's settings, so that it signs its requests","error":"header `x-signature` is missing: set the shared secret in the sender's settings, so that it signs its requests"}
    "#);
    insta::assert_snapshot!(show(&kit.post("/v1/webhook/nobody", &[BASIC], TRACK).await), @r#"
    404
    content-type: application/json
    {"success":false,"code":"unknown_source","message":"no source is called `nobody`; the last part of the address must be the name of a configured source","error":"no source is called `nobody`; the last part of the address must be the name of a configured source"}
    "#);
    insta::assert_snapshot!(show(&kit.post("/v2/track", &[BASIC], TRACK).await), @r#"
    404
    content-type: application/json
    {"success":false,"code":"not_found","message":"nothing is at this address","error":"nothing is at this address"}
    "#);
    insta::assert_snapshot!(show(&kit.request(Method::GET, "/v1/track", &[BASIC], "").await), @r#"
    405
    content-type: application/json
    allow: POST, PUT, PATCH, OPTIONS
    {"success":false,"code":"method_not_allowed","message":"this address wants POST, PUT, PATCH, OPTIONS","error":"this address wants POST, PUT, PATCH, OPTIONS"}
    "#);
}

#[actix_web::test]
async fn too_many_requests_at_once_are_sent_away_for_a_second() {
    let kit = Kit::new();
    let guards: Vec<_> = (0..10).map(|_| kit.state.in_flight.enter(10).expect("room")).collect();
    insta::assert_snapshot!(show(&kit.post("/v1/track", &[BASIC], TRACK).await), @r#"
    429
    content-type: application/json
    retry-after: 1
    {"success":false,"code":"overloaded","message":"10 requests are being worked on already; try again in a second","error":"10 requests are being worked on already; try again in a second"}
    "#);
    drop(guards);
    assert_eq!(kit.post("/v1/track", &[BASIC], TRACK).await.status, 200);
    assert_eq!(kit.state.in_flight.current(), 0);
}

#[actix_web::test]
async fn what_is_not_durable_is_not_acknowledged() {
    let kit = Kit::new();
    assert!(kit.backend().engine.drain(Duration::from_secs(5)).await);
    let body = format!("[{TRACK},7]");
    insta::assert_snapshot!(show(&kit.post("/v1/batch", &[BASIC], body).await), @r#"
    503
    content-type: application/json
    retry-after: 1
    {"success":false,"code":"draining","message":"the server is draining","error":"the server is draining"}
    "#);
    assert_eq!(kit.arrived(), Vec::<Value>::new());
    let logged = kit.backend().store.rejected(10).await.expect("the log");
    assert!(logged.is_empty(), "the request comes again, and its bad calls with it: {logged:?}");
}

#[actix_web::test]
async fn nothing_is_taken_before_the_store_is_open() {
    let kit = Kit::new();
    let config = Arc::new(ArcSwap::new(kit.state.config.load_full()));
    let status = Status::new("one".into(), NOW, None, Arc::default());
    let starting = Kit { state: Data::new(AppState::new(config, status, kit.clock.clone())), clock: kit.clock };
    insta::assert_snapshot!(show(&starting.post("/v1/track", &[BASIC], TRACK).await), @r#"
    503
    content-type: application/json
    retry-after: 1
    {"success":false,"code":"starting","message":"the server is starting: its store is not open yet","error":"the server is starting: its store is not open yet"}
    "#);
    assert_eq!(starting.post("/v1/track", &[], TRACK).await.status, 401, "what is wrong is said all the same");
}

#[actix_web::test]
async fn bad_calls_alone_are_as_durable_as_good_ones() {
    let kit = Kit::new();
    kit.backend().engine.drain(Duration::from_secs(5)).await;
    assert_eq!(kit.post("/v1/batch", &[BASIC], "[7]").await.status, 503, "a 200 would lose it");
}
