//! Many connections, silent or idle or slow: honest senders must not notice.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::http::Connection;
use crate::harness::server::PROGRAM;
use crate::harness::{Server, eventually};

const SECOND: Duration = Duration::from_secs(1);

/// The SDK source `app`, the signed source `segment`, and `more` of the section `server`.
pub async fn server(directory: &Path, more: &str) -> Server {
    allow_many_files();
    Server::start(directory, |address| yaml(address, more)).await
}

fn yaml(address: SocketAddr, more: &str) -> String {
    format!(
        "server: {{ listen: '{address}', {more} }}\nstore: {{ memory: {{}} }}\n\
         sources:\n  app: {{ write_key: key }}\n  segment: {{ signature: {{ scheme: segment, secret: s3cret }} }}\n"
    )
}

/// The attacker's side has as many connections.
fn allow_many_files() {
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).expect("a limit can be raised to its maximum");
}

fn track(n: usize) -> Vec<u8> {
    let body = format!(r#"{{"userId":"u{n}","event":"e","messageId":"m{n}"}}"#);
    let head = format!(
        "POST /v1/track HTTP/1.1\r\nHost: t\r\nAuthorization: Basic a2V5Og==\r\nContent-Length: {}",
        body.len()
    );
    format!("{head}\r\n\r\n{body}").into_bytes()
}

/// An honest sender: fifty events, over a connection of its own and a new one for every tenth. The slowest answer.
pub async fn honest(address: SocketAddr) -> Duration {
    let mut slowest = Duration::ZERO;
    let mut connection = Connection::open(address).await.unwrap();
    for n in 0..50 {
        let begun = Instant::now();
        if n % 10 == 0 {
            connection = Connection::open(address).await.unwrap();
        }
        let status = connection.exchange(&track(n)).await;
        assert_eq!(status.ok(), Some(200), "event {n}: {}", String::from_utf8_lossy(connection.body()));
        slowest = slowest.max(begun.elapsed());
    }
    slowest
}

async fn metric(server: &Server, name: &str) -> f64 {
    let (_, text) = server.get("/metrics").await.expect("metrics");
    let text = String::from_utf8(text).unwrap();
    text.lines()
        .filter(|line| line.starts_with(name))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_take_no_place() {
    let directory = tempfile::tempdir().unwrap();
    let server = server(directory.path(), "workers: 2").await;
    let mut silent = Vec::new();
    for n in 0..1_030 {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        // Some say nothing, some begin a head, some begin a body.
        let head = "POST /v1/track HTTP/1.1\r\nHost: t\r\nAuthorization: Basic a2V5Og==\r\nContent-Length: 500\r\n";
        match n % 3 {
            0 => {}
            1 => stream.write_all(head.as_bytes()).await.unwrap(),
            _ => stream.write_all(format!("{head}\r\n{{").as_bytes()).await.unwrap(),
        }
        silent.push(stream);
    }
    eventually("their bodies are awaited", 5 * SECOND, async || {
        (metric(&server, "handraiser_bodies_under_way ").await > 300.0).then_some(())
    })
    .await;
    let slowest = honest(server.address()).await;
    assert!(slowest < 2 * SECOND, "an honest sender waited {slowest:?}");
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_connections_cut_nobody_off() {
    let directory = tempfile::tempdir().unwrap();
    // As most shells and init systems start it: with 1,024 files and sockets, and leave to have more.
    let program = directory.path().join("limited");
    std::fs::write(&program, format!("#!/bin/sh\nulimit -Sn 1024\nexec '{PROGRAM}' \"$@\"\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut server = Server::launch_program(&program, directory.path(), |address| yaml(address, "workers: 2"));
    server.ready().await;
    let mut kept = Vec::new();
    for n in 0..1_100 {
        let mut connection = Connection::open(server.address()).await.unwrap();
        assert_eq!(connection.exchange(&track(n)).await.ok(), Some(200), "connection {n}");
        kept.push(connection);
    }
    let slowest = honest(server.address()).await;
    assert!(slowest < 2 * SECOND, "an honest sender waited {slowest:?}");
    for (n, connection) in kept.iter_mut().enumerate() {
        assert_eq!(connection.exchange(&track(n)).await.ok(), Some(200), "connection {n} again");
    }
    assert!(metric(&server, "handraiser_connections ").await >= 1_100.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_house_makes_room_for_who_has_something_to_say() {
    let directory = tempfile::tempdir().unwrap();
    let server = server(directory.path(), "limits: { connections: 40 }").await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(server.address()).await.unwrap());
    }
    let slowest = honest(server.address()).await;
    assert!(slowest < 2 * SECOND, "an honest sender waited {slowest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_its_share_of_connections() {
    let directory = tempfile::tempdir().unwrap();
    let server = server(directory.path(), "limits: { connections_per_address: 20 }").await;
    let mut own = Vec::new();
    // Asking whether the server is ready may still count.
    eventually("it has twenty", 5 * SECOND, async || {
        let mut connection = Connection::open(server.address()).await.unwrap();
        if connection.exchange(&track(own.len())).await.is_ok() {
            own.push(connection);
        }
        (own.len() == 20).then_some(())
    })
    .await;
    let further = Connection::open(server.address()).await.unwrap().exchange(&track(1)).await;
    assert!(further.is_err(), "another one is closed: {further:?}");
    assert_eq!(own[0].exchange(&track(2)).await.ok(), Some(200), "those that are there stay");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_trickles_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let server = server(directory.path(), "limits: { body_pace: 1KB }").await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = "POST /v1/track HTTP/1.1\r\nHost: t\r\nAuthorization: Basic a2V5Og==\r\nContent-Length: 30000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let trickle = tokio::spawn(async move {
        while writing.write_all(b" ").await.is_ok() {
            tokio::time::sleep(SECOND / 20).await;
        }
    });
    let mut answer = Vec::new();
    let begun = Instant::now();
    tokio::time::timeout(9 * SECOND, reading.read_to_end(&mut answer)).await.expect("it is dropped").ok();
    assert!(begun.elapsed() > 4 * SECOND, "a slow start is no attack");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("body_timeout"), "{answer}");
    trickle.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_uploads_little_and_is_refused_at_the_head_where_that_will_do() {
    let directory = tempfile::tempdir().unwrap();
    let server = server(directory.path(), "limits: { unproven_request: 10KB }").await;
    let ask = async |path: &str, headers: &str, length: usize| {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        // Nothing of the body is ever sent: whatever is answered, the head decided.
        let head = format!("POST {path} HTTP/1.1\r\nHost: t\r\n{headers}Content-Length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        tokio::time::timeout(4 * SECOND, stream.read_exact(&mut answer)).await.expect("an answer").unwrap();
        String::from_utf8_lossy(&answer[9..]).into_owned()
    };
    assert_eq!(ask("/v1/webhook/nobody", "", 500).await, "404");
    assert_eq!(ask("/v1/webhook/segment", "", 500).await, "401", "no signature");
    assert_eq!(ask("/v1/webhook/segment", "X-Signature: zz\r\n", 500).await, "401", "no signature either");
    assert_eq!(ask("/v1/track", "", 20_000).await, "413", "the key may be in the body, but not in so large a one");
    let known = ask("/v1/track", "Authorization: Basic a2V5Og==\r\n", 9_000_000).await;
    assert_eq!(known, "413", "a known sender has another bound");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_under_way_are_bounded_for_each_address_and_strangers_take_no_room() {
    // Who shows nothing, and who shows a signature that nobody has made.
    for shown in ["", "X-Signature: 0123456789012345678901234567890123456789\r\n"] {
        strangers_take_no_room(shown).await;
    }
}

async fn strangers_take_no_room(shown: &str) {
    let directory = tempfile::tempdir().unwrap();
    let more = "trusted_proxies: 127.0.0.1, limits: { bodies: 2MB, bodies_per_address: 1MB, signed_request: 900KB, request: 900KB }";
    let server = server(directory.path(), more).await;
    let begin = async |from: &str, proof: &str| {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let head = format!(
            "POST /v1/batch HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: {from}\r\n{proof}Content-Length: 800000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![b' '; 400_000]).await.ok();
        stream
    };
    let key = "Authorization: Basic a2V5Og==\r\n";
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(begin("198.51.100.1", key).await);
    }
    for last in 0..5 {
        held.push(begin(&format!("203.0.113.{last}"), shown).await);
    }
    eventually("what strangers may send is used up", 5 * SECOND, async || {
        (metric(&server, "handraiser_bodies_under_way_bytes ").await >= 1_200_000.0).then_some(())
    })
    .await;
    let mut third = begin("198.51.100.1", key).await;
    let mut answer = [0; 12];
    tokio::time::timeout(5 * SECOND, third.read_exact(&mut answer)).await.expect("an answer").unwrap();
    assert_eq!(&answer[9..], b"429", "one address");
    let mut connection = Connection::open(server.address()).await.unwrap();
    let call = format!(r#"{{"userId":"u","event":"e","properties":{{"x":"{}"}}}}"#, "x".repeat(2_000));
    let body = format!(r#"{{"batch":[{}]}}"#, vec![call; 300].join(","));
    let head =
        "POST /v1/batch HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: 198.51.100.2\r\nAuthorization: Basic a2V5Og==\r\n";
    let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    assert_eq!(connection.exchange(request.as_bytes()).await.ok(), Some(200), "another address, {shown}");
}
