//! Who said that two ids are one user: shown, listed and undone, over HTTP and by the command line.

use std::path::Path;
use std::process::Command;

use handraiser::event::{Call, Event, SourceName};
use handraiser::ids::RecordKey;
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::harness::Server;
use crate::harness::http::Connection;
use crate::harness::server::{ADMIN_TOKEN, PROGRAM};

async fn start(directory: &Path) -> Server {
    Server::start(directory, |address| {
        format!(
            "server: {{ listen: '{address}', admin_token: {ADMIN_TOKEN} }}\n\
             store: {{ embedded: {{ path: '{}' }} }}\n\
             sources:\n  web: {{ write_key: merges-web-key }}\n  backend: {{ write_key: merges-backend-key, trust: server }}\n",
            directory.join("store.db").display()
        )
    })
    .await
}

async fn send(server: &Server, key: &str, calls: Value) {
    let body = json!({ "batch": calls, "writeKey": key }).to_string();
    let head = format!("POST /v1/batch HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let mut connection = Connection::open(server.address()).await.expect("it listens");
    assert_eq!(connection.exchange(head.as_bytes()).await.expect("an answer"), 200);
}

fn handraiser(server: &Server, arguments: &[&str]) -> (bool, String) {
    let url = format!("http://{}", server.address());
    let mut command = Command::new(PROGRAM);
    command.args(arguments).args(["--server", &url, "--token", ADMIN_TOKEN]).env_clear();
    let output = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

/// What the log has: outcome, id, user, source.
async fn log(server: &Server, query: &str) -> Vec<[String; 4]> {
    let answer = server.admin(&format!("/merges{query}")).await.expect("the log");
    let merges = answer["merges"].as_array().expect("a list").iter();
    merges.map(|item| ["outcome", "id", "user", "source"].map(|name| item[name].as_str().unwrap().to_owned())).collect()
}

fn entry(outcome: &str, id: &str, user: &str, source: &str) -> [String; 4] {
    [outcome, id, user, source].map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_said_that_ids_are_one_user_is_shown_listed_and_undone() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = start(directory.path()).await;
    let known = |user: &str| json!({ "type": "track", "event": "e", "userId": user });
    let alias = |from: &str, to: &str| json!({ "type": "alias", "previousId": from, "userId": to });
    let identify = json!({ "type": "identify", "userId": "mallory", "anonymousId": "anon-1" });
    send(&server, "merges-backend-key", json!([known("ana"), known("ana-old"), known("mallory")])).await;
    send(&server, "merges-web-key", json!([identify, alias("ana", "mallory")])).await;
    send(&server, "merges-backend-key", json!([alias("ana-old", "ana")])).await;

    let shown = server.admin("/merges/mallory").await.expect("known");
    assert_eq!((&shown["merged"][0]["id"], &shown["merged"][0]["source"]), (&json!("anon-1"), &json!("web")));
    let ana = server.admin("/merges/ana").await.expect("known");
    assert_eq!((&ana["merged"][0]["id"], &ana["refused"][0]["id"]), (&json!("ana-old"), &json!("mallory")), "{ana}");
    assert_eq!(server.admin("/merges/nobody").await, None);

    let refused = entry("refused", "ana", "mallory", "web");
    let merged = entry("merged", "ana-old", "ana", "backend");
    // An anonymous id that becomes a user's is no news.
    assert_eq!(log(&server, "?source=web").await, std::slice::from_ref(&refused));
    assert_eq!(log(&server, "?source=backend").await, std::slice::from_ref(&merged));

    let (fine, text) = handraiser(&server, &["unlink", "anon-1"]);
    assert!(fine && text.contains("anon-1 is its own again; what was counted until now stays with mallory"), "{text}");
    let (fine, text) = handraiser(&server, &["unlink", "anon-1"]);
    assert!(!fine && text.contains("`anon-1` was not merged into a user"), "{text}");
    let (fine, text) = handraiser(&server, &["merges", "ana"]);
    assert!(fine && text.contains("merged in ana-old") && text.contains("refused, into mallory"), "{text}");
    let undone = entry("undone", "anon-1", "mallory", "(operator)");
    // The server starts anew: it is in the store.
    server.kill();
    server.respawn();
    server.ready().await;
    let all = log(&server, "").await;
    assert!(all.len() == 3 && [&refused, &merged, &undone].into_iter().all(|one| all.contains(one)), "{all:?}");
    let (fine, text) = handraiser(&server, &["merges"]);
    let table = ["OUTCOME", "refused", "ana-old", "undone", "(operator)"];
    assert!(fine && table.into_iter().all(|word| text.contains(word)), "{text}");
    let (fine, text) = handraiser(&server, &["merges", "--source", "backend", "--format", "json"]);
    assert!(fine && text.contains("ana-old") && !text.contains("mallory"), "{text}");

    let (fine, text) = handraiser(&server, &["forget", "user", "mallory", "--yes"]);
    assert!(fine, "{text}");
    assert_eq!(log(&server, "").await, [merged], "who is forgotten is named no longer");
}

const DEFINITIONS: &str =
    "counters: { tasks: { of: user, event: T } }\ndefinitions: [ { name: busy, of: user, intent: [ tasks > 9 ] } ]";

#[tokio::test]
async fn who_is_forgotten_is_named_by_no_source_that_ever_was() {
    let desk = Desk::with_sources("web: { write_key: w }, cdp: { write_key: c, trust: server }", DEFINITIONS);
    let by = |source: &str, event: Event| Event { source: SourceName::new(source), trust: desk.trust(source), ..event };
    let alias = |from: &str, to: &str| Event { previous_id: Some(from.into()), ..desk.event(Call::Alias, to) };
    let known = ["ana", "mallory", "mal", "m"].map(|user| desk.track(user, "T"));
    desk.send(known.into()).await;
    desk.send(vec![by("web", alias("ana", "mallory")), by("web", alias("mallory", "eve"))]).await;
    // One id by way of another: what was said of those two names the user as well.
    desk.send(vec![by("cdp", alias("m", "mal"))]).await;
    desk.send(vec![by("cdp", alias("mal", "mallory"))]).await;
    // Both sources leave.
    desk.reload(DEFINITIONS).await;
    let logs = async || desk.text(&RecordKey::source("web")).await + &desk.text(&RecordKey::source("cdp")).await;
    let before = logs().await;
    assert!(["mallory", "\"mal\"", "\"m\"", "eve"].iter().all(|id| before.contains(id)), "{before}");
    let ana = async || desk.text(&RecordKey::user("ana")).await;
    assert!(ana().await.contains("mallory"), "whom a web page said to be her");
    desk.engine.forget(&RecordKey::user("mallory")).await.expect("it is forgotten");
    desk.settle().await;
    let after = logs().await;
    assert!(!after.contains("merge"), "{after}");
    let after = ana().await;
    assert!(after.contains("known") && !after.contains("mallory"), "{after}");
}
