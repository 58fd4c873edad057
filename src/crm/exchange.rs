//! One request to a destination, and what it answers: as values, so that an adapter can be tried without a network.

use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use serde::de::DeserializeOwned;
use url::Url;

use crate::secret::Secret;

/// How much of an answer an operator gets to see in a delivery's last error.
const EXCERPT: usize = 300;

/// What is larger than this, in bytes, is looked at before it is read as JSON.
const LARGE: usize = 64 << 10;
/// Elements of a large answer have as many bytes on average, or more.
const BYTES_OF_AN_ELEMENT: usize = 10;

/// What goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub method: Method,
    /// Of whom. It may hold a secret, so no message shows it.
    pub url: Url,
    /// Secret ones are marked as sensitive.
    pub headers: HeaderMap,
    /// Empty where there is none.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without a body.
    pub fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Vec::new() }
    }

    /// Asks for something, as JSON.
    pub fn get(url: Url) -> Self {
        Self::new(Method::GET, url).header(ACCEPT, HeaderValue::from_static("application/json"))
    }

    /// The same request with a JSON body.
    #[must_use]
    pub fn json(mut self, body: &serde_json::Value) -> Self {
        self.body = body.to_string().into_bytes();
        self.header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
    }

    /// The same request with a header that is nobody's secret.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The same request with `Authorization: Bearer …`.
    #[must_use]
    pub fn bearer(self, token: &Secret) -> Self {
        self.secret(AUTHORIZATION, &format!("Bearer {}", token.expose().trim()))
    }

    /// The same request with a header that is secret. One that no header can hold is left out: the destination refuses the request, and
    /// says why.
    #[must_use]
    pub fn secret(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(mut value) = HeaderValue::from_str(value) {
            value.set_sensitive(true);
            self.headers.insert(name, value);
        }
        self
    }
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// As sent.
    pub headers: HeaderMap,
    /// As much of the body as may be read.
    pub body: Vec<u8>,
}

impl Response {
    /// Whether the status says that it went well.
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// A header's value, where it is text.
    pub fn header(&self, name: impl reqwest::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// When the destination wants to be asked again, as sent.
    pub fn retry_after(&self) -> Option<&str> {
        self.header(RETRY_AFTER)
    }

    /// The body as JSON; `None` where it is something else, or would take a large multiple of its text once it is read.
    pub fn json<T: DeserializeOwned>(&self) -> Option<T> {
        if is_dense(&self.body) {
            return None;
        }
        serde_json::from_slice(&self.body).ok()
    }

    /// `503 Service Unavailable`
    pub fn status_line(&self) -> String {
        let status = reqwest::StatusCode::from_u16(self.status).ok();
        let reason = status.and_then(|status| status.canonical_reason());
        reason.map_or_else(|| self.status.to_string(), |reason| format!("{} {reason}", self.status))
    }

    /// The beginning of the body as one line of text.
    pub fn excerpt(&self) -> String {
        excerpt(&String::from_utf8_lossy(self.body.get(..EXCERPT * 4).unwrap_or(&self.body)))
    }
}

/// A text as one line.
pub fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// Whether a large body is hardly anything but elements: each of `[0,0,…]` takes twenty times its text, and each of `{"":0,…}` more.
/// What describes fields or tells of records has some twenty bytes for each.
fn is_dense(body: &[u8]) -> bool {
    if body.len() <= LARGE {
        return false;
    }
    let elements = body.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
    elements > body.len() / BYTES_OF_AN_ELEMENT
}

/// The beginning of a text that a destination sent, as one line.
pub fn excerpt(text: &str) -> String {
    let line = one_line(text);
    match line.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn read(body: String) -> Option<Value> {
        Response { status: 200, body: body.into_bytes(), ..Response::default() }.json()
    }

    #[test]
    fn an_answer_that_is_hardly_anything_but_elements_is_not_read() {
        for hostile in ["0,", "{},", r#"{"":0},"#, "[[]],"] {
            assert_eq!(read(format!("[{}0]", hostile.repeat(100_000))), None, "{hostile}");
        }
        let field = r#"{"name":"Company","label":"Company","type":"string","updateable":true,"custom":false},"#;
        assert!(read(format!("[{}0]", field.repeat(10_000))).is_some(), "a description");
        assert!(read(format!("[{}0]", "0,".repeat(30_000))).is_some(), "a small one");
    }
}
