//! What can be wrong with a request or with one event of it: stable codes, and messages that name the fix.

use serde::{Deserialize, Serialize};

use crate::event::SourceName;
use crate::event::size::cut;

/// A whole request was refused; none of its events was taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The sender did not prove who it is.
    #[error("{failure}")]
    Unauthorised {
        /// The source that was meant, when that is known.
        source_name: Option<SourceName>,
        /// What is missing or wrong in the proof.
        failure: AuthFailure,
    },
    /// `/v1/webhook/{source}` names no configured source.
    #[error("no source is called `{0}`; the last part of the address must be the name of a configured source")]
    UnknownSource(String),
    /// The body is not JSON.
    #[error("{message}")]
    InvalidJson {
        /// The source that sent it, when that is known.
        source_name: Option<SourceName>,
        /// What is wrong with it, as the sender is told.
        message: String,
    },
    /// The body is JSON, but neither an event nor a batch.
    #[error("{message}")]
    InvalidShape {
        /// The source that sent it, when that is known.
        source_name: Option<SourceName>,
        /// What is wrong with it, as the sender is told.
        message: String,
    },
}

impl RequestError {
    /// The source that was meant, when that is known.
    pub fn source_name(&self) -> Option<&SourceName> {
        match self {
            Self::Unauthorised { source_name, .. }
            | Self::InvalidJson { source_name, .. }
            | Self::InvalidShape { source_name, .. } => source_name.as_ref(),
            Self::UnknownSource(_) => None,
        }
    }
}

/// Why a sender is not believed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AuthFailure {
    /// A write key is needed, and there is none in the headers, the body or the query.
    #[error(
        "no write key: send it as the user of `Authorization: Basic`, as `writeKey` in the body or as `?writeKey=`"
    )]
    MissingWriteKey,
    /// A write key is there, and it belongs to no source.
    #[error("the write key belongs to no configured source")]
    UnknownWriteKey,
    /// The write key belongs to another source than the one (given here) that the address names.
    #[error("the write key is not one of source `{0}`")]
    ForeignWriteKey(SourceName),
    /// A header (named here) that the signature consists of is missing.
    #[error("header `{0}` is missing: set the shared secret in the sender's settings, so that it signs its requests")]
    MissingSignature(String),
    /// A header of the signature can't be read, so that nothing was compared.
    #[error("header `{header}` is not a signature of the form {expected}")]
    MalformedSignature {
        /// The header's name.
        header: String,
        /// What the header should look like.
        expected: &'static str,
    },
    /// The signature in the header of this name fits none of the source's secrets.
    #[error(
        "the signature in header `{0}` fits none of the source's secrets: compare the secret in the sender's settings"
    )]
    WrongSignature(String),
    /// Segment signed only the first event of a batch, and the source is `strict`.
    #[error(
        "the signature covers only the first of {events} events, which `strict` refuses: turn off batching in the \
         sender's settings, or `strict` in the source's"
    )]
    PartialSignature {
        /// How many events the batch has.
        events: usize,
    },
    /// The signed time is more than five minutes from this server's clock (Standard Webhooks).
    #[error("header `webhook-timestamp` is {off_by_s} s away from this server's clock; 300 s are allowed")]
    StaleSignature {
        /// This server's time minus the sender's, in seconds; negative when the sender's clock is ahead.
        off_by_s: i64,
    },
    /// The header of this name, which must carry the secret, is missing.
    #[error("header `{0}` is missing; it must carry the secret of the source")]
    MissingCredentials(String),
    /// The header of this name carries no secret of the source; with `Basic`, the user may be wrong, too.
    #[error("header `{0}` does not carry a secret of the source")]
    WrongCredentials(String),
}

impl AuthFailure {
    /// A stable name of the kind of failure, for answers and counters.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::MissingWriteKey => "missing_write_key",
            Self::UnknownWriteKey | Self::ForeignWriteKey(_) => "unknown_write_key",
            Self::MissingSignature(_) => "missing_signature",
            Self::MalformedSignature { .. } => "malformed_signature",
            Self::WrongSignature(_) => "wrong_signature",
            Self::PartialSignature { .. } => "partial_signature",
            Self::StaleSignature { .. } => "stale_signature",
            Self::MissingCredentials(_) => "missing_credentials",
            Self::WrongCredentials(_) => "wrong_credentials",
        }
    }
}

/// Why one event can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemCode {
    /// Not an object, or not JSON that can be read (too deep, a broken escape).
    InvalidEvent,
    /// A field has a value of the wrong kind.
    InvalidField,
    /// Larger than an event may be.
    EventTooLarge,
    /// Beyond the number of events that a batch may have.
    BatchTooLong,
    /// No `type`.
    MissingType,
    /// A `type` that is no call of the Segment spec.
    UnsupportedType,
    /// Neither `userId` nor `anonymousId`.
    MissingId,
    /// A track call without the name of its event.
    MissingEvent,
    /// A group call without `groupId`.
    MissingGroup,
    /// An alias call without `previousId`.
    MissingPrevious,
    /// A deletion by a source that is not trusted as a server is, or that no signature covers.
    DeleteNotProven,
    /// Traits by a source that is not trusted as a server is, or that no signature covers.
    TraitsNotProven,
    /// A call that the source's `allow` doesn't name.
    CallNotAllowed,
    /// Signed too long ago: somebody may be sending a recorded request again.
    StaleEvent,
}

impl ItemCode {
    /// Every code, for documentation and tests.
    pub const ALL: [Self; 14] = [
        Self::InvalidEvent,
        Self::InvalidField,
        Self::EventTooLarge,
        Self::BatchTooLong,
        Self::MissingType,
        Self::UnsupportedType,
        Self::MissingId,
        Self::MissingEvent,
        Self::MissingGroup,
        Self::MissingPrevious,
        Self::DeleteNotProven,
        Self::TraitsNotProven,
        Self::CallNotAllowed,
        Self::StaleEvent,
    ];

    /// The code as it stands in answers and in the log of rejected events.
    pub const fn as_str(self) -> &'static str {
        self.words().0
    }

    /// What it means, for documentation.
    pub const fn meaning(self) -> &'static str {
        self.words().1
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::InvalidEvent => ("invalid_event", "the event is not a JSON object that can be read"),
            Self::InvalidField => ("invalid_field", "a field of the event has a value of the wrong kind"),
            Self::EventTooLarge => ("event_too_large", "the event is larger than `limits.event_bytes`"),
            Self::BatchTooLong => {
                ("batch_too_long", "the batch has more events than `limits.batch_events`; the first ones were taken")
            }
            Self::MissingType => ("missing_type", "the event has no `type`"),
            Self::UnsupportedType => ("unsupported_type", "the event's `type` is no call of the Segment spec"),
            Self::MissingId => ("missing_id", "the event has neither `userId` nor `anonymousId`"),
            Self::MissingEvent => ("missing_event", "the track call has no `event`"),
            Self::MissingGroup => ("missing_group", "the group call has no `groupId`"),
            Self::MissingPrevious => ("missing_previous", "the alias call has no `previousId`"),
            Self::DeleteNotProven => (
                "delete_not_proven",
                "a deletion is taken only from sources whose `trust` is `server`, where their signature covers it",
            ),
            Self::TraitsNotProven => (
                "traits_not_proven",
                "a `traits` call is taken only from sources whose `trust` is `server`, where their signature covers it",
            ),
            Self::CallNotAllowed => ("call_not_allowed", "the source's `allow` doesn't name this kind of call"),
            Self::StaleEvent => (
                "stale_event",
                "the event is older than the source's `signature.max_age`, or a deletion that is older than 2 days",
            ),
        }
    }
}

/// A message has no more bytes than this.
const MAX_MESSAGE_BYTES: usize = 512;

/// Why one event can't be used, in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemError {
    /// The kind of failure, for answers and for the log of rejected events.
    pub code: ItemCode,
    /// What is wrong with this very event, and where possible how to fix it.
    pub message: String,
}

impl ItemError {
    pub(super) fn new(code: ItemCode, message: &str) -> Self {
        // A message may repeat what was sent.
        Self { code, message: cut(message, MAX_MESSAGE_BYTES).to_owned() }
    }
}
