//! Reading a request's body within bounds: size on the wire, size decompressed, the pace at which it comes, and how much of all
//! bodies may be under way at once.

mod decoding;
mod sender;

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::{self, Bytes};
use futures::StreamExt as _;
use tokio::time;

use super::errors::{ApiError, ErrorCode};
use super::state::AppState;
use super::under_way::Held;
use crate::config::ServerSettings;
use decoding::{Encoding, Kept};
pub(super) use sender::Sender;

/// For how long the pace of a body is not looked at: a slow start is no attack.
const GRACE: Duration = Duration::from_secs(5);
/// How long and how much is read of a body that is of no use, for the sake of the connection.
const DISCARDING: Duration = Duration::from_millis(20);
const DISCARDED_BYTES: usize = 64 << 10;
/// The same of a sender who is known, and shall hear when to come again.
const DISCARDING_MORE: Duration = Duration::from_millis(200);
const DISCARDED_MORE_BYTES: usize = 1 << 20;
/// What is compressed may unfold to a whole ordinary request, and beyond that to so many times what was sent. JSON that repeats
/// itself unfolds to fifty times, a bomb to a thousand.
const UNFOLDS_TIMES: usize = 100;

/// What is read from less text than this, which most bodies are, needs no account: how many requests may be in work bounds it.
const TINY_BYTES: usize = 8 << 10;

/// A body that was read; it counts as under way until it is dropped.
pub(super) struct Body {
    pub bytes: Bytes,
    held: Held,
}

impl Body {
    /// Lets the text go, which was read into something of so many bytes: that counts as under way in its place.
    pub fn become_bytes(&mut self, bytes: impl FnOnce() -> usize) -> Result<(), ApiError> {
        if std::mem::take(&mut self.bytes).len() <= TINY_BYTES {
            return Ok(());
        }
        self.held.become_bytes(bytes())
    }
}

/// Reads and decompresses the body of a request.
pub(super) async fn read(
    request: &HttpRequest,
    mut payload: web::Payload,
    state: &AppState,
    settings: &ServerSettings,
    sender: Sender<'_>,
) -> Result<Body, ApiError> {
    let limit = sender.limit(settings);
    let encoding = Encoding::of(request.headers())?;
    let length = content_length(request.headers());
    if length.is_some_and(|length| length > limit) {
        return Err(sender.too_large(limit));
    }
    let held = state.bodies.begin(sender.address, sender.lane(), settings.edge);
    let Some(first) = first_of(&mut payload, settings.edge.body_bytes_per_s).await? else {
        return Ok(Body { bytes: Bytes::new(), held });
    };
    if encoding == Encoding::Identity && Some(first.len()) == length {
        // Most bodies come in one piece, which needs no copy and no account.
        decoding::refuse_utf16(&first)?;
        return Ok(Body { bytes: first, held });
    }
    let kept = Kept::new(encoding, length, limit);
    let mut reading = Reading { kept, held, limit, at_once: settings.limits.request_bytes, received: 0, sender };
    reading.all(&first, payload, settings.edge.body_bytes_per_s).await?;
    reading.end()
}

/// Takes what little has arrived of a body that nobody will read, so that its connection can be used again.
pub(super) async fn discard(payload: web::Payload) {
    discard_within(payload, DISCARDED_BYTES, DISCARDING).await;
}

/// The same of somebody who is known: as much as an SDK sends at once.
pub(super) async fn discard_more(payload: web::Payload) {
    discard_within(payload, DISCARDED_MORE_BYTES, DISCARDING_MORE).await;
}

async fn discard_within(mut payload: web::Payload, mut left: usize, limit: Duration) {
    let all = async {
        while let Some(Ok(chunk)) = payload.next().await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                break;
            }
        }
    };
    // What takes longer is cut off with its connection.
    let _ = time::timeout(limit, all).await;
}

async fn first_of(payload: &mut web::Payload, pace: usize) -> Result<Option<Bytes>, ApiError> {
    let first = time::timeout(GRACE, payload.next()).await.map_err(|_| too_slow(pace))?;
    first.transpose().map_err(|error| broken_off(&error))
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A body that is arriving.
struct Reading<'c> {
    kept: Kept,
    held: Held,
    limit: usize,
    /// To so many bytes it may unfold however little was sent.
    at_once: usize,
    /// Bytes that have come, as they came.
    received: usize,
    sender: Sender<'c>,
}

impl Reading<'_> {
    async fn all(&mut self, first: &[u8], mut payload: web::Payload, pace: usize) -> Result<(), ApiError> {
        let begun = time::Instant::now();
        self.take(first)?;
        loop {
            // What has come buys time for what is to come.
            let bought = Duration::from_secs_f64(fraction(self.received, pace));
            let next = time::timeout_at(begun + GRACE + bought, payload.next());
            let Some(chunk) = next.await.map_err(|_| too_slow(pace))? else { return Ok(()) };
            let chunk = chunk.map_err(|error| broken_off(&error))?;
            self.take(&chunk)?;
        }
    }

    fn take(&mut self, chunk: &[u8]) -> Result<(), ApiError> {
        self.received += chunk.len();
        if self.received > self.limit {
            return Err(self.sender.too_large(self.limit));
        }
        self.kept.keep_at_most(self.unfolded());
        let before = self.kept.len();
        let taken = self.kept.take(chunk);
        self.held.grow(self.kept.len() - before)?;
        taken.map_err(|error| self.unreadable(&error))
    }

    /// To how many bytes that which has come may unfold.
    fn unfolded(&self) -> usize {
        self.at_once.saturating_add(self.received.saturating_mul(UNFOLDS_TIMES)).min(self.limit)
    }

    fn end(mut self) -> Result<Body, ApiError> {
        let before = self.kept.len();
        self.kept.finish().map_err(|error| self.unreadable(&error))?;
        self.held.grow(self.kept.len() - before)?;
        let bytes = self.kept.into_bytes();
        decoding::refuse_utf16(&bytes)?;
        Ok(Body { bytes, held: self.held })
    }

    fn unreadable(&self, error: &std::io::Error) -> ApiError {
        if error.kind() == std::io::ErrorKind::FileTooLarge {
            if self.unfolded() == self.limit {
                return self.sender.too_large(self.limit);
            }
            let message =
                format!("the body unfolds to more than {UNFOLDS_TIMES} times what was sent: send smaller batches");
            return ApiError::new(ErrorCode::TooLarge, message);
        }
        let message = format!("the body can't be decompressed as its header says: {error}");
        ApiError::new(ErrorCode::InvalidRequest, message)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a pace needs no last digits")]
fn fraction(received: usize, pace: usize) -> f64 {
    received as f64 / pace.max(1) as f64
}

fn broken_off(error: &actix_web::error::PayloadError) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, format!("the body broke off: {error}"))
}

fn too_slow(pace: usize) -> ApiError {
    let message = format!("the body came too slowly: at least {pace} bytes a second are expected");
    ApiError::new(ErrorCode::BodyTimeout, message)
}
