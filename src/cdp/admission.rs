//! What the headers of a request already say about its sender, before a byte of its body is read.

use super::auth::{authenticate, named_source};
use super::failure::{AuthFailure, RequestError};
use super::headers::Headers;
use super::request::{Endpoint, Request};
use super::signature::{Vouched, is_offered};
use super::source::Source;
use crate::time::Millis;

/// How far a sender is known before the body is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Admission<'c> {
    /// A write key or a secret in the headers says who it is.
    Known(&'c Source),
    /// A signature for this source is there; only the body can bear it out.
    Signed(&'c Source),
    /// The headers prove nothing; a write key may still stand in the body.
    Open,
}

impl<'c> Admission<'c> {
    /// The source that the request is from, or says to be from.
    pub const fn source(&self) -> Option<&'c Source> {
        match self {
            Self::Known(source) | Self::Signed(source) => Some(source),
            Self::Open => None,
        }
    }
}

/// Judges a request by its head.
///
/// # Errors
/// When nothing in the body could make it acceptable. What the body could still prove is [`receive()`](super::receive())'s to check.
pub fn admit<'c>(
    endpoint: Endpoint<'_>,
    headers: &dyn Headers,
    query: &str,
    received_at: Millis,
    sources: &'c [Source],
) -> Result<Admission<'c>, RequestError> {
    let head = Request { endpoint, headers, query, body: b"", received_at };
    match authenticate(&head, None, sources) {
        Ok((source, Vouched::WriteKey | Vouched::Secret)) => Ok(Admission::Known(source)),
        // Signed over nothing at all: what the body is, it has yet to show.
        Ok((source, _)) => Ok(Admission::Signed(source)),
        Err(RequestError::Unauthorised { source_name, failure }) => {
            let meant = source_name.as_ref().and_then(|name| sources.iter().find(|source| source.name == *name));
            weigh(&head, meant, sources, &failure).ok_or(RequestError::Unauthorised { source_name, failure })
        }
        Err(error) => Err(error),
    }
}

/// Whether the body could still make up for a `failure` of the head; `None` when it can't.
fn weigh<'c>(
    head: &Request<'_>,
    meant: Option<&'c Source>,
    sources: &'c [Source],
    failure: &AuthFailure,
) -> Option<Admission<'c>> {
    let signed = meant.filter(|source| source.proof.as_ref().is_some_and(|proof| is_offered(proof, head.headers)));
    let is_named =
        matches!(head.endpoint, Endpoint::Webhook(_)) || named_source(head.headers, head.query, sources).is_some();
    match failure {
        AuthFailure::MissingWriteKey | AuthFailure::UnknownWriteKey | AuthFailure::ForeignWriteKey(_) => {
            Some(signed.map_or(Admission::Open, Admission::Signed))
        }
        AuthFailure::WrongSignature(_) => Some(signed.map_or(Admission::Open, Admission::Signed)),
        // The source is known, and so is that its proof is missing or wrong.
        _ if is_named => None,
        // It fails the proof of some source; a key in the body may name another one.
        _ => Some(Admission::Open),
    }
}
