//! Sends the demo's events as an SDK and as Segment would: over HTTP, like everybody else.

use std::time::{Duration, Instant};

use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha1::Sha1;
use url::Url;

use crate::cli::output::CommandError;
use crate::time::Clock;

/// The product's SDK.
pub struct Sender {
    http: reqwest::Client,
    server: Url,
    authorization: String,
}

/// What a request was answered.
pub struct Answered {
    pub status: u16,
    pub body: Value,
    pub took: Duration,
}

impl Answered {
    /// The server's message.
    pub fn message(&self) -> &str {
        self.body.get("message").and_then(Value::as_str).unwrap_or("no message")
    }

    /// An error unless it is a success.
    pub fn taken(self) -> Result<Self, CommandError> {
        if self.status == 200 {
            return Ok(self);
        }
        Err(CommandError::message(format!("the server answered {}: {}", self.status, self.message())))
    }
}

impl Sender {
    pub fn new(server: Url, write_key: &str) -> Result<Self, CommandError> {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
        let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{write_key}:"));
        Ok(Self { http, server, authorization: format!("Basic {credentials}") })
    }

    /// Sends one call, as it happens.
    pub async fn call(&self, mut call: Value) -> Result<Answered, CommandError> {
        let path = format!("v1/{}", call.get("type").and_then(Value::as_str).unwrap_or("track"));
        let now = json!(Clock::System.now().rfc3339());
        if let Some(fields) = call.as_object_mut() {
            fields.insert("timestamp".to_owned(), now.clone());
            fields.insert("sentAt".to_owned(), now);
        }
        self.post(&path, &[("authorization", &self.authorization)], call.to_string()).await
    }

    /// Sends a batch of what happened before.
    pub async fn batch(&self, calls: &[Value]) -> Result<Answered, CommandError> {
        let body = json!({ "batch": calls }).to_string();
        self.post("v1/batch", &[("authorization", &self.authorization)], body).await
    }

    /// Sends one call as Segment's webhook does, signed with `secret`.
    pub async fn webhook(&self, source: &str, call: &Value, secret: &str) -> Result<Answered, CommandError> {
        let body = call.to_string();
        let mut mac =
            Hmac::<Sha1>::new_from_slice(secret.as_bytes()).map_err(|_| CommandError::message("a bad secret"))?;
        mac.update(body.as_bytes());
        let signature = hex::encode(mac.finalize().into_bytes());
        self.post(&format!("v1/webhook/{source}"), &[("x-signature", &signature)], body).await
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: String) -> Result<Answered, CommandError> {
        let mut request = self.http.post(self.server.join(path)?).header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let start = Instant::now();
        let response = request.send().await?;
        let status = response.status().as_u16();
        let body = response.bytes().await?;
        let took = start.elapsed();
        Ok(Answered { status, body: serde_json::from_slice(&body).unwrap_or_default(), took })
    }
}
