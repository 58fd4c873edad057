//! How webhook senders prove themselves. The vectors are those that Segment's and Standard Webhooks' own tests use.

use super::*;
use crate::cdp::{AuthFailure, Vouched};

/// The `code` of a failure, or what vouched.
fn check<const N: usize>(
    source: Source,
    headers: [(&str, &str); N],
    body: &str,
) -> Result<(Vouched, usize), &'static str> {
    let name = source.name.clone();
    match send(&[source], Endpoint::Webhook(name.as_str()), headers, body) {
        Ok(parsed) => Ok((parsed.vouched, parsed.events.len() + parsed.rejections.len())),
        Err(RequestError::Unauthorised { failure, source_name }) => {
            assert_eq!(source_name, Some(name), "the failure is the source's own");
            Err(failure.code())
        }
        Err(other) => panic!("{other:?}"),
    }
}

/// HMAC-SHA1 under `abc123` of `{"cool":true}` and of `{"cool":false}`, by OpenSSL.
const COOL: &str = "5099cab379b3be52908387457007040cc934ef86";
const NOT_COOL: &str = "c702b94a2569dd8d2f7185ce0ae951021bef4706";
/// HMAC-SHA256 under `abc123` of `{"cool":true}`, by OpenSSL.
const COOL_SHA256: &str = "d911c25da299eb2a6024984cedaed9f389f1fbccbf4fefd605f1af67f3e61f8b";

#[test]
fn segments_own_cases() {
    let batch = r#"[{"cool":false},{"cool":true}]"#;
    for (name, strict, signature, body, expected) in [
        ("single", false, COOL, r#"{"cool":true}"#, Ok((Vouched::Body, 1))),
        ("batch, signed over its first event", false, NOT_COOL, batch, Ok((Vouched::FirstElement, 2))),
        ("the same, strict", true, NOT_COOL, batch, Err("partial_signature")),
        ("batch, signed over the second event", false, COOL, batch, Err("wrong_signature")),
        ("batch, signed in whole", true, &sha1("abc123", batch), batch, Ok((Vouched::Body, 2))),
        ("batch of one", true, NOT_COOL, r#"[{"cool":false}]"#, Ok((Vouched::OnlyElement, 1))),
        ("wrapped", false, NOT_COOL, r#"[{"json":{"cool":false}},{"json":{}}]"#, Ok((Vouched::FirstElement, 2))),
        ("upper case", false, &COOL.to_uppercase(), r#"{"cool":true}"#, Ok((Vouched::Body, 1))),
        ("one byte changed", false, COOL, r#"{"cool":tru }"#, Err("wrong_signature")),
        ("spaces added", false, COOL, r#"{"cool": true}"#, Err("wrong_signature")),
        ("another secret", false, &sha1("abc124", r#"{"cool":true}"#), r#"{"cool":true}"#, Err("wrong_signature")),
        ("too short", false, "ab", r#"{"cool":true}"#, Err("malformed_signature")),
        ("not hexadecimal", false, &"z".repeat(40), r#"{"cool":true}"#, Err("malformed_signature")),
    ] {
        assert_eq!(check(segment("abc123", strict), [("x-signature", signature)], body), expected, "{name}");
    }
    assert_eq!(check(segment("abc123", false), [], "{}"), Err("missing_signature"));
}

fn sha1(secret: &str, message: &str) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = <Hmac<sha1::Sha1> as KeyInit>::new_from_slice(secret.as_bytes()).expect("any key will do");
    mac.update(message.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

#[test]
fn behind_a_signature_over_the_first_event_only_that_one_may_delete() {
    let delete = r#"{"type":"delete","userId":"u","timestamp":"2026-11-21T20:00:00Z"}"#;
    let body = format!("[{delete},{delete}]");
    let signature = sha1("abc123", delete);
    let parsed = send(&[segment("abc123", false)], Endpoint::Webhook("segment"), [("x-signature", &signature)], &body);
    let parsed = parsed.expect("the first event's signature");
    assert_eq!((parsed.events.len(), rejected(&parsed)), (1, vec![(1, "delete_not_proven")]));
}

#[test]
fn segment_signs_raw_bytes() {
    let first = r#"{"price":1.50,"name":"\u00d8 \u2028","a":1,"a":2}"#;
    let body = format!("[\n {first} , {{\"z\":1}}]");
    let signature = sha1("s", first);
    assert_eq!(check(segment("s", false), [("x-signature", &signature)], &body), Ok((Vouched::FirstElement, 2)));
}

#[test]
fn sha256_with_and_without_prefix() {
    let source = || {
        let secrets = secrets(&["old", "abc123"]);
        webhook("hub", Proof::HmacSha256 { header: "X-Hub-Signature-256".to_owned(), secrets })
    };
    let body = r#"{"cool":true}"#;
    let prefixed = format!("sha256={COOL_SHA256}");
    for (name, signature, expected) in [
        ("bare", COOL_SHA256, Ok((Vouched::Body, 1))),
        ("prefixed", &prefixed, Ok((Vouched::Body, 1))),
        ("SHA-1", COOL, Err("malformed_signature")),
        ("wrong", &"0".repeat(64), Err("wrong_signature")),
    ] {
        assert_eq!(check(source(), [("x-hub-signature-256", signature)], body), expected, "{name}");
    }
    assert_eq!(check(source(), [], body), Err("missing_signature"));
}

#[test]
fn standard_webhooks_own_vector() {
    const BODY: &str = r#"{"email":"test@example.com","username":"test_user"}"#;
    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const GOOD: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
    let check = |secret: &str, at_s: i64, signature: &str| {
        let source = webhook("std", Proof::StandardWebhooks { secrets: secrets(&["whsec_AAAA", secret]) });
        let headers = [
            ("webhook-id", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"),
            ("webhook-timestamp", "1649367553"),
            ("webhook-signature", signature),
        ];
        let received_at = Millis(at_s * 1_000);
        let request = Request {
            endpoint: Endpoint::Webhook("std"),
            headers: &headers,
            query: "",
            body: BODY.as_bytes(),
            received_at,
        };
        match receive(&request, &[source], &LIMITS, &WantedProperties::All) {
            Ok(parsed) => Ok(parsed.vouched),
            Err(RequestError::Unauthorised { failure, .. }) => Err(failure.code()),
            Err(other) => panic!("{other:?}"),
        }
    };
    let several = format!("v1a,xyz= v1,AAAA {GOOD} v9,{GOOD}");
    for (name, secret, at_s, signature, expected) in [
        ("as it stands", SECRET, 1_649_367_553, GOOD, Ok(Vouched::Body)),
        ("secret shown with a version", &format!("v1,{SECRET}"), 1_649_367_553, GOOD, Ok(Vouched::Body)),
        ("one of several signatures", SECRET, 1_649_367_553, &several, Ok(Vouched::Body)),
        ("300 s late", SECRET, 1_649_367_853, GOOD, Ok(Vouched::Body)),
        ("300 s early", SECRET, 1_649_367_253, GOOD, Ok(Vouched::Body)),
        ("301 s late", SECRET, 1_649_367_854, GOOD, Err("stale_signature")),
        ("301 s early", SECRET, 1_649_367_252, GOOD, Err("stale_signature")),
        ("another secret", "whsec_AAAABBBB", 1_649_367_553, GOOD, Err("wrong_signature")),
        ("unknown version only", SECRET, 1_649_367_553, &GOOD.replace("v1", "v2"), Err("wrong_signature")),
    ] {
        assert_eq!(check(secret, at_s, signature), expected, "{name}");
    }
}

#[test]
fn static_secrets() {
    let header = || webhook("h", Proof::Header { name: "X-Signing-Key".to_owned(), values: secrets(&["new", "old"]) });
    let basic = || webhook("b", Proof::Basic { user: "us".to_owned(), passwords: secrets(&["p:w", "q"]) });
    let bearer = || webhook("t", Proof::Bearer { tokens: secrets(&["tok", "tok2"]) });
    let (yes, missing, wrong) = (Ok((Vouched::Secret, 1)), Err("missing_credentials"), Err("wrong_credentials"));
    for (name, source, sent, expected) in [
        ("header", header(), ("x-signing-key", "new"), yes),
        ("header, being rotated out", header(), ("x-signing-key", "old"), yes),
        ("header, wrong", header(), ("x-signing-key", "nex"), wrong),
        ("header, a part", header(), ("x-signing-key", "ne"), wrong),
        ("header, missing", header(), ("x-other", "new"), missing),
        ("basic", basic(), ("authorization", "Basic dXM6cDp3"), yes),
        ("basic, rotated", basic(), ("authorization", "Basic dXM6cQ=="), yes),
        ("basic, wrong user", basic(), ("authorization", "Basic dXQ6cQ=="), wrong),
        ("basic, no password", basic(), ("authorization", "Basic dXM="), wrong),
        ("basic, missing", basic(), ("authorization", "Bearer tok"), missing),
        ("bearer", bearer(), ("authorization", "Bearer tok2"), yes),
        ("bearer, wrong", bearer(), ("authorization", "Bearer to"), wrong),
    ] {
        assert_eq!(check(source, [sent], "{}"), expected, "{name}");
    }
}

#[test]
fn an_empty_secret_proves_nothing() {
    let empty = || secrets(&[""]);
    let signature = sha1("", "{}");
    for (proof, header) in [
        (Proof::Segment { secrets: empty(), strict: false }, ("x-signature", signature.as_str())),
        (Proof::Header { name: "x-key".to_owned(), values: empty() }, ("x-key", "")),
        (Proof::Basic { user: String::new(), passwords: empty() }, ("authorization", "Basic Og==")),
    ] {
        assert!(check(webhook("w", proof.clone()), [header], "{}").is_err(), "{proof:?}");
    }
}

#[test]
fn a_proof_names_its_source_at_every_address() {
    let sources =
        [sdk("app", &["key"]), segment("abc123", false), webhook("tok", Proof::Bearer { tokens: secrets(&["t"]) })];
    let body = r#"{"cool":true}"#;
    let name = |headers: [(&str, &str); 1]| match send(&sources, Endpoint::Batch, headers, body) {
        Ok(parsed) => Ok(parsed.source.to_string()),
        Err(RequestError::Unauthorised { source_name, failure }) => Err((source_name.map(|n| n.to_string()), failure)),
        Err(other) => panic!("{other:?}"),
    };
    assert_eq!(name([("x-signature", COOL)]), Ok("segment".to_owned()));
    assert_eq!(name([("authorization", "Bearer t")]), Ok("tok".to_owned()));
    let wrong = AuthFailure::WrongSignature("x-signature".to_owned());
    assert_eq!(name([("x-signature", NOT_COOL)]), Err((Some("segment".to_owned()), wrong)));
    assert_eq!(name([("authorization", "Bearer u")]), Err((None, AuthFailure::UnknownWriteKey)));
    assert_eq!(name([("host", "h")]), Err((None, AuthFailure::MissingWriteKey)));
}

const SIGNED: &str = r#"{"type":"track","userId":"u","event":"e","messageId":"m","timestamp":"2026-11-21T20:00:00Z"}"#;

/// `body` under a signature over [`SIGNED`].
fn replayed(source: Source, body: &str) -> Parsed {
    let signature = sha1("abc123", SIGNED);
    send(&[source], Endpoint::Webhook("segment"), [("x-signature", &signature)], body).expect("a signature that fits")
}

#[test]
fn what_stands_around_a_signed_event_counts_only_if_it_is_signed() {
    let source = || Source { correct_time: true, ..segment("abc123", false) };
    let original = only(replayed(source(), SIGNED));
    assert_eq!(original.trust, Trust::Server);
    let envelope = r#""context":{"groupId":"mallory","traits":{"plan":"x"}},"integrations":{"All":false},"sentAt":"2026-11-21T00:00:00Z""#;
    for body in [
        format!("[{SIGNED}]"),
        format!(r#"[{{"json":{SIGNED}}}]"#),
        format!(r#"{{"batch":[{SIGNED}],{envelope}}}"#),
        format!(r#"{{{envelope},"batch":[{SIGNED}]}}"#),
    ] {
        let strict = Source { correct_time: true, ..segment("abc123", true) };
        for source in [source(), strict] {
            let parsed = replayed(source, &body);
            assert_eq!(parsed.vouched, Vouched::OnlyElement);
            // The very same event: its message id, its account and its time are those that were signed.
            assert_eq!(*only(parsed), *original, "{body}");
        }
    }
    let several = format!(r#"{{"batch":[{SIGNED},{{"type":"track","userId":"v","event":"e"}}],{envelope}}}"#);
    let parsed = replayed(source(), &several);
    assert_eq!(parsed.vouched, Vouched::FirstElement);
    assert_eq!(*parsed.events[0], *original);
    let believed: Vec<_> = parsed.events.iter().map(|event| (event.trust, event.covered)).collect();
    assert_eq!(believed, [(Trust::Server, true), (Trust::Server, false)]);
    assert!(parsed.events.iter().all(|event| event.context_group_id.is_none() && event.context_traits.is_empty()));
    let whole = sha1("abc123", &several);
    let parsed = send(&[source()], Endpoint::Webhook("segment"), [("x-signature", &whole)], &several);
    let parsed = parsed.expect("a signature over the whole body");
    assert_eq!(parsed.vouched, Vouched::Body);
    assert_eq!(parsed.events[0].context_group_id.as_deref(), Some("mallory"), "what is signed counts");
}

#[test]
fn a_signed_event_without_an_id_is_recognised_when_it_comes_again() {
    let bare = r#"{"type":"track","userId":"u","event":"e"}"#;
    let signature = sha1("abc123", bare);
    let message = |body: &str| {
        let parsed = send(&[segment("abc123", false)], Endpoint::Batch, [("x-signature", &signature)], body);
        only(parsed.expect("a signature that fits")).message
    };
    assert!(message(bare).is_some());
    assert_eq!(message(bare), message(&format!("[{bare}]")));
}

#[test]
fn a_recorded_deletion_is_too_old_after_two_days() {
    let hub = |max_age_ms| {
        let proof = Proof::HmacSha256 { header: "x-hub".to_owned(), secrets: secrets(&["abc123"]) };
        Source { max_age_ms, ..webhook("hub", proof) }
    };
    let (day, hour) = (24 * 3_600_000, 3_600_000);
    for (name, kind, own, age_ms, expected) in [
        ("a deletion of now", "delete", None, 0, None),
        ("delayed by a day", "delete", None, day, None),
        ("just in time", "delete", None, 2 * day, None),
        ("too late", "delete", None, 2 * day + 1, Some("stale_event")),
        ("ahead by a week", "delete", None, -7 * day, Some("stale_event")),
        ("within a bound of its own", "delete", Some(9 * day), 8 * day, None),
        ("an event of old", "page", None, 900 * day, None),
        ("an event beyond the bound", "page", Some(day), day + 1, Some("stale_event")),
        ("an event within the bound", "page", Some(day), day - hour, None),
    ] {
        let at = NOW.plus(-age_ms).rfc3339();
        for body in [
            format!(r#"{{"type":"{kind}","userId":"u","timestamp":"{at}"}}"#),
            // The CDP's own clock tells, not the device's.
            format!(r#"{{"type":"{kind}","userId":"u","receivedAt":"{at}","timestamp":"2026-11-21T20:00:00Z"}}"#),
        ] {
            use hmac::{Hmac, KeyInit, Mac};
            let mut mac = <Hmac<sha2::Sha256> as KeyInit>::new_from_slice(b"abc123").expect("any key will do");
            mac.update(body.as_bytes());
            let signature = hex::encode(mac.finalize().into_bytes());
            let parsed = send(&[hub(own)], Endpoint::Webhook("hub"), [("x-hub", &signature)], &body);
            let parsed = parsed.expect("a signature that fits");
            assert_eq!(rejected(&parsed).first().map(|(_, code)| *code), expected, "{name}: {body}");
        }
    }
    let undated = r#"{"type":"delete","userId":"u"}"#;
    let parsed =
        send(&[segment("abc123", false)], Endpoint::Batch, [("x-signature", &sha1("abc123", undated))], undated);
    assert_eq!(rejected(&parsed.expect("a signature that fits")), [(0, "stale_event")]);
}

#[test]
fn an_event_that_is_too_old_vouches_for_no_other() {
    let source = Source { max_age_ms: Some(60_000), ..segment("abc123", false) };
    let fresh = format!(r#"{{"type":"track","userId":"v","event":"e","timestamp":"{}"}}"#, NOW.rfc3339());
    let parsed = replayed(source, &format!("[{SIGNED},{fresh}]"));
    assert_eq!(rejected(&parsed), [(0, "stale_event"), (1, "stale_event")]);
}

/// Which of a source's two proofs a request gives, at every address: only both will do.
#[test]
fn a_source_with_a_write_key_and_a_signature_wants_both() {
    let both = || Source { write_keys: secrets(&["key"]), ..segment("abc123", false) };
    let signature = sha1("abc123", SIGNED);
    let (signed, keyed, other) =
        (("x-signature", signature.as_str()), ("authorization", "Basic a2V5Og=="), ("authorization", "Basic b3RoZXI6"));
    let none = ("host", "h");
    for endpoint in [Endpoint::Webhook("segment"), Endpoint::Batch, Endpoint::Call(crate::event::Call::Track)] {
        for (headers, expected) in [
            ([signed, keyed], Ok(Vouched::Body)),
            ([signed, none], Err("missing_write_key")),
            ([signed, other], Err("unknown_write_key")),
            ([none, keyed], Err("missing_signature")),
            (
                [none, none],
                Err(if endpoint == Endpoint::Webhook("segment") { "missing_signature" } else { "missing_write_key" }),
            ),
            ([("x-signature", COOL), keyed], Err("wrong_signature")),
        ] {
            let found = match send(&[both(), sdk("app", &["key2"])], endpoint, headers, SIGNED) {
                Ok(parsed) => Ok(parsed.vouched),
                Err(RequestError::Unauthorised { failure, .. }) => Err(failure.code()),
                Err(other) => panic!("{other:?}"),
            };
            assert_eq!(found, expected, "{endpoint:?} {headers:?}");
        }
        let parsed = send(&[both()], endpoint, [signed, ("x-write-key", "key")], SIGNED);
        assert!(parsed.is_ok(), "{endpoint:?}: the key may stand in a header of its own");
    }
}

#[test]
fn addresses_without_a_body_want_both_too() {
    use crate::cdp::{identify_source, source_of_write_key};
    let sources = [
        Source { write_keys: secrets(&["key"]), ..webhook("both", Proof::Bearer { tokens: secrets(&["t"]) }) },
        sdk("app", &["key2"]),
    ];
    let code = |found: Result<&Source, RequestError>| match found {
        Ok(source) => Ok(source.name.to_string()),
        Err(RequestError::Unauthorised { failure, .. }) => Err(failure.code()),
        Err(other) => panic!("{other:?}"),
    };
    for (key, headers, expected) in [
        ("key", [("authorization", "Bearer t")], Ok("both")),
        ("key", [("host", "h")], Err("missing_credentials")),
        ("key", [("authorization", "Bearer u")], Err("wrong_credentials")),
        ("key2", [("host", "h")], Ok("app")),
        ("key3", [("host", "h")], Err("unknown_write_key")),
    ] {
        let expected = expected.map(str::to_owned);
        let query = format!("writeKey={key}");
        assert_eq!(code(identify_source(&headers, &query, &sources, NOW)), expected, "{key} {headers:?}");
        assert_eq!(code(source_of_write_key(key, &headers, &sources, NOW)), expected, "{key} {headers:?}");
    }
}
