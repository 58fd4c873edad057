//! How the commands talk to a running server: its admin API.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value;
use url::Url;

use crate::http::admin;
use crate::visible::escaped;

/// Which server, and how the answer is shown.
#[derive(Clone, Debug, clap::Args)]
pub struct Remote {
    /// The running server
    #[arg(long, env = "HANDRAISER_SERVER", default_value = "http://127.0.0.1:8080", value_name = "URL", global = true)]
    pub server: Url,

    /// The admin API's token: `server.admin_token` of the configuration
    #[arg(long, env = "HANDRAISER_ADMIN_TOKEN", hide_env_values = true, value_name = "TOKEN", global = true)]
    pub token: Option<String>,

    /// How to print the answer
    #[arg(long, value_enum, default_value_t, global = true)]
    pub format: Format,
}

/// How an answer is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// The admin API's answer as it is
    Json,
}

/// Why a command got no answer that it could use.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error(
        "no server answers at {server}: {cause}\n  start one with `handraiser serve`, or name another with `--server URL` \
         or HANDRAISER_SERVER"
    )]
    Unreachable { server: Url, cause: String },
    #[error(
        "the server at {0} wants the admin token\n  pass `--token TOKEN` or set HANDRAISER_ADMIN_TOKEN to the value of \
         `server.admin_token` in the server's configuration"
    )]
    NoToken(Url),
    #[error(
        "the server at {0} refuses this admin token\n  it must be the value of `server.admin_token` in the server's \
         configuration"
    )]
    WrongToken(Url),
    /// The server's own words.
    #[error("{0}")]
    Refused(String),
    /// As `Refused`, for what may be fine a little later.
    #[error("{0}")]
    Busy(String),
    /// As `Refused`, for a thing that is not there.
    #[error("{0}")]
    NotFound(String),
    #[error("the server at {0} gave an answer that can't be read: {1}\n  is it Handraiser, and of this version?")]
    Unreadable(Url, String),
}

/// A client of the admin API of one server.
pub struct Client {
    http: reqwest::Client,
    server: Url,
    token: Option<String>,
    format: Format,
}

impl Client {
    /// A client of the server that `remote` names.
    ///
    /// # Errors
    /// When the machine's TLS can't be set up.
    pub fn new(remote: &Remote) -> Result<Self, ClientError> {
        let server = remote.server.clone();
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(60))
            .no_proxy()
            .build()
            .map_err(|error| ClientError::Unreachable { server: server.clone(), cause: causes(&error) })?;
        Ok(Self { http, server, token: remote.token.clone().filter(|token| !token.is_empty()), format: remote.format })
    }

    /// Asks for what lies at `segments` below the admin API.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn get(&self, segments: &[&str], query: &[(&str, String)]) -> Result<Value, ClientError> {
        let mut url = self.url(segments)?;
        url.query_pairs_mut().extend_pairs(query).finish();
        Ok(self.shown(self.send(Method::GET, url, None).await?))
    }

    /// As [`Self::get`], for what only an operator's own files say: its lines stay lines.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn get_own(&self, segments: &[&str], query: &[(&str, String)]) -> Result<Value, ClientError> {
        let mut url = self.url(segments)?;
        url.query_pairs_mut().extend_pairs(query).finish();
        self.send(Method::GET, url, None).await
    }

    /// Posts `body`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn post(&self, segments: &[&str], body: &Value) -> Result<Value, ClientError> {
        Ok(self.shown(self.send(Method::POST, self.url(segments)?, Some(body)).await?))
    }

    /// As [`Self::post`], for an answer that only an operator's own files make.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn post_own(&self, segments: &[&str], body: &Value) -> Result<Value, ClientError> {
        self.send(Method::POST, self.url(segments)?, Some(body)).await
    }

    /// Posts `body` with a query.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn post_with(
        &self,
        segments: &[&str],
        query: &[(&str, String)],
        body: &Value,
    ) -> Result<Value, ClientError> {
        let mut url = self.url(segments)?;
        url.query_pairs_mut().extend_pairs(query).finish();
        Ok(self.shown(self.send(Method::POST, url, Some(body)).await?))
    }

    /// Deletes what lies at `segments`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn delete(&self, segments: &[&str], query: &[(&str, String)]) -> Result<Value, ClientError> {
        let mut url = self.url(segments)?;
        url.query_pairs_mut().extend_pairs(query).finish();
        Ok(self.shown(self.send(Method::DELETE, url, None).await?))
    }

    /// The answer as it may be shown: strangers wrote the names, ids and traits in it. Programs get it as it is.
    fn shown(&self, answer: Value) -> Value {
        if self.format == Format::Json { answer } else { visible(answer) }
    }

    fn url(&self, segments: &[&str]) -> Result<Url, ClientError> {
        let mut url = self.server.clone();
        let bad = || ClientError::Unreachable { server: self.server.clone(), cause: "not an http address".to_owned() };
        url.path_segments_mut()
            .map_err(|()| bad())?
            .pop_if_empty()
            .extend(admin::BASE.split('/').filter(|part| !part.is_empty()))
            .extend(segments);
        Ok(url)
    }

    async fn send(&self, method: Method, url: Url, body: Option<&Value>) -> Result<Value, ClientError> {
        let mut request = self.http.request(method, url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let unreachable =
            |error: reqwest::Error| ClientError::Unreachable { server: self.server.clone(), cause: causes(&error) };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let body = response.bytes().await.map_err(unreachable)?;
        self.read(status, &body)
    }

    fn read(&self, status: StatusCode, body: &[u8]) -> Result<Value, ClientError> {
        if status == StatusCode::UNAUTHORIZED {
            let server = self.server.clone();
            return Err(if self.token.is_some() {
                ClientError::WrongToken(server)
            } else {
                ClientError::NoToken(server)
            });
        }
        let unreadable = |why: String| ClientError::Unreadable(self.server.clone(), why);
        let value: Value = serde_json::from_slice(body)
            .map_err(|_| unreadable(format!("status {status}, a body that is not JSON")))?;
        if status.is_success() {
            return Ok(value);
        }
        match value.get("message").and_then(Value::as_str).map(|message| escaped(message).into_owned()) {
            Some(message) if status == StatusCode::NOT_FOUND => Err(ClientError::NotFound(message)),
            Some(message) if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) => {
                Err(ClientError::Busy(message))
            }
            Some(message) => Err(ClientError::Refused(message)),
            None => Err(unreadable(format!("status {status}"))),
        }
    }
}

/// `value` with every text in it as a terminal may show it, names of fields included.
fn visible(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(escaped(&text).into_owned()),
        Value::Array(items) => items.into_iter().map(visible).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (escaped(&name).into_owned(), visible(value))).collect()
        }
        other => other,
    }
}

/// The innermost cause says what happened ("connection refused"); the outer ones only that something did.
pub(super) fn causes(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if error.is_timeout() { "it did not answer in time".to_owned() } else { innermost.to_string() }
}
