//! The generic webhook: the request that a lead event becomes, and what its answer means.

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use serde_json::{Map, Value};

use super::adapter::{Adapter, LeadNews, Proof};
use super::exchange::{Request, Response, excerpt};
use super::mapping::Field;
use super::retry::{Failure, Verdict};
use super::session::Session;
use super::sign::{SigningKey, signature_header};
use super::template;
use crate::lead::LeadEvent;
use crate::secret::Secret;
use crate::time::Millis;

/// A generic webhook, signed by Standard Webhooks (<https://www.standardwebhooks.com>).
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// Where to post. It may hold a secret, so no message shows it.
    pub url: url::Url,
    /// `whsec_…`; the first signs, and so do the others while receivers move over. Empty: not signed.
    pub secrets: Vec<Secret>,
    /// Sent with every request. Values may be secret.
    pub headers: Vec<(String, Secret)>,
    /// What is sent.
    pub body: Body,
}

/// The body of a webhook's requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Body {
    /// The lead event as it is.
    #[default]
    Event,
    /// What a minijinja template makes of it: JSON.
    Template(Arc<str>),
    /// One object of fields, none of which holds another.
    Fields(Vec<Field>),
}

#[async_trait]
impl Adapter for Webhook {
    async fn deliver(&self, news: &LeadNews<'_>, session: &mut Session<'_>) -> Result<(), Failure> {
        let request = request(self, news.id, news.json, session.now()).map_err(|error| {
            // What the configuration can fix is tried again; what is in the message itself is not.
            let verdict = if error.is_of_the_message() { Verdict::Refused } else { Verdict::Failed };
            Failure::here(verdict, error.to_string(), error.kind())
        })?;
        judge(&session.send(request).await?, session.now())
    }

    fn credentials(&self) -> Vec<&str> {
        let secrets = self.secrets.iter().chain(self.headers.iter().map(|(_, value)| value)).map(Secret::expose);
        [self.url.as_str()].into_iter().chain(secrets).collect()
    }

    fn secret_url(&self) -> bool {
        true
    }

    async fn test(&self, _: &[&str], _: &mut Session<'_>) -> Vec<Proof> {
        // A webhook can be asked for nothing but to take a lead.
        let host = self.url.host_str().unwrap_or_default();
        vec![Proof::good("webhook", format!("posts to {host}; whether it is taken, only a delivery can tell"))]
    }

    fn pretend(&self, _: &Request) -> Option<Response> {
        Some(Response { status: 200, ..Response::default() })
    }
}

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

/// Makes the request of a lead event called `id`, whose JSON is `payload`. `now` is the moment of this attempt.
///
/// # Errors
/// When no request can be made of it.
pub fn request(webhook: &Webhook, id: &str, payload: &str, now: Millis) -> Result<Request, Unsendable> {
    let event = || serde_json::from_str::<LeadEvent>(payload).map_err(|error| Unsendable::Payload(error.to_string()));
    let body = match &webhook.body {
        Body::Event => payload.as_bytes().to_vec(),
        Body::Template(source) => template::render(source, &event()?)?,
        Body::Fields(fields) => Value::from(flat(fields, &event()?)?).to_string().into_bytes(),
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
    Ok(Request { method: Method::POST, url: webhook.url.clone(), headers, body })
}

/// The values of fields, as text where they would hold others.
fn flat(fields: &[Field], event: &LeadEvent) -> Result<Map<String, Value>, Unsendable> {
    let mut values = Map::new();
    for Field { name, value } in fields {
        let found = template::value(value, event)?;
        let found = if found.is_array() || found.is_object() { Value::from(found.to_string()) } else { found };
        values.insert(name.to_string(), found);
    }
    Ok(values)
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
pub fn judge(answer: &Response, now: Millis) -> Result<(), Failure> {
    if answer.is_success() { Ok(()) } else { Err(Failure::answered(answer, describe(answer), now)) }
}

/// `503 Service Unavailable: down for maintenance`, for the operator.
pub fn describe(answer: &Response) -> String {
    let redirect = match (answer.status, answer.header(LOCATION)) {
        (300..=399, Some(location)) => {
            let location = excerpt(without_query(location));
            format!("; it redirects to {location}, and redirects are not followed: configure that address")
        }
        _ => String::new(),
    };
    let text = answer.excerpt();
    let text = if text.is_empty() { text } else { format!(": {text}") };
    format!("{}{redirect}{text}", answer.status_line())
}

/// A redirect's target without what may be secret in it.
fn without_query(location: &str) -> &str {
    location.split(['?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
