//! Signatures over any body: the right one is believed, no other is; and of Segment's batches the signature over the raw
//! first element vouches for that element alone.
#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use handraiser::cdp::source::Proof;
use handraiser::cdp::{Endpoint, Limits, Request, RequestError, Source, Vouched, WantedProperties, receive};
use handraiser::secret::Secret;
use handraiser::time::Millis;
use hmac::{Hmac, KeyInit, Mac};
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use sha1::Sha1;
use sha2::Sha256;

const NOW: Millis = Millis(1_795_293_412_000);
const LIMITS: Limits = Limits {
    event_bytes: 2_048,
    request_bytes: 1 << 20,
    batch_events: 50,
    signed_batch_events: 4_000,
    ..Limits::DEFAULT
};

/// What became of a request: refused for its sender, or not; and what vouched for it where its body could be read.
#[derive(Debug, PartialEq)]
enum Outcome {
    Refused,
    Believed(Option<Vouched>),
}

fn outcome<const N: usize>(proof: Proof, headers: [(&str, &str); N], body: &[u8]) -> Outcome {
    let sources = [Source::new("hook", Vec::new(), Some(proof))];
    let request = Request { endpoint: Endpoint::Webhook("hook"), headers: &headers, query: "", body, received_at: NOW };
    match receive(&request, &sources, &LIMITS, &WantedProperties::All) {
        Ok(parsed) => Outcome::Believed(Some(parsed.vouched)),
        Err(RequestError::Unauthorised { .. }) => Outcome::Refused,
        Err(_) => Outcome::Believed(None),
    }
}

fn mac<M: Mac + KeyInit>(secret: &str, message: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(secret.as_bytes()).expect("any key will do");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn sha1(secret: &str, message: &[u8]) -> String {
    hex::encode(mac::<Hmac<Sha1>>(secret, message))
}

fn segment(secret: &str, strict: bool, signature: &str, body: &[u8]) -> Outcome {
    let proof = Proof::Segment { secrets: vec![Secret::new("other"), Secret::new(secret)], strict };
    outcome(proof, [("x-signature", signature)], body)
}

// The first byte says where a body is broken, the second how much of the rest is an attacker's signature.
fuzz_target!(|data: &[u8]| {
    let [at, cut, rest @ ..] = data else { return };
    let (forged, body) = rest.split_at(usize::from(*cut).min(rest.len()));
    over_the_whole_body(body, &broken(body, *at));
    over_the_first_element(body);
    nothing_else(forged, body);
});

/// Another body: one bit turned, or one byte more.
fn broken(body: &[u8], at: u8) -> Vec<u8> {
    let mut broken = body.to_vec();
    let at = usize::from(at >> 3) * body.len() / 32;
    match broken.get_mut(at) {
        Some(byte) => *byte ^= 1 << (at % 8),
        None => broken.push(b' '),
    }
    broken
}

fn over_the_whole_body(body: &[u8], broken: &[u8]) {
    let right = sha1("s3cret", body);
    for strict in [false, true] {
        assert_ne!(segment("s3cret", strict, &right, body), Outcome::Refused);
        assert_ne!(segment("s3cret", strict, &right.to_uppercase(), body), Outcome::Refused);
        assert_eq!(segment("s3cret", strict, &right, broken), Outcome::Refused, "another body");
        assert_eq!(segment("s3cret", strict, &sha1("s3cre", body), body), Outcome::Refused, "another secret");
        assert_eq!(segment("", strict, &sha1("", body), body), Outcome::Refused, "no secret");
    }
    let digest = mac::<Hmac<Sha256>>("s3cret", body);
    let hub = |value: &str, body: &[u8]| {
        let proof = Proof::HmacSha256 { header: "X-Hub".to_owned(), secrets: vec![Secret::new("s3cret")] };
        outcome(proof, [("x-hub", value)], body)
    };
    assert_ne!(hub(&format!("sha256={}", hex::encode(&digest)), body), Outcome::Refused);
    assert_eq!(hub(&hex::encode(&digest), broken), Outcome::Refused);
    let signed = [b"id.1795293412.", body].concat();
    let standard = |body: &[u8]| {
        let signature = format!("v1,{}", STANDARD.encode(mac::<Hmac<Sha256>>("s3cret-of-this-source", &signed)));
        let proof = Proof::StandardWebhooks { secrets: vec![Secret::new("whsec_czNjcmV0LW9mLXRoaXMtc291cmNl")] };
        let headers = [("webhook-id", "id"), ("webhook-timestamp", "1795293412"), ("webhook-signature", &*signature)];
        outcome(proof, headers, body)
    };
    assert_ne!(standard(body), Outcome::Refused);
    assert_eq!(standard(broken), Outcome::Refused);
}

/// The elements of a body that is a list, as they were written.
fn elements(body: &[u8]) -> Vec<&[u8]> {
    let raw = serde_json::from_slice::<Vec<&RawValue>>(body).unwrap_or_default();
    raw.into_iter().map(|element| element.get().as_bytes()).collect()
}

fn over_the_first_element(body: &[u8]) {
    let elements = elements(body);
    let Some(first) = elements.first() else { return };
    let signature = sha1("s3cret", first);
    let alone = elements.len() == 1;
    let vouched = if alone { Vouched::OnlyElement } else { Vouched::FirstElement };
    assert_eq!(segment("s3cret", false, &signature, body), Outcome::Believed(Some(vouched)));
    assert_eq!(segment("s3cret", true, &signature, body) == Outcome::Refused, !alone, "strict");
    // Any other element, unless it is written like the first one or like what that one holds.
    for other in elements.iter().filter(|other| !contains(first, other)) {
        assert_eq!(segment("s3cret", false, &sha1("s3cret", other), body), Outcome::Refused, "not the first");
    }
}

fn contains(whole: &[u8], part: &[u8]) -> bool {
    whole.windows(part.len().max(1)).any(|window| window == part)
}

/// A signature that was not made with the secret is worth nothing, whatever it looks like.
fn nothing_else(forged: &[u8], body: &[u8]) {
    let Ok(forged) = std::str::from_utf8(forged) else { return };
    for strict in [false, true] {
        assert_eq!(segment("s3cret", strict, forged, body), Outcome::Refused, "{forged:?}");
    }
}
