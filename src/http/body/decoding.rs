//! What a body is compressed with, and taking it in piece by piece: what is kept is the plain body alone, never a compressed copy
//! beside it, and never more than may be.

use std::io::{self, ErrorKind, Write};

use actix_web::http::header::{self, HeaderMap};
use actix_web::web::Bytes;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::super::errors::{ApiError, ErrorCode};

/// How much room is made at once for a body of which nothing has arrived, whatever its head promises.
const ON_TRUST_BYTES: usize = 64 << 10;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
    Deflate,
}

impl Encoding {
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
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
}

/// The plain bytes, up to a limit.
pub(super) struct Plain {
    bytes: Vec<u8>,
    /// As long as the body will be, when that is known.
    expected: Option<usize>,
    limit: usize,
}

impl Write for Plain {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + chunk.len() > self.limit {
            return Err(ErrorKind::FileTooLarge.into());
        }
        if self.bytes.len() + chunk.len() > self.bytes.capacity() {
            let more = match self.expected {
                // Room for all of it is made once some of it is here, so that a large body is not copied as it grows.
                Some(expected) if self.bytes.len() >= ON_TRUST_BYTES => expected.saturating_sub(self.bytes.len()),
                Some(expected) => expected.saturating_sub(self.bytes.len()).min(ON_TRUST_BYTES),
                // Half as much again, so that what is copied on the way stays a small multiple of what is there in the end.
                None => self.bytes.len() / 2,
            };
            self.bytes.reserve_exact(more.min(self.limit - self.bytes.len()).max(chunk.len()));
        }
        self.bytes.extend_from_slice(chunk);
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What has arrived of a body.
pub(super) enum Kept {
    Identity(Plain),
    Gzip(MultiGzDecoder<Plain>),
    /// `deflate`, of which too little has arrived to see which of the two it is that go by that name.
    Deflate(Vec<u8>, Plain),
    Zlib(ZlibDecoder<Plain>),
    /// Without the header and the checksum of zlib; some senders take the name at its word.
    Raw(DeflateDecoder<Plain>),
}

impl Kept {
    /// Of a body that declares to be `length` bytes long.
    pub(super) fn new(encoding: Encoding, length: Option<usize>, limit: usize) -> Self {
        let plain = |expected| Plain { bytes: Vec::new(), expected, limit };
        match encoding {
            Encoding::Identity => Self::Identity(plain(length)),
            Encoding::Gzip => Self::Gzip(MultiGzDecoder::new(plain(None))),
            Encoding::Deflate => Self::Deflate(Vec::new(), plain(None)),
        }
    }

    fn plain(&mut self) -> &mut Plain {
        match self {
            Self::Identity(plain) | Self::Deflate(_, plain) => plain,
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Zlib(decoder) => decoder.get_mut(),
            Self::Raw(decoder) => decoder.get_mut(),
        }
    }

    /// Bytes kept so far.
    pub(super) fn len(&mut self) -> usize {
        self.plain().bytes.len()
    }

    /// Keeps no more than so many from now on.
    pub(super) fn keep_at_most(&mut self, limit: usize) {
        self.plain().limit = limit;
    }

    /// Takes the next piece.
    pub(super) fn take(&mut self, chunk: &[u8]) -> io::Result<()> {
        match self {
            Self::Identity(plain) => plain.write_all(chunk),
            Self::Gzip(decoder) => decoder.write_all(chunk),
            Self::Zlib(decoder) => decoder.write_all(chunk),
            Self::Raw(decoder) => decoder.write_all(chunk),
            Self::Deflate(head, plain) => {
                head.extend_from_slice(chunk);
                let [first, second, ..] = head[..] else { return Ok(()) };
                let (head, limit) = (std::mem::take(head), plain.limit);
                let plain = Plain { bytes: Vec::new(), expected: None, limit };
                *self = if is_zlib(first, second) {
                    Self::Zlib(ZlibDecoder::new(plain))
                } else {
                    Self::Raw(DeflateDecoder::new(plain))
                };
                self.take(&head)
            }
        }
    }

    /// Nothing more comes.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Identity(_) | Self::Deflate(..) => Ok(()),
            Self::Gzip(decoder) => decoder.try_finish(),
            Self::Zlib(decoder) => decoder.try_finish(),
            Self::Raw(decoder) => decoder.try_finish(),
        }
    }

    /// The plain body, after [`Self::finish`].
    pub(super) fn into_bytes(mut self) -> Bytes {
        std::mem::take(&mut self.plain().bytes).into()
    }
}

/// Whether two bytes begin a zlib stream (RFC 1950): the method is 8, and both together divide by 31.
fn is_zlib(first: u8, second: u8) -> bool {
    first & 0x0f == 8 && u16::from_be_bytes([first, second]).is_multiple_of(31)
}

/// JSON is UTF-8; UTF-16 is refused by name, since its zeros would only be called odd characters.
pub(super) fn refuse_utf16(body: &[u8]) -> Result<(), ApiError> {
    match body {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, b'{' | b'[', ..] | [b'{' | b'[', 0, ..] => {
            Err(ApiError::new(ErrorCode::UnsupportedEncoding, "the body is UTF-16: send JSON in UTF-8"))
        }
        _ => Ok(()),
    }
}
