//! Segment's signature over any body: the right one is believed, any other only where it equals one that is right.
#![no_main]

use handraiser::cdp::source::{Proof, Secret};
use handraiser::cdp::{Endpoint, Request, RequestError, Source, SourceName, receive};
use handraiser::config::Limits;
use handraiser::time::Millis;
use hmac::{Hmac, KeyInit, Mac};
use libfuzzer_sys::fuzz_target;
use sha1::Sha1;

const LIMITS: Limits = Limits { event_bytes: 2_048, request_bytes: 1 << 20, batch_events: 50, in_flight: 1 };

fn sign(secret: &str, message: &[u8]) -> String {
    let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(secret.as_bytes()).expect("any key will do");
    mac.update(message);
    hex::encode(mac.finalize().into_bytes())
}

fn believed(secret: &str, strict: bool, signature: &str, body: &[u8]) -> bool {
    let proof = Proof::Segment { secrets: vec![Secret::new("other"), Secret::new(secret)], strict };
    let name = SourceName::new("hook");
    let sources = [Source { name, write_keys: Vec::new(), proof: Some(proof), correct_time: false }];
    let headers = [("x-signature", signature)];
    let request =
        Request { endpoint: Endpoint::Webhook("hook"), headers: &headers, query: "", body, received_at: Millis(1) };
    !matches!(receive(&request, &sources, &LIMITS), Err(RequestError::Unauthorised { .. }))
}

fuzz_target!(|data: &[u8]| {
    let Some((cut, rest)) = data.split_first() else { return };
    let (head, body) = rest.split_at(usize::from(*cut).min(rest.len()));
    let right = sign("s3cret", body);
    assert!(believed("s3cret", true, &right, body), "the right signature");
    assert!(!believed("s3cret", false, &sign("s3cre", body), body), "another secret's signature");
    assert!(!believed("", false, &sign("", body), body), "an empty secret's signature");
    let mut longer = body.to_vec();
    longer.push(b' ');
    assert!(!believed("s3cret", true, &right, &longer) || body.starts_with(b"["), "another body's signature");
    if let Ok(any) = std::str::from_utf8(head) {
        assert!(!believed("s3cret", true, any, body) || any.trim().eq_ignore_ascii_case(&right) || body.starts_with(b"["));
    }
});
