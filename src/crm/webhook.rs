//! The generic webhook: the request that a lead event becomes, and what its answer means.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::Webhook;
use super::client::{Response, SendError};
use super::retry::{Failure, Verdict, retry_after, verdict};
use super::sign::{SigningKey, signature_header};
use super::template;
use crate::lead::LeadEvent;
use crate::time::Millis;

/// How much of an answer an operator gets to see in a delivery's last error.
const EXCERPT: usize = 300;

/// Why no request could be made. It is the configuration's fault or the template's, never the receiver's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsendable {
    /// The news can't be read as a lead event, for this reason.
    #[error("the payload is no lead event: {0}")]
    Payload(String),
    /// The template fails on this lead, or what it makes is not JSON.
    #[error("the template failed at {0}")]
    Template(#[from] template::TemplateError),
    /// One of the signing secrets can't be used.
    #[error(transparent)]
    Secret(#[from] super::sign::BadSecret),
    /// The header of this name can't be sent: its name or its value is not allowed in HTTP.
    #[error("the header `{0}` can't be sent")]
    Header(String),
}

impl Unsendable {
    /// What kind of error it is, for the logs.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Payload(_) => "payload",
            Self::Template(_) => "template",
            Self::Secret(_) => "signing secret",
            Self::Header(_) => "header",
        }
    }

    /// Whether it will be the same however the destination's secrets and headers are fixed.
    pub const fn is_of_the_message(&self) -> bool {
        matches!(self, Self::Payload(_) | Self::Template(_))
    }
}

/// What goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The configured headers, and those that prove the sender, which no configured one replaces.
    pub headers: HeaderMap,
    /// JSON: the lead event as it is, or what the template makes of it.
    pub body: Vec<u8>,
}

/// Makes the request of a lead event called `id`, whose JSON is `payload`. `now` is the moment of this attempt.
///
/// # Errors
/// When no request can be made of it.
pub fn request(webhook: &Webhook, id: &str, payload: &str, now: Millis) -> Result<Outgoing, Unsendable> {
    let body = match &webhook.template {
        Some(source) => {
            let event: LeadEvent =
                serde_json::from_str(payload).map_err(|error| Unsendable::Payload(error.to_string()))?;
            template::render(source, &event)?
        }
        None => payload.as_bytes().to_vec(),
    };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in &webhook.headers {
        let bad = || Unsendable::Header(name.clone());
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| bad())?;
        value.set_sensitive(true);
        headers.insert(parsed, value);
    }
    // Last, so that nothing in the configuration can take their place.
    for (name, value) in proof(webhook, id, &body, now)? {
        let value = HeaderValue::from_str(&value).map_err(|_| Unsendable::Header(name.to_owned()))?;
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok(Outgoing { headers, body })
}

/// The headers of Standard Webhooks, and `Idempotency-Key`. The id stays the same over all attempts, the timestamp doesn't.
fn proof(webhook: &Webhook, id: &str, body: &[u8], now: Millis) -> Result<Vec<(&'static str, String)>, Unsendable> {
    let timestamp = now.0.div_euclid(Millis::SECOND);
    let keys = webhook.secrets.iter().map(SigningKey::parse).collect::<Result<Vec<_>, _>>()?;
    let mut headers = vec![
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp.to_string()),
        ("idempotency-key", id.to_owned()),
    ];
    headers.extend(signature_header(&keys, id, timestamp, body).map(|signature| ("webhook-signature", signature)));
    Ok(headers)
}

/// What an answer means: delivered, or how it failed.
///
/// # Errors
/// When it did not deliver.
pub fn judge(answer: &Result<Response, SendError>, now: Millis) -> Result<(), Failure> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let (error, reason) = (error.to_string(), error.kind().to_owned());
            return Err(Failure { verdict: Verdict::Failed, error, reason, retry_after: None });
        }
    };
    let retry_after: Option<Duration> = answer.retry_after.as_deref().and_then(|value| retry_after(value, now));
    match verdict(answer.status, retry_after.is_some()) {
        Verdict::Delivered => Ok(()),
        verdict => {
            Err(Failure { verdict, error: describe(answer), reason: format!("status {}", answer.status), retry_after })
        }
    }
}

/// `503 Service Unavailable: down for maintenance`, for the operator.
fn describe(answer: &Response) -> String {
    let status = reqwest::StatusCode::from_u16(answer.status).ok();
    let reason =
        status.and_then(|status| status.canonical_reason()).map_or_else(String::new, |reason| format!(" {reason}"));
    let redirect = match (answer.status, &answer.location) {
        (300..=399, Some(location)) => {
            format!(
                "; it redirects to {}, and redirects are not followed: configure that address",
                without_query(location)
            )
        }
        _ => String::new(),
    };
    let text = excerpt(&answer.body);
    let text = if text.is_empty() { text } else { format!(": {text}") };
    format!("{}{reason}{redirect}{text}", answer.status)
}

/// A redirect's target without what may be secret in it.
fn without_query(location: &str) -> String {
    location.split(['?', '#']).next().unwrap_or_default().chars().take(EXCERPT).collect()
}

/// The beginning of a body as one line of text.
fn excerpt(body: &[u8]) -> String {
    let start = String::from_utf8_lossy(body.get(..EXCERPT * 4).unwrap_or(body)).into_owned();
    let words = start.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests;
