use std::time::Duration;

use reqwest::header::RETRY_AFTER;

use super::*;
use crate::crm::sample;
use crate::secret::Secret;

/// 2026-11-21T12:00:00.500Z.
const NOW: Millis = Millis(1_795_262_400_500);

fn webhook() -> Webhook {
    Webhook {
        url: "https://crm.example.com/hook".parse().expect("a URL"),
        secrets: vec![Secret::new("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")],
        headers: vec![("X-Api-Key".to_owned(), Secret::new("k-1")), ("Webhook-Id".to_owned(), Secret::new("forged"))],
        body: Body::Event,
    }
}

fn made(webhook: &Webhook, now: Millis) -> Request {
    let event = sample::full();
    let payload = serde_json::to_string(&event).expect("plain data");
    request(webhook, &event.id, &payload, now).expect("it can be made")
}

#[test]
fn the_request_as_a_receiver_sees_it() {
    let request = made(&webhook(), NOW);
    let headers: std::collections::BTreeMap<_, _> = request
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()))
        .collect();
    let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
    insta::assert_json_snapshot!("request", serde_json::json!({ "headers": headers, "body": body }));
    assert!(format!("{:?}", request.headers).contains("Sensitive"), "a configured header may be secret");
}

#[test]
fn the_id_is_stable_and_the_timestamp_is_of_the_attempt() {
    let (first, second) = (made(&webhook(), NOW), made(&webhook(), NOW.plus(3_000)));
    for stable in ["webhook-id", "idempotency-key"] {
        assert_eq!(first.headers[stable], second.headers[stable]);
        assert_eq!(first.headers[stable], "evt_3b0c7d52e94f4a1d8c6e05b7a92f41d8");
    }
    assert_eq!(first.headers["webhook-timestamp"], "1795262400");
    assert_eq!(second.headers["webhook-timestamp"], "1795262403");
    assert_ne!(first.headers["webhook-signature"], second.headers["webhook-signature"]);
}

#[test]
fn all_secrets_sign_and_without_one_nothing_is_signed() {
    let mut webhook = webhook();
    webhook.secrets.push(Secret::new("v1,whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU="));
    let two = made(&webhook, NOW);
    assert_eq!(two.headers["webhook-signature"].to_str().expect("text").split(' ').count(), 2);
    webhook.secrets.clear();
    assert!(!made(&webhook, NOW).headers.contains_key("webhook-signature"));
}

#[test]
fn a_template_makes_the_body_that_is_signed() {
    let webhook = Webhook { body: Body::Template("{\"name\": {{ lead.subject.name }}}".into()), ..webhook() };
    let request = made(&webhook, NOW);
    assert_eq!(request.body, br#"{"name": "Acme"}"#);
    let key = SigningKey::parse(&webhook.secrets[0]).expect("a good secret");
    let signature = request.headers["webhook-signature"].to_str().expect("text");
    assert!(key.verify(signature, "evt_3b0c7d52e94f4a1d8c6e05b7a92f41d8", 1_795_262_400, &request.body));
}

#[test]
fn what_can_not_be_sent_says_why() {
    let payload = serde_json::to_string(&sample::full()).expect("plain data");
    let wrong = |webhook: Webhook| {
        request(&webhook, "evt_3b0c7d52e94f4a1d8c6e05b7a92f41d8", &payload, NOW).expect_err("wrong").to_string()
    };
    let header = Webhook { headers: vec![("X-Bad".to_owned(), Secret::new("a\nb"))], ..webhook() };
    assert_eq!(wrong(header), "the header `X-Bad` can't be sent");
    let template = Webhook { body: Body::Template("{{ lead.nothing }}".into()), ..webhook() };
    assert!(wrong(template).starts_with("the template failed at line 1, column 4"));
    let templated = Webhook { body: Body::Template("{}".into()), ..webhook() };
    let unread = request(&templated, "evt_3b0c7d52e94f4a1d8c6e05b7a92f41d8", "{}", NOW).expect_err("no lead event");
    assert!(unread.is_of_the_message() && unread.to_string().starts_with("the payload is no lead event"), "{unread}");
    let secret = Webhook { secrets: vec![Secret::new("hunter2!")], ..webhook() };
    let said = wrong(secret);
    assert!(said.contains("base64") && !said.contains("hunter2"), "{said}");
}

#[test]
fn answers_are_described_for_an_operator() {
    let answer = |status, location: Option<&str>, body: &str| {
        let location = location.map(|to| (LOCATION, HeaderValue::from_str(to).expect("a header")));
        let answer = Response { status, headers: location.into_iter().collect(), body: body.into() };
        judge(&answer, NOW).expect_err("a failure").error
    };
    let table = [
        answer(500, None, ""),
        answer(599, None, "odd"),
        answer(503, None, "<html>\n  <b>down\u{7}</b>\r\n</html>"),
        answer(302, Some("https://crm.example.com/new?token=secret#x"), ""),
        answer(400, None, &"é".repeat(5_000)).chars().count().to_string(),
    ];
    insta::assert_debug_snapshot!(table, @r#"
    [
        "500 Internal Server Error",
        "599: odd",
        "503 Service Unavailable: <html> <b>down </b> </html>",
        "302 Found; it redirects to https://crm.example.com/new, and redirects are not followed: configure that address",
        "318",
    ]
    "#);
}

#[test]
fn retry_after_is_taken_from_the_answer() {
    let headers = [(RETRY_AFTER, HeaderValue::from_static("7"))].into_iter().collect();
    let failure = judge(&Response { status: 429, headers, body: Vec::new() }, NOW).expect_err("a failure");
    assert_eq!((failure.verdict, failure.retry_after), (Verdict::Busy, Some(Duration::from_secs(7))));
}
