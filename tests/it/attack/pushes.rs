//! Where CRMs push to is known to everybody: whoever is none is refused by the head of the request, and fills no log.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::Server;
use crate::harness::server::ADMIN_TOKEN;

async fn status(server: &Server, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    // Nothing of the body is ever sent: whatever is answered, the head decided.
    let head = format!("POST {path} HTTP/1.1\r\nHost: t\r\n{headers}Content-Length: 900000\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    tokio::time::timeout(Duration::from_secs(3), stream.read_exact(&mut answer)).await.expect("an answer").unwrap();
    String::from_utf8_lossy(&answer[9..]).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_no_crm_is_refused_by_the_head_and_told_of_once() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), |address| {
        let destination = |kind: &str, outcomes: &str| {
            format!("{{ {kind}, allow_addresses: [127.0.0.0/8], outcomes: {{ {outcomes} }} }}")
        };
        let hook =
            destination("webhook: { url: 'http://127.0.0.1:9/' }", "secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let pipedrive = destination(
            "pipedrive: { url: 'http://127.0.0.1:9/', token: 0123456789abcdef0123456789abcdef01234567 }",
            "every: 1h, secret: what-only-the-crm-knows-0123456789",
        );
        format!(
            "server: {{ listen: '{address}', admin_token: {ADMIN_TOKEN} }}\nstore: {{ memory: {{}} }}\n\
             sources: {{ app: {{ write_key: key }} }}\n\
             destinations:\n  hook: {hook}\n  pipedrive: {pipedrive}\n"
        )
    })
    .await;
    for _ in 0..20 {
        for (path, headers) in [
            ("/v1/outcomes/nobody", ""),
            ("/v1/outcomes/hook", ""),
            ("/v1/outcomes/hook", "webhook-id: a\r\nwebhook-timestamp: 1\r\n"),
            ("/v1/outcomes/pipedrive", "Authorization: Basic Y3JtOndyb25n\r\n"),
        ] {
            assert_eq!(status(&server, path, headers).await, "401", "{path} {headers}");
        }
    }
    let told: Vec<String> =
        server.log().lines().filter(|line| line.contains("pushes are being refused")).map(str::to_owned).collect();
    assert_eq!(told.len(), 3, "one of each: {told:#?}");
    let (_, metrics) = server.get("/metrics").await.expect("metrics");
    let metrics = String::from_utf8_lossy(&metrics).into_owned();
    assert!(metrics.contains(r#"handraiser_pushes_total{destination="hook",outcome="refused"} 40"#), "{metrics}");
}
