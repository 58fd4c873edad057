//! How a webhook sender proves itself: every scheme of [`Proof`], over the raw bytes, in constant time.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::failure::AuthFailure;
use super::headers::{Headers, basic, bearer};
use super::source::Proof;
use crate::secret::Secret;
use crate::time::Millis;

/// How far apart the clocks of a Standard Webhooks sender and this server may be.
const TOLERANCE_S: i64 = 300;
const SEGMENT_HEADER: &str = "x-signature";

/// The bytes that a signature may cover.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// The whole body, as received.
    pub body: &'a [u8],
    /// The raw first element of a batch, and the raw event inside it where the element is `{"json":{…}}`.
    pub first: [Option<&'a [u8]>; 2],
    /// How many events the body holds.
    pub events: usize,
}

/// What was found to vouch for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vouched {
    /// A write key: it names the source, but is no secret where browsers use it.
    WriteKey,
    /// A secret that only the sender knows, in a header.
    Secret,
    /// A signature over the whole body.
    Body,
    /// A signature over the only event. What stands around it in the body is not signed.
    OnlyElement,
    /// A signature over the first event of several; the others are taken on trust.
    FirstElement,
}

impl Vouched {
    /// Whether what stands beside the events (`context`, `integrations`, `sentAt`) comes from the sender, too.
    pub(super) const fn covers_envelope(self) -> bool {
        matches!(self, Self::WriteKey | Self::Secret | Self::Body)
    }

    /// Whether the sender answers for the event at `index`.
    pub(super) const fn covers(self, index: usize) -> bool {
        !matches!(self, Self::FirstElement) || index == 0
    }
}

/// Checks a request against a source's proof.
///
/// # Errors
/// Says why the sender is not believed.
pub fn prove(proof: &Proof, headers: &dyn Headers, signed: Signed<'_>, now: Millis) -> Result<Vouched, AuthFailure> {
    match proof {
        Proof::Segment { secrets, strict } => segment(secrets, *strict, headers, signed),
        Proof::HmacSha256 { header, secrets } => hmac_sha256(header, secrets, headers, signed.body),
        Proof::StandardWebhooks { secrets } => standard_webhooks(secrets, headers, signed.body, now),
        Proof::Header { name, values } => {
            let value = lookup(headers, name).ok_or_else(|| AuthFailure::MissingCredentials(name.clone()))?;
            credentials(name, any_equal(values, value))
        }
        Proof::Basic { user, passwords } => {
            let found = basic(headers).ok_or_else(|| AuthFailure::MissingCredentials("authorization".to_owned()))?;
            let right_password = any_equal(passwords, &found.password.unwrap_or_default());
            credentials("authorization", equal(user.as_bytes(), &found.user) & right_password)
        }
        Proof::Bearer { tokens } => {
            let token = bearer(headers).ok_or_else(|| AuthFailure::MissingCredentials("authorization".to_owned()))?;
            credentials("authorization", any_equal(tokens, token))
        }
    }
}

/// Whether a request carries what `proof` looks at, right or wrong.
pub fn is_offered(proof: &Proof, headers: &dyn Headers) -> bool {
    match proof {
        Proof::Segment { .. } => headers.get(SEGMENT_HEADER).is_some(),
        Proof::HmacSha256 { header, .. } => lookup(headers, header).is_some(),
        Proof::StandardWebhooks { .. } => headers.get("webhook-signature").is_some(),
        Proof::Header { name, .. } => lookup(headers, name).is_some(),
        Proof::Basic { .. } => basic(headers).is_some(),
        Proof::Bearer { .. } => bearer(headers).is_some(),
    }
}

fn lookup<'h>(headers: &'h dyn Headers, name: &str) -> Option<&'h [u8]> {
    headers.get(&name.to_ascii_lowercase())
}

fn credentials(header: &str, right: bool) -> Result<Vouched, AuthFailure> {
    if right { Ok(Vouched::Secret) } else { Err(AuthFailure::WrongCredentials(header.to_owned())) }
}

/// Compares in a time that depends on the lengths only.
fn equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// Whether `presented` is one of the secrets, looking at all of them. Fails closed: an empty secret equals nothing.
pub(super) fn any_equal(secrets: &[Secret], presented: &[u8]) -> bool {
    secrets.iter().fold(false, |found, secret| {
        found | (!secret.expose().is_empty() & equal(secret.expose().as_bytes(), presented))
    })
}

/// Whether one of the secrets signs `message` as `signature`. Fails closed: an empty secret signs nothing.
fn signs<M: Mac + KeyInit>(keys: &[Vec<u8>], message: &[&[u8]], signature: &[u8]) -> bool {
    keys.iter().filter(|key| !key.is_empty()).fold(false, |found, key| {
        let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return found };
        for part in message {
            mac.update(part);
        }
        found | mac.verify_slice(signature).is_ok()
    })
}

fn plain_keys(secrets: &[Secret]) -> Vec<Vec<u8>> {
    secrets.iter().map(|secret| secret.expose().as_bytes().to_vec()).collect()
}

fn segment(
    secrets: &[Secret],
    strict: bool,
    headers: &dyn Headers,
    signed: Signed<'_>,
) -> Result<Vouched, AuthFailure> {
    let value = headers.get(SEGMENT_HEADER).ok_or_else(|| AuthFailure::MissingSignature(SEGMENT_HEADER.to_owned()))?;
    let signature = hex::decode(value.trim_ascii()).ok().filter(|bytes| bytes.len() == 20).ok_or_else(|| {
        AuthFailure::MalformedSignature { header: SEGMENT_HEADER.to_owned(), expected: "40 hexadecimal digits (SHA-1)" }
    })?;
    let keys = plain_keys(secrets);
    let fits = |message: &[u8]| signs::<Hmac<Sha1>>(&keys, &[message], &signature);
    // The first event is short; the whole body is read only where that is not what was signed.
    if !signed.first.into_iter().flatten().any(fits) {
        return if fits(signed.body) {
            Ok(Vouched::Body)
        } else {
            Err(AuthFailure::WrongSignature(SEGMENT_HEADER.to_owned()))
        };
    }
    match signed.events {
        0 | 1 => Ok(Vouched::OnlyElement),
        events if strict => Err(AuthFailure::PartialSignature { events }),
        _ => Ok(Vouched::FirstElement),
    }
}

fn hmac_sha256(header: &str, secrets: &[Secret], headers: &dyn Headers, body: &[u8]) -> Result<Vouched, AuthFailure> {
    let value = lookup(headers, header).ok_or_else(|| AuthFailure::MissingSignature(header.to_owned()))?.trim_ascii();
    let digits = value.strip_prefix(b"sha256=").unwrap_or(value);
    let signature = hex::decode(digits).ok().filter(|bytes| bytes.len() == 32).ok_or_else(|| {
        AuthFailure::MalformedSignature { header: header.to_owned(), expected: "64 hexadecimal digits (SHA-256)" }
    })?;
    if signs::<Hmac<Sha256>>(&plain_keys(secrets), &[body], &signature) {
        Ok(Vouched::Body)
    } else {
        Err(AuthFailure::WrongSignature(header.to_owned()))
    }
}

fn standard_webhooks(
    secrets: &[Secret],
    headers: &dyn Headers,
    body: &[u8],
    now: Millis,
) -> Result<Vouched, AuthFailure> {
    let get = |name: &str| headers.get(name).ok_or_else(|| AuthFailure::MissingSignature(name.to_owned()));
    let (id, timestamp, signatures) = (get("webhook-id")?, get("webhook-timestamp")?, get("webhook-signature")?);
    let sent_s =
        std::str::from_utf8(timestamp).ok().and_then(|text| text.trim().parse::<i64>().ok()).ok_or_else(|| {
            AuthFailure::MalformedSignature { header: "webhook-timestamp".to_owned(), expected: "seconds since 1970" }
        })?;
    let off_by_s = now.0.div_euclid(1_000).saturating_sub(sent_s);
    if off_by_s.saturating_abs() > TOLERANCE_S {
        return Err(AuthFailure::StaleSignature { off_by_s });
    }
    let keys: Vec<_> = secrets.iter().map(standard_key).collect();
    let message = [id, b".".as_slice(), timestamp, b".", body];
    let fits = signatures
        .split(|byte| *byte == b' ')
        .filter_map(|one| one.strip_prefix(b"v1,"))
        .filter_map(|encoded| STANDARD.decode(encoded).ok())
        .fold(false, |found, signature| found | signs::<Hmac<Sha256>>(&keys, &message, &signature));
    if fits { Ok(Vouched::Body) } else { Err(AuthFailure::WrongSignature("webhook-signature".to_owned())) }
}

/// The key of a Standard Webhooks secret: the base64 after `whsec_`. Some vendors show the secret as `v1,whsec_…`; that
/// prefix is no part of it. A secret that is no base64 is taken as it is.
fn standard_key(secret: &Secret) -> Vec<u8> {
    let text = secret.expose().trim();
    let text = text.strip_prefix("v1,").unwrap_or(text);
    let encoded = text.strip_prefix("whsec_").unwrap_or(text);
    STANDARD
        .decode(encoded)
        .or_else(|_| STANDARD_NO_PAD.decode(encoded))
        .unwrap_or_else(|_| encoded.as_bytes().to_vec())
}
