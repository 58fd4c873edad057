//! Compression and size: bounds hold while reading and while decompressing.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::*;

const SMALL: Limits = Limits { request_bytes: 10_000, batch_events: 100, in_flight: 10, ..Limits::DEFAULT };

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

#[actix_web::test]
async fn compressed_bodies_are_read() {
    let kit = Kit::new();
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(TRACK.as_bytes()).expect("memory");
    let zlib = zlib.finish().expect("memory");
    let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
    raw.write_all(TRACK.as_bytes()).expect("memory");
    let raw = raw.finish().expect("memory");
    let (first, second) = TRACK.split_at(10);
    let members = [gzip(first.as_bytes()), gzip(second.as_bytes())].concat();
    for (encoding, body) in [
        ("gzip", gzip(TRACK.as_bytes())),
        ("GZIP", gzip(TRACK.as_bytes())),
        ("x-gzip", gzip(TRACK.as_bytes())),
        ("gzip", members),
        ("deflate", zlib),
        ("deflate", raw),
        ("identity", TRACK.into()),
    ] {
        let answer = kit.post("/v1/t", &[BASIC, ("content-encoding", encoding)], body).await;
        assert_eq!(answer.status, 200, "{encoding}");
    }
}

#[actix_web::test]
async fn what_can_not_be_decompressed_is_refused() {
    let kit = Kit::new();
    let truncated = gzip(TRACK.as_bytes())[..20].to_vec();
    for (encoding, body, expected) in [
        ("br", TRACK.into(), (415, "unsupported_encoding")),
        ("zstd", TRACK.into(), (415, "unsupported_encoding")),
        ("gzip, br", TRACK.into(), (415, "unsupported_encoding")),
        ("gzip", TRACK.into(), (400, "invalid_request")),
        ("gzip", truncated, (400, "invalid_request")),
    ] {
        let body: Vec<u8> = body;
        let answer = kit.post("/v1/t", &[BASIC, ("content-encoding", encoding)], body).await;
        assert_eq!(answer.error(), (expected.0, expected.1.to_owned()), "{encoding}");
    }
    assert_eq!(kit.report("app")["failed"], 5, "and its source shows it");
}

#[actix_web::test]
async fn a_body_may_be_as_large_as_the_limit_and_no_larger() {
    let kit = Kit::with(SMALL);
    let padded = |bytes: usize| format!("{TRACK}{}", " ".repeat(bytes - TRACK.len()));
    let too_large = (413, "request_too_large".to_owned());
    assert_eq!(kit.post("/v1/t", &[BASIC], padded(10_000)).await.status, 200);
    assert_eq!(kit.post("/v1/t", &[BASIC], padded(10_001)).await.error(), too_large, "as it arrives");
    let declared = [BASIC, ("content-length", "10001")];
    assert_eq!(kit.post("/v1/t", &declared, "").await.error(), too_large, "before it arrives");
    let zipped = [BASIC, ("content-encoding", "gzip")];
    assert_eq!(kit.post("/v1/t", &zipped, gzip(padded(10_000).as_bytes())).await.status, 200);
    assert_eq!(kit.post("/v1/t", &zipped, gzip(padded(10_001).as_bytes())).await.error(), too_large);
}

#[actix_web::test]
async fn a_bomb_does_no_harm() {
    let kit = Kit::with(SMALL);
    let bomb = gzip(&vec![b' '; 8_000_000]);
    assert!(bomb.len() < 10_000, "{} bytes stand for eight million", bomb.len());
    let answer = kit.post("/v1/t", &[BASIC, ("content-encoding", "gzip")], bomb).await;
    assert_eq!(answer.error(), (413, "request_too_large".to_owned()));
}

#[actix_web::test]
async fn an_event_may_not_be_too_large() {
    let kit = Kit::new();
    let body = TRACK.replacen('{', &format!(r#"{{"x":"{}","#, "y".repeat(33_000)), 1);
    assert_eq!(kit.post("/v1/t", &[BASIC], body).await.error(), (413, "event_too_large".to_owned()));
}

#[actix_web::test]
async fn utf_16_is_refused_by_name() {
    let kit = Kit::new();
    let with = |start: &[u16], to: fn(u16) -> [u8; 2]| {
        start.iter().copied().chain(TRACK.encode_utf16()).flat_map(to).collect::<Vec<u8>>()
    };
    for body in [
        with(&[0xfeff], u16::to_le_bytes),
        with(&[0xfeff], u16::to_be_bytes),
        with(&[], u16::to_le_bytes),
        with(&[], u16::to_be_bytes),
    ] {
        let answer = kit.post("/v1/t", &[BASIC], body).await;
        assert_eq!(answer.error(), (415, "unsupported_encoding".to_owned()));
        assert_eq!(answer.json()["message"], "the body is UTF-16: send JSON in UTF-8");
    }
}
