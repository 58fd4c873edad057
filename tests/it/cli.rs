//! The command line from outside: the help that people read, and a server that is run, asked and stopped by the binary.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::http::Connection;
use crate::harness::server::ADMIN_TOKEN;
use crate::harness::{Redis, Server, eventually, free_address, hooks};

#[test]
fn help() {
    let mut command = handraiser::cli::command();
    command.build();
    let mut text = command.render_long_help().to_string();
    for subcommand in command.get_subcommands_mut().filter(|subcommand| subcommand.get_name() != "help") {
        let help = subcommand.render_long_help();
        text.push_str(&format!("\n════ {} ════\n\n{help}", subcommand.get_name()));
    }
    insta::assert_snapshot!("help", text);
}

/// The binary, with nothing of this machine's own settings.
fn handraiser(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handraiser"));
    command.args(arguments).env_clear();
    command
}

fn text(output: &Output) -> (bool, String) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

#[test]
fn a_command_without_a_server_says_what_to_do() {
    let server = format!("http://{}", free_address());
    let (success, text) = text(&handraiser(&["leads", "--server", &server, "--token", "t"]).output().unwrap());
    assert!(!success);
    for part in [server.as_str(), "handraiser serve", "--server URL"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_configuration_that_is_wrong_stops_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("handraiser.yaml");
    std::fs::write(&file, "counters:\n  tasks: { off: account, event: Task Created }\n").unwrap();
    let output = handraiser(&["serve", "--config", file.to_str().unwrap()]).output().unwrap();
    let (success, text) = text(&output);
    assert!(!success && text.contains(":2:12") && text.contains("`off`"), "{text}");
}

#[test]
fn the_starter_is_written_once_and_is_right() {
    let directory = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = handraiser(arguments);
        command.current_dir(directory.path());
        for (name, value) in [
            ("APP_WRITE_KEY", "a-write-key-for-this-test"),
            ("HANDRAISER_ADMIN_TOKEN", "an-admin-token-for-this-test-only"),
            ("CRM_WEBHOOK_URL", "https://crm.example.com/hooks/leads"),
            ("CRM_WEBHOOK_SECRET", "whsec_Q0JTVk1YWjEyMzQ1Njc4OTBhYmNkZWZnaGlqa2xtbm8="),
        ] {
            command.env(name, value);
        }
        text(&command.output().unwrap())
    };
    assert!(run(&["init"]).0);
    let mode = std::fs::metadata(directory.path().join("handraiser.yaml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "whoever writes secrets into it does so for themselves alone");
    let (fine, findings) = run(&["check", "--strict"]);
    assert!(fine, "{findings}");
    let (success, refusal) = run(&["init"]);
    assert!(!success && refusal.contains("--force"), "{refusal}");
}

fn configuration(address: SocketAddr, directory: &Path, webhook: &str) -> String {
    format!(
        r#"
server: {{ listen: "{address}", admin_token: {ADMIN_TOKEN}, drain_timeout: 10s }}
store: {{ embedded: {{ path: "{}" }} }}
sources:
  app: {{ write_key: key }}
counters:
  tasks_30d: {{ of: account, event: Task Created, within: 30d, label: tasks created }}
definitions:
  - {{ name: busy, of: account, intent: [ tasks_30d > 2 ], fit: [ account.plan == "free" ] }}
teams:
  sales: {{ reps: [ana@example.com] }}
routes:
  - {{ name: everyone, to: sales }}
destinations:
  crm: {{ webhook: {{ url: "{webhook}" }}, allow_addresses: [127.0.0.0/8] }}
"#,
        directory.join("handraiser.db").display()
    )
}

async fn post(server: &Server, path: &str, body: &Value) -> u16 {
    let mut connection = Connection::open(server.address()).await.unwrap();
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: t\r\nAuthorization: Basic a2V5Og==\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.exchange(request.as_bytes()).await.unwrap()
}

async fn metrics(server: &Server) -> String {
    let mut connection = Connection::open(server.address()).await.unwrap();
    connection.exchange(b"GET /metrics HTTP/1.1\r\nHost: t\r\n\r\n").await.unwrap();
    String::from_utf8_lossy(connection.body()).into_owned()
}

/// What a command prints about the server.
fn ask(server: &Server, arguments: &[&str]) -> String {
    let url = format!("http://{}", server.address());
    let output = handraiser(arguments).args(["--server", &url, "--token", ADMIN_TOKEN]).output().unwrap();
    let (success, text) = text(&output);
    assert!(success, "{arguments:?}: {text}");
    text
}

fn task(number: usize) -> Value {
    json!({
        "type": "track", "event": "Task Created", "userId": "u1", "messageId": format!("m{number}"),
        "context": { "groupId": "acme" },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn from_events_to_a_lead_and_a_graceful_end() {
    let directory = tempfile::tempdir().unwrap();
    let crm = hooks::Receiver::start(|_| 200).await;
    let mut server =
        Server::start(directory.path(), |address| configuration(address, directory.path(), &crm.url())).await;

    let group =
        json!({ "userId": "u1", "groupId": "acme", "messageId": "g", "traits": { "name": "Acme", "plan": "free" } });
    assert_eq!(post(&server, "/v1/group", &group).await, 200);
    assert_eq!(post(&server, "/v1/batch", &json!({ "batch": [task(1), task(2), { "type": "track" }] })).await, 200);
    let explained = ask(&server, &["explain", "account", "acme"]);
    assert!(explained.contains("✗ busy") && explained.contains("2 of 3"), "{explained}");
    assert!(ask(&server, &["leads"]).contains("No leads yet"));
    assert!(ask(&server, &["rejected"]).contains("app"));

    assert_eq!(post(&server, "/v1/track", &task(3)).await, 200);
    let hook = eventually("the lead arrives", Duration::from_secs(10), async || crm.hooks().first().cloned()).await;
    assert_eq!(hook.json()["lead"]["account"]["name"], "Acme");
    let lead = hook.json()["lead"]["id"].as_str().unwrap().to_owned();

    eventually("the delivery is settled", Duration::from_secs(10), async || {
        ask(&server, &["deliveries", "--state", "done"]).contains("crm").then_some(())
    })
    .await;
    let leads = ask(&server, &["leads"]);
    assert!(leads.contains("ana@example.com") && leads.contains("account:acme"), "{leads}");
    let page = ask(&server, &["lead", &lead]);
    for part in ["→ ana@example.com", "qualified", "routed", "crm", "nothing waits"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let explained = ask(&server, &["explain", "account:acme"]);
    assert!(explained.contains("✓ busy") && explained.contains(&lead), "{explained}");
    let leads: Value = serde_json::from_str(&ask(&server, &["leads", "--format", "json"])).unwrap();
    assert_eq!(leads["leads"][0]["id"], json!(lead));
    assert!(ask(&server, &["status"]).contains("app"));

    let forgotten = ask(&server, &["forget", "account", "acme", "--yes"]);
    assert!(forgotten.contains("1 record, 1 lead"), "{forgotten}");
    assert!(ask(&server, &["leads"]).contains("No leads yet"));

    let status = server.terminate();
    assert!(status.success(), "{status}: {}", server.log());
    assert!(server.log().contains("stopped"), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_is_put_in_force_and_a_wrong_one_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let crm = hooks::Receiver::start(|_| 200).await;
    let server = Server::start(directory.path(), |address| configuration(address, directory.path(), &crm.url())).await;
    let file = directory.path().join("handraiser.yaml");
    let before = server.admin("/config").await.unwrap();

    let changed =
        configuration(server.address(), directory.path(), &crm.url()).replace("tasks_30d > 2", "tasks_30d > 1");
    std::fs::write(&file, &changed).unwrap();
    let after = eventually("the change is in force", Duration::from_secs(30), async || {
        server.admin("/config").await.filter(|config| config["version"] != before["version"])
    })
    .await;

    std::fs::write(&file, changed.replace("tasks_30d > 1", "task_30d > 1")).unwrap();
    let refused = eventually("the mistake is told", Duration::from_secs(30), async || {
        server.admin("/config").await.filter(|config| !config["last_reload_error"].is_null())
    })
    .await;
    assert_eq!(refused["version"], after["version"]);
    let message = refused["last_reload_error"]["message"].as_str().unwrap();
    assert!(message.contains("did you mean `tasks_30d`?"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_was_given_up_is_replayed() {
    let directory = tempfile::tempdir().unwrap();
    let down = Arc::new(AtomicBool::new(true));
    let answer = Arc::clone(&down);
    let crm = hooks::Receiver::start(move |_| if answer.load(Ordering::SeqCst) { 500 } else { 200 }).await;
    let yaml = |address| {
        let whole = configuration(address, directory.path(), &crm.url());
        whole.replace("allow_addresses:", "retry: { max_attempts: 1 }, allow_addresses:")
    };
    let server = Server::start(directory.path(), yaml).await;
    let group = json!({ "userId": "u1", "groupId": "acme", "messageId": "g", "traits": { "plan": "free" } });
    assert_eq!(post(&server, "/v1/group", &group).await, 200);
    assert_eq!(post(&server, "/v1/batch", &json!({ "batch": [task(1), task(2), task(3)] })).await, 200);

    let dead = eventually("the delivery is given up", Duration::from_secs(10), async || {
        Some(ask(&server, &["deliveries", "--state", "dead"])).filter(|text| text.contains("dead"))
    })
    .await;
    assert!(dead.contains("500") && dead.contains("handraiser replay --all"), "{dead}");

    down.store(false, Ordering::SeqCst);
    let replayed = ask(&server, &["replay", "--all"]);
    assert!(replayed.contains("1 delivery under way again"), "{replayed}");
    eventually("it arrives", Duration::from_secs(10), async || (crm.count() == 2).then_some(())).await;
    let hooks = crm.hooks();
    assert_eq!(hooks[0].header("webhook-id"), hooks[1].header("webhook-id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_way_is_answered_before_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let yaml = |address| configuration(address, directory.path(), "http://127.0.0.1:9/hook");
    let mut server = Server::start(directory.path(), yaml).await;
    let body = task(1).to_string();
    let (head, tail) = body.split_at(10);
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let request = format!(
        "POST /v1/track HTTP/1.1\r\nHost: t\r\nAuthorization: Basic a2V5Og==\r\nContent-Length: {}\r\n\r\n{head}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    eventually("it is taken up", Duration::from_secs(10), async || {
        metrics(&server).await.contains("handraiser_bodies_under_way 1").then_some(())
    })
    .await;

    assert!(Command::new("kill").arg(server.pid().to_string()).status().unwrap().success());
    eventually("it is told to stop", Duration::from_secs(10), async || server.log().contains("stopping").then_some(()))
        .await;
    stream.write_all(tail.as_bytes()).await.unwrap();
    let mut answer = vec![0; 15];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 200 OK");
    let status = eventually("it ends", Duration::from_secs(10), async || server.ended()).await;
    assert!(status.success(), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_redis_is_away_waits_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut redis = Redis::start("everysec").await;
    redis.kill();
    let url = redis.url();
    let yaml = |address| {
        let embedded = format!("embedded: {{ path: \"{}\" }}", directory.path().join("handraiser.db").display());
        let whole = configuration(address, directory.path(), "http://127.0.0.1:9/hook");
        whole.replace(&embedded, &format!("redis: {{ url: \"{url}\" }}"))
    };
    let mut server = Server::launch(directory.path(), yaml);
    let status = eventually("it says that it is starting", Duration::from_secs(10), async || {
        let (status, body) = server.get("/ready").await?;
        serde_json::from_slice::<Value>(&body).ok().filter(|body| body["status"] == "starting").map(|_| status)
    });
    assert_eq!(status.await, 503);
    assert_eq!(server.get("/health").await.unwrap().0, 200);
    assert_eq!(post(&server, "/v1/track", &task(1)).await, 503, "nothing is acknowledged from memory");
    let told = ask(&server, &["status"]);
    assert!(told.contains("the server is starting") && told.contains("SOURCE"), "{told}");
    tokio::time::sleep(Duration::from_secs(1)).await;

    redis.restart().await;
    server.ready().await;
    assert_eq!(post(&server, "/v1/track", &task(1)).await, 200);
    assert!(ask(&server, &["explain", "account", "acme"]).contains("1 of 3"));
    let log = server.log();
    assert_eq!(log.matches("the store is away").count(), 1, "{log}");
    assert!(log.contains("the store is there"), "{log}");
    let status = server.terminate();
    assert!(status.success(), "{status}: {}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_waits_for_its_store_can_be_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let nobody = free_address();
    let yaml = |address| {
        let whole = configuration(address, directory.path(), "http://127.0.0.1:9/hook");
        let embedded = format!("embedded: {{ path: \"{}\" }}", directory.path().join("handraiser.db").display());
        whole.replace(&embedded, &format!("redis: {{ url: \"redis://{nobody}/\" }}"))
    };
    let mut server = Server::launch(directory.path(), yaml);
    let waiting = async || server.log().contains("the store is away").then_some(());
    eventually("it waits", Duration::from_secs(10), waiting).await;
    let status = server.terminate();
    assert!(status.success(), "{status}: {}", server.log());
}

#[test]
fn the_demo_plays_to_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = handraiser(&["demo", "--fast", "--events", "1600"]);
    let (success, text) = text(&command.env("TMPDIR", directory.path()).output().unwrap());
    assert!(success, "{text}");
    let near = "nearly: employees is 180; 200+ would have gone to enterprise (territories.csv:4)";
    for part in
        ["Tier 1 · ready for a team plan", "2nd attempt", near, "48 of 51", "leads delivered", "handraiser init"]
    {
        assert!(text.contains(part), "`{part}` is missing:\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "a pipe gets no colours:\n{text}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing stays on the machine");
}

/// From the configuration to the files, through a server that is killed.
#[tokio::test]
async fn the_archive_outlives_a_server_that_is_killed_and_can_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    let configuration = |address: SocketAddr| {
        format!(
            r#"
server: {{ listen: "{address}", admin_token: {ADMIN_TOKEN} }}
store: {{ embedded: {{ path: "{path}/handraiser.db" }} }}
history: {{ path: "{path}/history", keep: 400d }}
sources: {{ app: {{ write_key: k-for-the-archive }} }}
counters: {{ tasks: {{ of: user, event: Task Created }} }}
definitions: [ {{ name: busy, of: user, intent: [ tasks > 1000 ] }} ]
routes: [ {{ name: all, to: self_serve }} ]
"#
        )
    };
    let mut server = Server::start(directory.path(), configuration).await;
    let take = async |server: &Server, id: &str| {
        let event = json!({ "writeKey": "k-for-the-archive", "type": "track", "event": "Task Created", "userId": "ana",
            "messageId": id, "properties": { "board": "nobody reads this" } });
        let body = event.to_string();
        let head = "POST /v1/track HTTP/1.1\r\nHost: test\r\nContent-Type: application/json";
        let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let mut connection = Connection::open(server.address()).await.unwrap();
        assert_eq!(connection.exchange(request.as_bytes()).await.unwrap(), 200);
    };
    let history = |arguments: &[&str]| {
        let archive = format!("{path}/history");
        text(&handraiser(&["history", "--path", &archive]).args(arguments).output().unwrap())
    };
    take(&server, "before").await;
    server.kill();
    server.respawn();
    server.ready().await;
    take(&server, "after").await;
    eventually("both are in segments", Duration::from_secs(150), async || {
        let (success, told) = history(&["cat", "user:ana"]);
        assert!(success, "{told}");
        let lines: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert!(lines.len() <= 2, "each once: {told}");
        let all =
            lines.len() == 2 && lines.iter().all(|line| line["event"]["properties"]["board"] == "nobody reads this");
        all.then_some(())
    })
    .await;
    let (success, shown) = history(&["show", "--verify"]);
    assert!(success && shown.contains("SEGMENTS") && !shown.contains("gap"), "{shown}");
    let (success, nobody) = history(&["cat", "user:ben"]);
    assert_eq!((success, nobody.as_str()), (true, ""));

    // Definitions that were never in force see it, too.
    let write = |name: &str, definitions: &str| {
        let file = format!("{path}/{name}");
        let text = configuration(server.address());
        let (text, _) = text.split_once("definitions:").unwrap();
        std::fs::write(&file, format!("{text}definitions: [ {definitions} ]\n")).unwrap();
        file
    };
    let before = write("before.yaml", "{ name: busy, of: user, intent: [ tasks >= 2 ] }");
    let eager = "{ name: busy, of: user, intent: [ tasks >= 3 ] }, { name: begun, of: user, intent: [ tasks >= 1 ], tiers: { 2: true } }";
    let eager = write("eager.yaml", eager);
    let (success, told) =
        text(&handraiser(&["backtest", "--config", &eager, "--against", &before, "--list"]).output().unwrap());
    assert!(success, "{told}");
    let row = |name: &str| told.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {told}"));
    let row = |name: &str| row(name).split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>();
    assert_eq!(row("begun")[..3], ["begun", "user", "1"], "{told}");
    assert_eq!(row("busy")[..3], ["busy", "user", "0"], "{told}");
    let listed = |sign: &str| told.lines().filter(|line| line.contains(sign) && line.ends_with("user ana")).count();
    assert_eq!((listed("  +  begun"), listed("  -  busy")), (1, 1), "{told}");
    let output = handraiser(&["backtest", "--config", &before, "--format", "json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["events"], &report["leads"][0]["id"]), (&json!(2), &json!("ana")), "{report:#}");

    let explain =
        |at: &str| text(&handraiser(&["explain", "user:ana", "--config", &eager, "--at", at]).output().unwrap());
    let (success, now) = explain("0d");
    assert!(success && now.contains("as of") && now.contains("tasks >= 3") && now.contains("1 more"), "{now}");
    let (success, then) = explain("400d");
    assert!(!success && then.contains("the archive tells nothing of user ana"), "{then}");
}
