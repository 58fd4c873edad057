//! Reading a request's body within bounds: size on the wire, size decompressed, and time.

use std::io::Read;
use std::pin::pin;
use std::time::Duration;

use actix_web::http::header::{self, HeaderMap};
use actix_web::web::{self, Bytes, BytesMut};
use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use futures::{FutureExt as _, StreamExt as _};

use super::errors::{ApiError, ErrorCode};

/// How long a body may take to arrive. CDPs give up after 5 to 10 seconds themselves.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Reads and decompresses a body of at most `limit` bytes.
pub(super) async fn read(headers: &HeaderMap, payload: web::Payload, limit: usize) -> Result<Bytes, ApiError> {
    let encoding = Encoding::of(headers)?;
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let mut collecting = pin!(collect(payload, length.unwrap_or(0), limit));
    // Most bodies are there already, and need no timer.
    let raw = match collecting.as_mut().now_or_never() {
        Some(raw) => raw?,
        None => actix_web::rt::time::timeout(TIMEOUT, collecting)
            .await
            .map_err(|_| ApiError::new(ErrorCode::BodyTimeout, "the body did not arrive within 30 s"))??,
    };
    encoding.decompress(raw, limit)
}

async fn collect(mut payload: web::Payload, expected: usize, limit: usize) -> Result<Bytes, ApiError> {
    let Some(first) = payload.next().await else { return Ok(Bytes::new()) };
    let first = first.map_err(|error| broken_off(&error))?;
    if first.len() == expected {
        // Small bodies arrive in one piece and need no copy.
        return Ok(first);
    }
    let mut body = BytesMut::with_capacity(expected.max(first.len()).min(limit));
    body.extend_from_slice(&first);
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| broken_off(&error))?;
        if body.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        body.extend_from_slice(&chunk);
    }
    if body.len() > limit { Err(too_large(limit)) } else { Ok(body.freeze()) }
}

fn broken_off(error: &actix_web::error::PayloadError) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, format!("the body broke off: {error}"))
}

fn too_large(limit: usize) -> ApiError {
    ApiError::new(ErrorCode::TooLarge, format!("the body is larger than {limit} bytes: send smaller batches"))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
    Deflate,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(Self::Identity) };
        let value = String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase();
        match value.as_str() {
            "" | "identity" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "deflate" => Ok(Self::Deflate),
            _ => Err(ApiError::new(
                ErrorCode::UnsupportedEncoding,
                "this `content-encoding` is not understood here: send gzip, deflate or plain bytes",
            )),
        }
    }

    fn decompress(self, raw: Bytes, limit: usize) -> Result<Bytes, ApiError> {
        match self {
            Self::Identity => Ok(raw),
            Self::Gzip => inflate(MultiGzDecoder::new(raw.as_ref()), raw.len(), limit),
            Self::Deflate => inflate(ZlibDecoder::new(raw.as_ref()), raw.len(), limit),
        }
    }
}

/// Decompresses no more than one byte beyond the limit, whatever the input promises.
fn inflate(decoder: impl Read, compressed: usize, limit: usize) -> Result<Bytes, ApiError> {
    let mut body = Vec::with_capacity(compressed.saturating_mul(6).min(limit));
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    decoder.take(most).read_to_end(&mut body).map_err(|error| {
        ApiError::new(ErrorCode::InvalidRequest, format!("the body can't be decompressed as its header says: {error}"))
    })?;
    if body.len() > limit { Err(too_large(limit)) } else { Ok(Bytes::from(body)) }
}
