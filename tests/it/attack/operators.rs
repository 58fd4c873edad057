//! The operators' side: an address of its own, guessed tokens, what browsers and caches may do with it.

use std::process::Command;
use std::time::Duration;

use super::connections::server;
use crate::harness::http::Connection;
use crate::harness::server::ADMIN_TOKEN;
use crate::harness::{eventually, free_address};

/// The status of a GET, with these further lines of its head; `connection` has the rest.
async fn get(connection: &mut Connection, path: &str, headers: &str) -> u16 {
    let request = format!("GET {path} HTTP/1.1\r\nHost: t\r\n{headers}\r\n");
    connection.exchange(request.as_bytes()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_may_have_an_address_of_their_own() {
    let (directory, admin) = (tempfile::tempdir().unwrap(), free_address());
    let more = format!("admin_listen: '{admin}', admin_token: {ADMIN_TOKEN}");
    let server = server(directory.path(), &more).await;
    let token = format!("Authorization: Bearer {ADMIN_TOKEN}\r\n");
    let mut public = Connection::open(server.address()).await.unwrap();
    let mut own = eventually("it listens", Duration::from_secs(5), async || Connection::open(admin).await.ok()).await;
    for path in ["/admin/v1/leads", "/admin/v1/config", "/docs/", "/openapi.json", "/metrics"] {
        assert_eq!(get(&mut public, path, &token).await, 404, "{path} in public");
        assert_eq!(get(&mut own, path, &token).await, 200, "{path} at its own address");
    }
    for path in ["/health", "/ready"] {
        assert_eq!((get(&mut public, path, "").await, get(&mut own, path, "").await), (200, 200), "{path}");
    }
    let body = r#"{"userId":"u","event":"e"}"#;
    let head = format!(
        "POST /v1/track HTTP/1.1\r\nHost: t\r\nAuthorization: Basic a2V5Og==\r\nContent-Length: {}",
        body.len()
    );
    let event = format!("{head}\r\n\r\n{body}");
    assert_eq!(public.exchange(event.as_bytes()).await.unwrap(), 200);
    assert_eq!(own.exchange(event.as_bytes()).await.unwrap(), 404, "events have no business there");
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_are_slowed_counted_and_told_once() {
    let directory = tempfile::tempdir().unwrap();
    let more = format!("trusted_proxies: 127.0.0.1, admin_token: {ADMIN_TOKEN}");
    let server = server(directory.path(), &more).await;
    let mut connection = Connection::open(server.address()).await.unwrap();
    let from = |address: &str, token: &str| format!("X-Forwarded-For: {address}\r\nAuthorization: Bearer {token}\r\n");
    for n in 0..11 {
        assert_eq!(get(&mut connection, "/admin/v1/config", &from("192.0.2.1", &format!("guess-{n}"))).await, 401);
        assert_eq!(connection.header("cache-control").as_deref(), Some("no-store"));
    }
    assert_eq!(get(&mut connection, "/admin/v1/config", &from("192.0.2.1", "guess")).await, 429);
    assert!(connection.header("retry-after").is_some());
    assert_eq!(
        get(&mut connection, "/admin/v1/config", &from("192.0.2.1", ADMIN_TOKEN)).await,
        429,
        "it tells nothing"
    );
    assert_eq!(get(&mut connection, "/admin/v1/config", &from("192.0.2.2", ADMIN_TOKEN)).await, 200, "another address");
    assert_eq!(connection.header("cache-control").as_deref(), Some("no-store"));
    assert_eq!(get(&mut connection, "/metrics", "").await, 200);
    let metrics = String::from_utf8_lossy(connection.body()).into_owned();
    for expected in [r#"failures_total{reason="wrong"} 11"#, r#"failures_total{reason="slowed"} 2"#] {
        assert!(metrics.contains(expected), "{expected} in {metrics}");
    }
    let log = std::fs::read_to_string(directory.path().join("handraiser.log")).unwrap();
    assert_eq!(log.lines().filter(|line| line.contains("wrong token")).count(), 1, "{log}");
    assert!(!log.contains("192.0.2.1") && !log.contains("guess-"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_viewer_works_within_what_its_headers_allow() {
    let directory = tempfile::tempdir().unwrap();
    let server = server(directory.path(), "workers: 1").await;
    let mut connection = Connection::open(server.address()).await.unwrap();
    assert_eq!(get(&mut connection, "/docs/", "").await, 200);
    let policy = connection.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    for (name, value) in
        [("x-frame-options", "DENY"), ("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")]
    {
        assert_eq!(connection.header(name).as_deref(), Some(value));
    }
    let url = format!("http://{}/docs/", server.address());
    let profile = format!("--user-data-dir={}", directory.path().join("profile").display());
    let arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000", "--dump-dom"];
    let page = tokio::task::spawn_blocking(move || {
        let output = Command::new("chromium").args(arguments).args([profile, url]).output();
        output.expect("`chromium` is missing; `make setup` installs it").stdout
    });
    let page = String::from_utf8_lossy(&page.await.unwrap()).into_owned();
    assert!(page.contains("/admin/v1/leads"), "the viewer shows nothing: {page}");
}
