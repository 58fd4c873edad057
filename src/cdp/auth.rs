//! Which source a request comes from, and whether it is to be believed.

use std::borrow::Cow;

use super::body::{Body, Calls, unwrap_json, write_key_of};
use super::failure::{AuthFailure, RequestError};
use super::headers::{Headers, basic, bearer};
use super::request::{Endpoint, Request};
use super::signature::{Signed, Vouched, any_equal, is_offered, prove};
use super::source::{Proof, Source};
use crate::time::Millis;

/// A source, and what vouches for the request being from it.
pub(super) type Known<'c> = (&'c Source, Vouched);

/// Finds the source of a request and checks its proof. `body` is `None` when it can't be read; then only headers and the
/// raw bytes can vouch.
pub(super) fn authenticate<'c>(
    request: &Request<'_>,
    body: Option<&Body<'_>>,
    sources: &'c [Source],
) -> Result<Known<'c>, RequestError> {
    let claim = Claim { request, body, sources };
    match request.endpoint {
        Endpoint::Webhook(name) => claim.of_named(name),
        Endpoint::Call(_) | Endpoint::Batch | Endpoint::Unsupported(_) | Endpoint::Traits(..) => claim.of_unnamed(),
    }
}

/// A request that says to come from one of the sources.
struct Claim<'r, 'c> {
    request: &'r Request<'r>,
    body: Option<&'r Body<'r>>,
    sources: &'c [Source],
}

impl<'c> Claim<'_, 'c> {
    /// The address names the source.
    fn of_named(&self, name: &str) -> Result<Known<'c>, RequestError> {
        let source = self.sources.iter().find(|source| source.name.as_str() == name);
        let source = source.ok_or_else(|| RequestError::UnknownSource(shorten(name)))?;
        self.believe(source).map_err(|failure| refused(Some(source), failure))
    }

    /// Everything that the source wants: its proof, its write key, or both.
    fn believe(&self, source: &'c Source) -> Result<Known<'c>, AuthFailure> {
        let vouched = match &source.proof {
            None => self.own_write_key(source)?,
            Some(proof) => {
                let vouched = self.prove(proof)?;
                if !source.write_keys.is_empty() {
                    self.own_write_key(source)?;
                }
                vouched
            }
        };
        Ok((source, vouched))
    }

    fn own_write_key(&self, source: &Source) -> Result<Vouched, AuthFailure> {
        let keys = presented_keys(self.request, self.body);
        if keys.iter().any(|key| any_equal(&source.write_keys, key)) {
            return Ok(Vouched::WriteKey);
        }
        Err(match keys.first() {
            None => AuthFailure::MissingWriteKey,
            Some(_) if keys.iter().any(|key| by_key(self.sources, key).is_some()) => {
                AuthFailure::ForeignWriteKey(source.name.clone())
            }
            Some(_) => AuthFailure::UnknownWriteKey,
        })
    }

    /// The write key names the source, or else a proof that only one source can give.
    fn of_unnamed(&self) -> Result<Known<'c>, RequestError> {
        let keys = presented_keys(self.request, self.body);
        if let Some(source) = keys.iter().find_map(|key| by_key(self.sources, key)) {
            return self.believe(source).map_err(|failure| refused(Some(source), failure));
        }
        let no_key = if keys.is_empty() { AuthFailure::MissingWriteKey } else { AuthFailure::UnknownWriteKey };
        self.by_proof().unwrap_or_else(|| Err(refused(None, no_key)))
    }

    /// The source whose proof the request gives; `None` when it offers none at all.
    fn by_proof(&self) -> Option<Result<Known<'c>, RequestError>> {
        let mut failures = Vec::new();
        for source in self.sources {
            let offered = source.proof.as_ref().filter(|proof| is_offered(proof, self.request.headers));
            match offered.map(|_| self.believe(source)) {
                None => {}
                Some(Ok(known)) => return Some(Ok(known)),
                Some(Err(failure)) => failures.push((source, failure)),
            }
        }
        // `Authorization` alone is no attempt at a proof: every SDK sends its write key there.
        failures.retain(|(_, failure)| *failure != AuthFailure::WrongCredentials("authorization".to_owned()));
        let only = failures.len() == 1;
        failures.into_iter().next().map(|(source, failure)| Err(refused(only.then_some(source), failure)))
    }

    fn prove(&self, proof: &Proof) -> Result<Vouched, AuthFailure> {
        let first = self.body.and_then(Body::first_of_batch);
        let inner = first.map(unwrap_json).filter(|inner| Some(*inner) != first);
        let events = match self.body.map(|body| &body.calls) {
            Some(Calls::Batch { total, .. }) => *total,
            Some(Calls::Single(_)) | None => 1,
        };
        let first = [first.map(str::as_bytes), inner.map(str::as_bytes)];
        let signed = Signed { body: self.request.body, first, events };
        prove(proof, self.request.headers, signed, self.request.received_at)
    }
}

fn refused(source: Option<&Source>, failure: AuthFailure) -> RequestError {
    RequestError::Unauthorised { source_name: source.map(|source| source.name.clone()), failure }
}

fn by_key<'c>(sources: &'c [Source], key: &[u8]) -> Option<&'c Source> {
    // Every source is looked at, so that the time says nothing about the key.
    let mut found = None;
    for source in sources {
        if any_equal(&source.write_keys, key) && found.is_none() {
            found = Some(source);
        }
    }
    found
}

/// The write keys that a request presents, in the order in which they are believed.
fn presented_keys<'a>(request: &Request<'a>, body: Option<&'a Body<'_>>) -> Vec<Cow<'a, [u8]>> {
    let mut keys: Vec<Cow<'a, [u8]>> = Vec::new();
    keys.extend(basic(request.headers).map(|basic| Cow::Owned(basic.user)));
    keys.extend(body.and_then(|body| body.write_key.as_deref()).map(|key| Cow::Borrowed(key.as_bytes())));
    keys.extend(bearer(request.headers).map(Cow::Borrowed));
    if let Some(key) = request.headers.get("x-write-key") {
        // Jitsu's SDK sends `key` or `key:secret`.
        keys.push(Cow::Borrowed(key));
        keys.extend(key.iter().position(|byte| *byte == b':').and_then(|at| key.get(..at)).map(Cow::Borrowed));
    }
    keys.extend(query_write_key(request.query).map(|key| Cow::Owned(key.into_bytes())));
    if keys.is_empty() {
        let first = body.and_then(Body::first_of_batch).and_then(write_key_of);
        keys.extend(first.map(|key| Cow::Owned(key.into_string().into_bytes())));
    }
    keys.retain(|key| !key.is_empty());
    keys
}

/// `writeKey` of a query string.
fn query_write_key(query: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "writeKey" || name == "write_key")
        .map(|(_, value)| value.into_owned())
}

/// The source whose write key a request presents in its headers or query, believed or not: for saying whose request it was.
pub(super) fn named_source<'c>(headers: &dyn Headers, query: &str, sources: &'c [Source]) -> Option<&'c Source> {
    let request = Request { endpoint: Endpoint::Batch, headers, query, body: b"", received_at: Millis::default() };
    presented_keys(&request, None).iter().find_map(|key| by_key(sources, key))
}

/// Whether the source of a write key that stands in an address believes the rest of the request: a source that has a proof wants
/// that, too.
///
/// # Errors
/// When it is no key of a source, or the proof is not there.
pub fn source_of_write_key<'c>(
    key: &str,
    headers: &dyn Headers,
    sources: &'c [Source],
    now: Millis,
) -> Result<&'c Source, RequestError> {
    let source = by_key(sources, key.as_bytes()).ok_or(refused(None, AuthFailure::UnknownWriteKey))?;
    let signed = Signed { body: b"", first: [None; 2], events: 0 };
    let proven = source.proof.as_ref().map_or(Ok(Vouched::WriteKey), |proof| prove(proof, headers, signed, now));
    proven.map(|_| source).map_err(|failure| refused(Some(source), failure))
}

fn shorten(name: &str) -> String {
    name.chars().take(64).collect()
}
