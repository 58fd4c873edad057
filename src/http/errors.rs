//! The one table of API errors: code → status, kind and meaning. Every error that any endpoint answers stands here.
//!
//! The shape of the body is what all senders can read: the Python libraries want `code` and `message`, the Ruby library
//! reads `error` of every answer, Segment shows `message` in its debugger.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

use crate::cdp::{AuthFailure, ItemCode, RequestError};
use crate::engine::EngineError;
use crate::store::StoreError;

/// After how many seconds a sender may try again that met a full backlog: it takes a while until that is worked off.
const BACKLOG_S: u32 = 5;

/// What went wrong, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The body is not JSON.
    InvalidJson,
    /// The request can't be read as what this address expects.
    InvalidRequest,
    /// The only event of a request can't be used.
    Item(ItemCode),
    /// A sender did not prove who it is; the text is [`AuthFailure::code`].
    Sender(&'static str),
    /// `/v1/webhook/{source}` names no configured source.
    UnknownSource,
    /// A request to the admin API carries no token, or a wrong one.
    AdminToken,
    /// A request to the admin API, while no token is configured.
    AdminDisabled,
    /// Too many wrong tokens came from one address.
    AdminSlowed,
    /// Nothing is at this address, or there is no such lead or subject.
    NotFound,
    /// The address wants another method.
    MethodNotAllowed,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The body, as sent or decompressed, is larger than a request may be.
    TooLarge,
    /// The body is compressed by other means than gzip and deflate, or written in UTF-16.
    UnsupportedEncoding,
    /// As many requests as are allowed at once are being worked on.
    Overloaded,
    /// A quota of the source, or of the client, is used up.
    OverQuota,
    /// Events come faster than they are applied, and more wait than are allowed.
    BacklogFull,
    /// What was written before is not applied yet, so that it can't be read.
    Behind,
    /// The store could not be read or written.
    StoreUnavailable,
    /// The store is being opened.
    Starting,
    /// The server is stopping; another one takes the retry.
    Draining,
}

/// Which side has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The caller must prove who it is.
    Auth,
    /// The request must change; sending it again as it is won't help.
    InvalidRequest,
    /// The request is right; it must be sent again later.
    TryLater,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The stable text that stands as `code` in the answer.
    pub code: &'static str,
    /// The HTTP status of the answer.
    pub status: StatusCode,
    /// Which side has to act.
    pub kind: ErrorKind,
    /// What it means, for documentation.
    pub meaning: &'static str,
}

const fn row(code: &'static str, status: StatusCode, kind: ErrorKind, meaning: &'static str) -> Row {
    Row { code, status, kind, meaning }
}

const fn invalid(code: &'static str, status: StatusCode, meaning: &'static str) -> Row {
    row(code, status, ErrorKind::InvalidRequest, meaning)
}

const fn refused(code: &'static str, status: StatusCode, meaning: &'static str) -> Row {
    row(code, status, ErrorKind::Auth, meaning)
}

const fn later(code: &'static str, status: StatusCode, meaning: &'static str) -> Row {
    row(code, status, ErrorKind::TryLater, meaning)
}

impl ErrorCode {
    /// The codes with rows of their own; [`ErrorCode::Item`] and [`ErrorCode::Sender`] have one row per inner code.
    pub const PLAIN: [Self; 18] = [
        Self::InvalidJson,
        Self::InvalidRequest,
        Self::UnknownSource,
        Self::AdminToken,
        Self::AdminDisabled,
        Self::AdminSlowed,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::BodyTimeout,
        Self::TooLarge,
        Self::UnsupportedEncoding,
        Self::Overloaded,
        Self::OverQuota,
        Self::BacklogFull,
        Self::Behind,
        Self::StoreUnavailable,
        Self::Starting,
        Self::Draining,
    ];

    /// The row of this code.
    pub const fn row(self) -> Row {
        use StatusCode as S;
        match self {
            Self::InvalidJson => invalid("invalid_json", S::BAD_REQUEST, "the body is not JSON"),
            Self::InvalidRequest => {
                invalid("invalid_request", S::BAD_REQUEST, "the request is not of the form expected here")
            }
            Self::Item(item) => invalid(item.as_str(), status_of(item), item.meaning()),
            Self::Sender(code) => refused(code, S::UNAUTHORIZED, "the sender did not prove who it is"),
            Self::UnknownSource => invalid("unknown_source", S::NOT_FOUND, "the address names no configured source"),
            Self::AdminToken => {
                let meaning = "the admin API wants its token as `Authorization: Bearer`";
                refused("invalid_admin_token", S::UNAUTHORIZED, meaning)
            }
            Self::AdminDisabled => {
                let meaning = "no admin token is configured, so the admin API answers nobody";
                refused("admin_disabled", S::FORBIDDEN, meaning)
            }
            Self::AdminSlowed => {
                let meaning = "too many wrong tokens came from this address; no token is looked at until it has waited";
                later("too_many_wrong_tokens", S::TOO_MANY_REQUESTS, meaning)
            }
            Self::NotFound => invalid("not_found", S::NOT_FOUND, "nothing is at this address"),
            Self::MethodNotAllowed => {
                invalid("method_not_allowed", S::METHOD_NOT_ALLOWED, "this address wants another method")
            }
            Self::BodyTimeout => later("body_timeout", S::REQUEST_TIMEOUT, "the body did not arrive in time"),
            Self::TooLarge => invalid(
                "request_too_large",
                S::PAYLOAD_TOO_LARGE,
                "the body is larger than `limits.request`, `signed_request` or `unproven_request`",
            ),
            Self::UnsupportedEncoding => {
                let meaning = "the body is compressed in a way that is not gzip or deflate, or is not UTF-8 but UTF-16";
                invalid("unsupported_encoding", S::UNSUPPORTED_MEDIA_TYPE, meaning)
            }
            Self::Overloaded => {
                let meaning = "more requests than `limits.in_flight` are being worked on";
                later("overloaded", S::TOO_MANY_REQUESTS, meaning)
            }
            Self::OverQuota => {
                let meaning = "a quota of the source (`sources.<name>.quotas`) is used up";
                later("over_quota", S::TOO_MANY_REQUESTS, meaning)
            }
            Self::BacklogFull => {
                let meaning = "events come faster than they are applied, and more wait than `limits.backlog`";
                later("backlog_full", S::SERVICE_UNAVAILABLE, meaning)
            }
            Self::Behind => {
                let meaning = "what was written before is not applied yet; `consistency=eventual` does not wait for it";
                later("behind", S::SERVICE_UNAVAILABLE, meaning)
            }
            Self::StoreUnavailable => {
                later("store_unavailable", S::SERVICE_UNAVAILABLE, "the store does not answer; nothing was taken")
            }
            Self::Starting => {
                later("starting", S::SERVICE_UNAVAILABLE, "the server is starting: its store is not open yet")
            }
            Self::Draining => later("draining", S::SERVICE_UNAVAILABLE, "the server is stopping; another one answers"),
        }
    }
}

const fn status_of(item: ItemCode) -> StatusCode {
    match item {
        ItemCode::EventTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// An error as an endpoint answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// What went wrong; status and `code` of the answer follow from it.
    pub code: ErrorCode,
    /// What is wrong with this very request, and how to fix it.
    pub message: String,
    /// Seconds after which it is worth trying again.
    pub retry_after: Option<u32>,
}

/// What every error is answered with.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Error)]
pub struct ErrorBody<'a> {
    /// Always `false`.
    success: bool,
    /// A stable name, to act upon.
    code: &'a str,
    /// What is wrong and how to fix it.
    message: &'a str,
    /// The same as `message`, for senders that look here.
    error: &'a str,
}

impl ApiError {
    /// An error with its message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None }
    }

    /// Says after how many seconds it is worth trying again.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.code.row().status
    }

    fn error_response(&self) -> HttpResponse {
        let body =
            ErrorBody { success: false, code: self.code.row().code, message: &self.message, error: &self.message };
        let mut response = HttpResponse::build(self.status_code()).json(body);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code == ErrorCode::UnsupportedEncoding {
            response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate"));
        }
        if self.code == ErrorCode::AdminToken {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<&AuthFailure> for ErrorCode {
    fn from(failure: &AuthFailure) -> Self {
        Self::Sender(failure.code())
    }
}

impl From<&RequestError> for ApiError {
    fn from(error: &RequestError) -> Self {
        let code = match error {
            RequestError::Unauthorised { failure, .. } => ErrorCode::from(failure),
            RequestError::UnknownSource(_) => ErrorCode::UnknownSource,
            RequestError::InvalidJson { .. } => ErrorCode::InvalidJson,
            RequestError::InvalidShape { .. } => ErrorCode::InvalidRequest,
        };
        Self::new(code, error.to_string())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::new(ErrorCode::StoreUnavailable, error.to_string()).retry_after(1)
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Store(store) => store.into(),
            EngineError::Draining => Self::new(ErrorCode::Draining, error.to_string()).retry_after(1),
            EngineError::Overloaded { .. } | EngineError::ArchiveFull => {
                Self::new(ErrorCode::BacklogFull, error.to_string()).retry_after(BACKLOG_S)
            }
            EngineError::Behind(_) => Self::new(ErrorCode::Behind, error.to_string()).retry_after(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every row, as an operator looks it up.
    #[test]
    fn the_table() {
        let senders = [
            "missing_write_key",
            "unknown_write_key",
            "missing_signature",
            "malformed_signature",
            "wrong_signature",
            "partial_signature",
            "stale_signature",
            "missing_credentials",
            "wrong_credentials",
        ];
        let codes = ErrorCode::PLAIN.into_iter();
        let codes = codes.chain(ItemCode::ALL.map(ErrorCode::Item)).chain(senders.map(ErrorCode::Sender));
        let rows: Vec<_> = codes.map(|code| format!("{} {}", code.row().status.as_u16(), code.row().code)).collect();
        insta::assert_snapshot!(rows.join("\n"), @r"
        400 invalid_json
        400 invalid_request
        404 unknown_source
        401 invalid_admin_token
        403 admin_disabled
        429 too_many_wrong_tokens
        404 not_found
        405 method_not_allowed
        408 body_timeout
        413 request_too_large
        415 unsupported_encoding
        429 overloaded
        429 over_quota
        503 backlog_full
        503 behind
        503 store_unavailable
        503 starting
        503 draining
        400 invalid_event
        400 invalid_field
        413 event_too_large
        400 batch_too_long
        400 missing_type
        400 unsupported_type
        400 missing_id
        400 missing_event
        400 missing_group
        400 missing_previous
        400 delete_not_proven
        400 traits_not_proven
        400 call_not_allowed
        400 stale_event
        401 missing_write_key
        401 unknown_write_key
        401 missing_signature
        401 malformed_signature
        401 wrong_signature
        401 partial_signature
        401 stale_signature
        401 missing_credentials
        401 wrong_credentials
        ");
        let mut unique: Vec<_> = rows.iter().collect();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), rows.len(), "a code means one thing");
    }

    #[test]
    fn a_store_that_does_not_answer_asks_for_patience() {
        let error = ApiError::from(EngineError::from(StoreError::Unavailable("connection refused".to_owned())));
        assert_eq!((error.code.row().status.as_u16(), error.retry_after), (503, Some(1)));
        assert_eq!(error.message, "the store is unavailable: connection refused");
        let response = error.error_response();
        assert_eq!(response.headers().get("retry-after").map(HeaderValue::as_bytes), Some(b"1".as_slice()));
    }

    #[test]
    fn a_full_backlog_asks_for_more_patience() {
        let error = ApiError::from(EngineError::Overloaded { shard: crate::ids::ShardId(3), entries: 20_001 });
        assert_eq!((error.code, error.retry_after), (ErrorCode::BacklogFull, Some(5)));
        let error = ApiError::from(EngineError::Behind(std::time::Duration::from_secs(10)));
        assert_eq!((error.code.row().status.as_u16(), error.retry_after), (503, Some(1)));
    }
}
