//! Names, ids and traits that talk to the operator's terminal: they erase a line, write one that nobody wrote, turn text around.

use std::process::Command;
use std::time::Duration;

use handraiser::visible::is_unsafe;
use serde_json::{Value, json};

use crate::harness::hooks::Receiver;
use crate::harness::http::Connection;
use crate::harness::server::ADMIN_TOKEN;
use crate::harness::{Server, eventually};

const EVIL: &str = "x\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}\u{9b}1A\u{2028}\n✓ ready";

async fn post(server: &Server, body: &Value) {
    let mut connection = Connection::open(server.address()).await.expect("it connects");
    let body = body.to_string();
    let request = format!(
        "POST /v1/batch HTTP/1.1\r\nHost: t\r\nAuthorization: Basic a2V5Og==\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(connection.exchange(request.as_bytes()).await.expect("it is answered"), 200);
}

/// What a command shows, of its errors too.
fn shown(server: &Server, arguments: &[&str]) -> String {
    let url = format!("http://{}", server.address());
    let mut command = Command::new(env!("CARGO_BIN_EXE_handraiser"));
    command.args(arguments).args(["--server", &url, "--token", ADMIN_TOKEN]).env_clear();
    let output = command.output().expect("the program runs");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_strangers_say_is_shown_and_not_obeyed() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let crm = Receiver::start(|_| 500).await;
    let server = Server::start(directory.path(), |address| {
        format!(
            r#"
server: {{ listen: "{address}", admin_token: {ADMIN_TOKEN} }}
store: {{ memory: {{}} }}
sources: {{ app: {{ write_key: key }} }}
counters: {{ tasks: {{ of: account, event: Task Created }} }}
definitions: [ {{ name: busy, of: account, intent: tasks >= 1, fit: account.plan != "" }} ]
routes: [ {{ name: everyone, to: self_serve }} ]
destinations: {{ crm: {{ webhook: {{ url: "{}" }}, allow_addresses: [127.0.0.0/8] }} }}
"#,
            crm.url()
        )
    })
    .await;
    let account = format!("acme{EVIL}");
    let person = json!({ "email": format!("{EVIL}@acme.example"), "name": EVIL, "title": EVIL });
    post(
        &server,
        &json!({ "batch": [
            { "type": "identify", "userId": format!("u{EVIL}"), "traits": person },
            { "type": "group", "userId": format!("u{EVIL}"), "groupId": account, "traits": { "name": EVIL, "plan": EVIL } },
            { "type": "track", "userId": format!("u{EVIL}"), "event": "Task Created", "context": { "groupId": account } },
            { "type": EVIL, "userId": EVIL, "messageId": EVIL },
        ] }),
    )
    .await;
    let lead = eventually("the lead is there", Duration::from_secs(10), async || {
        server.admin("/leads").await?["leads"][0]["id"].as_str().map(str::to_owned)
    })
    .await;
    let path = ["account", account.as_str()];
    for arguments in [
        &["leads"][..],
        &["leads", &lead],
        &["explain", path[0], path[1]],
        &["explain", "user", &format!("u{EVIL}")],
        &["explain", "user", &format!("nobody{EVIL}")],
        &["rejected", "--excerpts"],
        &["deliveries"],
        &["status"],
        &["merges", &format!("u{EVIL}")],
        &["merges"],
        &["lead", &lead],
        &["owner", &account],
        &["leads", "--held"],
        &["leads", "--format", "json"],
        &["rejected", "--format", "json"],
        &["explain", path[0], path[1], "--format", "json"],
        &["replay", &format!("nothing{EVIL}")],
        &["forget", "--yes", path[0], path[1]],
    ] {
        let text = shown(&server, arguments);
        let obeyed = text.chars().find(|c| is_unsafe(*c) && *c != '\n');
        assert_eq!(obeyed, None, "{arguments:?}: {text:?}");
        assert!(!text.lines().any(|line| line.trim_start().starts_with("✓ ready")), "{arguments:?}: {text}");
    }
    let told = shown(&server, &["explain", "user", &format!("u{EVIL}")]);
    assert!(told.contains(r"x\u{1b}[2J"), "{told}");
    // Programs get every character as it came.
    let json: Value = serde_json::from_str(&shown(&server, &["rejected", "--format", "json"])).expect("it is JSON");
    assert_eq!(json["rejected"][0]["message_id"], EVIL);
}
