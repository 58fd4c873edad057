//! Batches as large as Segment's webhook destination sends them. It does not send again what is answered with 413.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use crate::harness::Server;
use crate::harness::http::Connection;
use crate::harness::server::ADMIN_TOKEN;

/// `count` events of `bytes` bytes each, and the signature over the first one, as Segment makes it.
fn batch(count: usize, bytes: usize) -> (String, String) {
    let event = |n: usize| {
        let start =
            format!(r#"{{"type":"track","userId":"u{n}","event":"e","messageId":"{count}-{n}","properties":{{"x":""#);
        format!(r#"{start}{}"}}}}"#, "x".repeat(bytes - start.len() - 3))
    };
    let mut mac = Hmac::<Sha1>::new_from_slice(b"s3cret").expect("a key");
    mac.update(event(0).as_bytes());
    let events: Vec<_> = (0..count).map(event).collect();
    (format!("[{}]", events.join(",")), hex::encode(mac.finalize().into_bytes()))
}

async fn post(server: &Server, signature: &str, more: &str, body: &[u8]) -> u16 {
    let head = format!("POST /v1/webhook/segment HTTP/1.1\r\nHost: t\r\nX-Signature: {signature}\r\n{more}");
    let request = [format!("{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat();
    Connection::open(server.address()).await.unwrap().exchange(&request).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_batches_are_taken_as_large_as_segment_sends_them() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), |address| {
        format!(
            "server: {{ listen: '{address}', admin_token: {ADMIN_TOKEN} }}\n\
             store: {{ embedded: {{ path: '{}' }} }}\n\
             sources: {{ segment: {{ signature: {{ scheme: segment, secret: s3cret }} }} }}\n",
            directory.path().join("store.db").display()
        )
    })
    .await;
    for (count, bytes) in [(1_000, 4_300), (4_000, 1_500)] {
        let (body, signature) = batch(count, bytes);
        assert!(body.len() > 4_200_000, "{}", body.len());
        assert_eq!(post(&server, &signature, "", body.as_bytes()).await, 200, "{count} × {bytes}");
    }
    let (body, signature) = batch(3_999, 4_300);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(body.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    assert_eq!(post(&server, &signature, "Content-Encoding: gzip\r\n", &gzip).await, 200, "17 MB, compressed");
    let forged = "0".repeat(40);
    assert_eq!(post(&server, &forged, "", body.as_bytes()).await, 401, "whoever can't sign is refused all the same");
    let sources = server.admin("/sources").await.expect("sources");
    let segment = &sources["sources"][0];
    assert_eq!((segment["name"].as_str(), segment["accepted"].as_u64()), (Some("segment"), Some(8_999)), "{sources}");
    assert_eq!(segment["rejected"], 0);
}
