//! Batches as large as Segment's webhook destination sends them. It does not send again what is answered with 413.

use std::io::Write as _;
use std::ops::Range;

use flate2::Compression;
use flate2::write::GzEncoder;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use crate::harness::Server;
use crate::harness::http::Connection;
use crate::harness::server::ADMIN_TOKEN;

/// Events of these users, of `bytes` bytes each, and the signature over the first one, as Segment makes it.
fn batch(users: Range<usize>, bytes: usize) -> (String, String) {
    let event = |n: usize| {
        let start = format!(
            r#"{{"type":"track","userId":"u{n}","event":"e","messageId":"{}-{bytes}-{n}","properties":{{"x":""#,
            users.len()
        );
        format!(r#"{start}{}"}}}}"#, "x".repeat(bytes - start.len() - 3))
    };
    let mut mac = Hmac::<Sha1>::new_from_slice(b"s3cret").expect("a key");
    mac.update(event(users.start).as_bytes());
    let events: Vec<_> = users.clone().map(event).collect();
    (format!("[{}]", events.join(",")), hex::encode(mac.finalize().into_bytes()))
}

/// The most memory that the server ever had.
fn peak_kib(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says so");
    peak.trim().trim_end_matches(" kB").parse().expect("a number")
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
             sources: {{ segment: {{ signature: {{ scheme: segment, secret: s3cret }} }} }}\n\
             counters: {{ values: {{ of: user, event: e, distinct: properties.x }} }}\n",
            directory.path().join("store.db").display()
        )
    })
    .await;
    // The same people in small batches: what is kept of them is there already.
    for start in (0..4_000).step_by(100) {
        let (small, signature) = batch(start..start + 100, 1_500);
        assert_eq!(post(&server, &signature, "", small.as_bytes()).await, 200);
    }
    server.admin("/rejected?limit=1").await.expect("all of it is applied");
    let before = peak_kib(&server);
    // A signature is over all of a body, so that nothing of it is of use before all of it is there. Beside it is what its events take, of
    // whose properties only those are read that are asked for.
    let grown = |what: &str, body: usize| {
        let grown = peak_kib(&server).saturating_sub(before) * 1_024;
        println!("{what}: {grown} bytes more than before, {:.1} times the body", grown as f64 / body as f64);
        assert!(grown < 3 * body + (64 << 20), "{what}: {grown} bytes for a body of {body}");
    };
    for (count, bytes) in [(1_000, 4_300), (4_000, 1_500)] {
        let (body, signature) = batch(0..count, bytes);
        assert!(body.len() > 4_200_000, "{}", body.len());
        assert_eq!(post(&server, &signature, "", body.as_bytes()).await, 200, "{count} × {bytes}");
        grown(&format!("{count} × {bytes}"), body.len());
    }
    let (body, signature) = batch(0..3_999, 4_300);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(body.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    assert_eq!(post(&server, &signature, "Content-Encoding: gzip\r\n", &gzip).await, 200, "17 MB, compressed");
    grown("17 MB, compressed", body.len());
    let forged = "0".repeat(40);
    assert_eq!(post(&server, &forged, "", body.as_bytes()).await, 401, "whoever can't sign is refused all the same");
    let sources = server.admin("/sources").await.expect("sources");
    let segment = &sources["sources"][0];
    assert_eq!((segment["name"].as_str(), segment["accepted"].as_u64()), (Some("segment"), Some(12_999)), "{sources}");
    assert_eq!(segment["rejected"], 0);
}
