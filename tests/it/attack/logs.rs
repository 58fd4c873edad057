//! What strangers can make the server write into its log: a line for each kind of thing, not for each time.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::connections::server;
use crate::harness::http::Connection;

const SECOND: Duration = Duration::from_secs(1);

/// Sends `bytes` and reads whatever comes until the server hangs up.
async fn send(server: &crate::harness::Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(bytes).await.ok();
    let mut answer = Vec::new();
    tokio::time::timeout(3 * SECOND, stream.read_to_end(&mut answer)).await.expect("it hangs up").ok();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_on_the_wire_is_no_news() {
    let directory = tempfile::tempdir().unwrap();
    let server = server(directory.path(), "workers: 1").await;
    for nonsense in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 this is a TLS hello\r\n\r\n".as_slice(),
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"POST /v1/track HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\nAuthorization: Basic a2V5Og==\r\n\r\nzz\r\n",
        b"POST /v1/track HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        for _ in 0..20 {
            let answer = send(&server, nonsense).await;
            assert!(answer.starts_with("HTTP/1.1 400 Bad Request"), "{answer:?} to {:?}", String::from_utf8_lossy(nonsense));
        }
    }
    let log = std::fs::read_to_string(directory.path().join("handraiser.log")).unwrap();
    let loud: Vec<_> = log.lines().filter(|line| line.contains("actix") || line.contains("ERROR")).collect();
    assert!(loud.is_empty(), "{loud:#?}");
    assert!(log.lines().count() < 20, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_refusal_is_told_once() {
    let directory = tempfile::tempdir().unwrap();
    let server = server(directory.path(), "workers: 1").await;
    let mut connection = Connection::open(server.address()).await.unwrap();
    for n in 0..300 {
        let (path, headers, body) = match n % 6 {
            0 => (format!("/v1/webhook/invented-{n}"), String::new(), "{}".to_owned()),
            1 => ("/v1/track".to_owned(), "Authorization: Bearer nope\r\n".to_owned(), "{}".to_owned()),
            2 => ("/v1/webhook/segment".to_owned(), format!("X-Signature: {n:040}\r\n"), format!("[{n}]")),
            3 => ("/v1/webhook/segment".to_owned(), format!("X-Signature: odd-{n}\r\n"), "{}".to_owned()),
            4 => ("/v1/batch".to_owned(), "Authorization: Basic a2V5Og==\r\n".to_owned(), format!("{{{n}")),
            _ => ("/v1/batch".to_owned(), format!("Content-Encoding: odd-{n}\r\n"), "{}".to_owned()),
        };
        let head = format!("POST {path} HTTP/1.1\r\nHost: t\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len());
        if connection.exchange(head.as_bytes()).await.is_err() {
            // What is refused by its head may cost the connection.
            connection = Connection::open(server.address()).await.unwrap();
        }
    }
    let log = std::fs::read_to_string(directory.path().join("handraiser.log")).unwrap();
    let told = log.lines().filter(|line| line.contains("requests are being refused")).count();
    assert_eq!(told, 6, "{log}");
}
