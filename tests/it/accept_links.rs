//! A link by which the owner of a lead takes it on: opening it shows a page, its button accepts.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::http::Connection;
use crate::harness::server::ADMIN_TOKEN;
use crate::harness::{Server, eventually};

const PATIENT: Duration = Duration::from_secs(30);

async fn start(directory: &std::path::Path) -> Server {
    let yaml = |address| {
        format!(
            r#"
server: {{ listen: "{address}", admin_token: {ADMIN_TOKEN} }}
store: {{ memory: {{}} }}
sources: {{ app: {{ write_key: accepting-write-key }} }}
counters: {{ tasks: {{ of: user, event: Task Created }} }}
definitions: [ {{ name: busy, of: user, intent: [ tasks > 0 ] }} ]
teams: {{ sales: {{ reps: [ ana@example.com, ben@example.com ], sla: {{ accept: 1h }} }} }}
routes: [ {{ name: everyone, to: sales }} ]
leads: {{ accept_links: {{ url: "http://{address}/", secret: "a-secret-of-links-7f3a91c2" }} }}
"#
        )
    };
    Server::start(directory, yaml).await
}

async fn ask(server: &Server, method: &str, path: &str) -> (u16, String) {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n");
    let mut connection = Connection::open(server.address()).await.expect("it listens");
    let status = connection.exchange(request.as_bytes()).await.expect("it answers");
    (status, String::from_utf8_lossy(connection.body()).into_owned())
}

async fn lead(server: &Server, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let found = eventually(what, PATIENT, async || {
        let all = server.admin("/leads").await?;
        let lead = all["leads"][0]["lead"].clone();
        let lead = lead.get("lead").cloned().unwrap_or(lead);
        is_so(&lead).then_some(lead)
    });
    found.await
}

#[tokio::test]
async fn opening_a_link_changes_nothing_and_its_button_accepts_the_lead() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let server = start(directory.path()).await;
    let events = json!([{ "type": "track", "userId": "kim", "messageId": "1", "event": "Task Created" }]);
    let body = json!({ "writeKey": "accepting-write-key", "batch": events }).to_string();
    let length = body.len();
    let request = format!(
        "POST /v1/batch HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let mut connection = Connection::open(server.address()).await.expect("it listens");
    assert_eq!(connection.exchange(request.as_bytes()).await.expect("it answers"), 200);
    let made = lead(&server, "it is routed", |lead| lead["accept_url"].is_string()).await;
    let url = made["accept_url"].as_str().expect("a link");
    let path = url.strip_prefix(&format!("http://{}", server.address())).expect("it leads here").to_owned();
    for _ in 0..3 {
        let (status, page) = ask(&server, "GET", &path).await;
        assert!(status == 200 && page.contains("<form method=\"post\">") && !page.contains("kim"), "{status} {page}");
        assert!(
            page.contains("Tier 1 · busy") && page.contains("held for you for another"),
            "it says which lead it is: {page}"
        );
    }
    assert_eq!(
        lead(&server, "it is there", |_| true).await["progress"],
        Value::Null,
        "whoever opens it accepts nothing"
    );
    let (id, query) = path.split_once('?').expect("a query");
    for wrong in [
        id.to_owned(),
        format!("{id}0?{query}"),
        path.replace("until=1", "until=2"),
        path.replace("for=", "for=0"),
        format!("{path}0"),
    ] {
        let (status, page) = ask(&server, "POST", &wrong).await;
        assert!(status == 403 && !page.contains("<form"), "{wrong}: {status} {page}");
    }
    assert_eq!(ask(&server, "PUT", &path).await.0, 405);
    let (status, page) = ask(&server, "POST", &path).await;
    assert!(status == 200 && page.contains("It is yours"), "{page}");
    let taken = lead(&server, "it is accepted", |lead| lead["progress"] == "accepted").await;
    assert_eq!(taken.get("accept_url"), None, "there is nothing to accept any more");
    let (status, page) = ask(&server, "GET", &path).await;
    assert!(status == 200 && page.contains("already") && !page.contains("<form"), "{page}");
}
