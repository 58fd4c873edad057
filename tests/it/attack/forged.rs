//! A signature that nobody has made looks like one until all of its body is there: who sends it must not cost much until then.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::connections::{honest, server};
use crate::harness::Server;
use crate::harness::http::Connection;

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).expect("memory");
    encoder.finish().expect("memory")
}

/// A request of `body` from the client `from`, with a signature that is made up.
fn request(from: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /v1/batch HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: {from}\r\nX-Signature: {}\r\n{more}Content-Length: {}\r\n\r\n",
        "0".repeat(40),
        body.len()
    );
    [head.as_bytes(), body].concat()
}

async fn status(server: &Server, request: &[u8]) -> u16 {
    // Who is refused early finds the connection closed while it still writes.
    Connection::open(server.address()).await.expect("it listens").exchange(request).await.unwrap_or(0)
}

/// The most memory that the server ever had, in MiB.
fn peak_mib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says so");
    peak.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1_024
}

/// 60 MB of calls that are some hundred kilobytes on the wire, from four clients over and over.
#[tokio::test(flavor = "multi_thread")]
async fn bombs_behind_a_signature_that_nobody_made_delay_no_honest_sender() {
    let directory = tempfile::tempdir().unwrap();
    let server = std::sync::Arc::new(server(directory.path(), "workers: 2, trusted_proxies: 127.0.0.1").await);
    let bomb = gzip(format!("[{}{{}}]", r#"{"type":"track","userId":"u","event":"e"},"#.repeat(1_450_000)).as_bytes());
    assert!(bomb.len() < 400_000, "{} bytes on the wire", bomb.len());
    let before = peak_mib(&server);
    let attackers: Vec<_> = (0..4)
        .map(|last| {
            let (server, request) = (std::sync::Arc::clone(&server), bomb.clone());
            let request = request_of(last, &request);
            tokio::spawn(async move {
                let mut answers = Vec::new();
                loop {
                    answers.push(status(&server, &request).await);
                    if answers.len() == 20 {
                        return answers;
                    }
                }
            })
        })
        .collect();
    let slowest = honest(server.address()).await;
    assert!(slowest < Duration::from_secs(1), "an honest sender waited {slowest:?}");
    for attacker in attackers {
        let answers = attacker.await.unwrap();
        assert!(answers.iter().all(|answer| [0, 401, 413, 429].contains(answer)), "{answers:?}");
        assert!(
            answers.iter().filter(|answer| **answer == 429).count() > 10,
            "the address is known by then: {answers:?}"
        );
    }
    let grown = peak_mib(&server) - before;
    assert!(grown < 200, "{grown} MiB more than at the start");
}

fn request_of(last: u8, body: &[u8]) -> Vec<u8> {
    request(&format!("203.0.113.{last}"), "Content-Encoding: gzip\r\n", body)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_unfolds_to_a_thousand_times_what_was_sent_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let server = server(directory.path(), "trusted_proxies: 127.0.0.1").await;
    let bomb = gzip(&vec![b' '; 30_000_000]);
    assert!(bomb.len() < 60_000, "{} bytes on the wire", bomb.len());
    assert_eq!(status(&server, &request_of(1, &bomb)).await, 413);
}
