//! The rules of what arrives, one table per rule.

mod calls;
mod proofs;
mod properties;
mod shapes;
mod write_keys;

use std::sync::Arc;

use super::source::{Proof, Source};
use super::{Endpoint, Limits, Parsed, Request, RequestError, WantedProperties, receive};
use crate::event::{Event, SourceName, Trust};
use crate::secret::Secret;
use crate::time::Millis;

/// 2026-11-21T20:36:52Z.
const NOW: Millis = Millis(1_795_293_412_000);

const LIMITS: Limits = Limits { signed_batch_events: 4_000, ..Limits::DEFAULT };

fn secrets(values: &[&str]) -> Vec<Secret> {
    values.iter().map(|value| Secret::new(value)).collect()
}

/// A source of SDKs.
fn sdk(name: &str, keys: &[&str]) -> Source {
    Source::new(name, secrets(keys), None)
}

/// A source of a webhook sender.
fn webhook(name: &str, proof: Proof) -> Source {
    Source::new(name, Vec::new(), Some(proof))
}

fn segment(secret: &str, strict: bool) -> Source {
    webhook("segment", Proof::Segment { secrets: secrets(&[secret]), strict })
}

/// `body` to `endpoint` with `headers`.
fn send<const N: usize>(
    sources: &[Source],
    endpoint: Endpoint<'_>,
    headers: [(&str, &str); N],
    body: &str,
) -> Result<Parsed, RequestError> {
    let request = Request { endpoint, headers: &headers, query: "", body: body.as_bytes(), received_at: NOW };
    receive(&request, sources, &LIMITS, &WantedProperties::All)
}

/// `body` to `endpoint` from the SDK source `app`.
fn from_sdk(endpoint: Endpoint<'_>, body: &str) -> Parsed {
    send(&[sdk("app", &["key"])], endpoint, [("authorization", "Basic a2V5Og==")], body)
        .expect("a request that is taken")
}

/// `body` from a webhook sender that vouches by a secret header.
fn from_webhook(body: &str) -> Parsed {
    let source = webhook("rudder", Proof::Header { name: "X-Key".to_owned(), values: secrets(&["s3cret"]) });
    send(&[source], Endpoint::Webhook("rudder"), [("x-key", "s3cret")], body).expect("a request that is taken")
}

/// The only event of a request.
fn only(parsed: Parsed) -> Arc<Event> {
    assert_eq!(parsed.rejections, []);
    assert_eq!(parsed.events.len(), 1, "{parsed:?}");
    parsed.events.into_iter().next().expect("one event")
}

/// Index and code of every rejection.
fn rejected(parsed: &Parsed) -> Vec<(usize, &str)> {
    parsed.rejections.iter().map(|rejection| (rejection.index, rejection.code.as_str())).collect()
}
