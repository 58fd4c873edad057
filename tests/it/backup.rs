//! Backup and restore as `docs/operations.md` says it, command by command: taken while events arrive, restored elsewhere. What is
//! restored is one moment of the store; what is sent again is counted once; no lead id is used twice.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::hooks::Receiver;
use crate::harness::http::Connection;
use crate::harness::server::ADMIN_TOKEN;
use crate::harness::{Server, eventually};
use crate::redis_server::{self, Cluster};

/// Events of one person, who is a lead with the last of them.
const EACH: u64 = 10;
/// Events in a request: several requests for a person, so that a backup finds some half counted.
const BATCH: u64 = 4;
const ACCOUNTS: u64 = 3;

fn configuration(store: &str, crm: &str) -> impl FnOnce(std::net::SocketAddr) -> String {
    let (store, crm) = (store.to_owned(), crm.to_owned());
    move |address| {
        format!(
            r#"
server: {{ listen: "{address}", admin_token: {ADMIN_TOKEN} }}
store: {store}
sources: {{ app: {{ write_key: key }} }}
counters:
  tasks: {{ of: account, event: Task Created }}
  mine:  {{ of: user, event: Task Created }}
definitions: [ {{ name: busy, of: user, intent: mine >= {EACH} }} ]
routes: [ {{ name: everyone, to: self_serve }} ]
destinations: {{ crm: {{ webhook: {{ url: "{crm}" }}, allow_addresses: [127.0.0.0/8] }} }}
"#
        )
    }
}

fn event(number: u64) -> Value {
    let person = number / EACH;
    json!({
        "type": "track", "event": "Task Created", "messageId": format!("m{number}"), "userId": format!("u{person}"),
        "context": { "groupId": format!("a{}", person % ACCOUNTS) },
    })
}

async fn post(connection: &mut Connection, from: u64) {
    let body = json!({ "batch": (from..from + BATCH).map(event).collect::<Vec<_>>() }).to_string();
    let head =
        "POST /v1/batch HTTP/1.1\r\nHost: t\r\nAuthorization: Basic a2V5Og==\r\nContent-Type: application/json\r\n";
    let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    assert_eq!(connection.exchange(request.as_bytes()).await.expect("it is answered"), 200);
}

/// Events that arrive one request after the other, until it is stopped.
struct Traffic {
    acknowledged: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    sender: tokio::task::JoinHandle<()>,
}

impl Traffic {
    async fn start(server: &Server) -> Self {
        let (acknowledged, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut connection = Connection::open(server.address()).await.expect("it connects");
        let (count, end) = (Arc::clone(&acknowledged), Arc::clone(&stop));
        let sender = tokio::spawn(async move {
            // Slow enough that a backup, however long it takes, is not followed by a long replay.
            let mut pace = tokio::time::interval(Duration::from_millis(10));
            while !end.load(Ordering::SeqCst) {
                post(&mut connection, count.load(Ordering::SeqCst)).await;
                count.fetch_add(BATCH, Ordering::SeqCst);
                pace.tick().await;
            }
        });
        Self { acknowledged, stop, sender }
    }

    fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }

    async fn until(&self, events: u64) {
        eventually("events arrive", Duration::from_secs(20), async || (self.acknowledged() >= events).then_some(()))
            .await;
    }

    async fn stop(self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        self.sender.await.expect("everything was acknowledged");
        self.acknowledged.load(Ordering::SeqCst)
    }
}

/// How many events are counted, over all accounts.
async fn counted(server: &Server) -> u64 {
    let mut all = 0.0;
    for number in 0..ACCOUNTS {
        let account = server.admin(&format!("/explain/account/a{number}")).await.expect("the account is known");
        all += account["counters"]["tasks"].as_f64().expect("it is a number");
    }
    all as u64
}

async fn leads(server: &Server) -> BTreeSet<String> {
    let answer = server.admin("/leads?limit=500").await.expect("leads can be listed");
    let ids =
        answer["leads"].as_array().expect("a list").iter().map(|lead| lead["id"].as_str().expect("an id").to_owned());
    ids.collect()
}

/// Traffic on the store `original`; `backup` is taken meanwhile and restored as the store that it names.
async fn rehearse(original: &str, backup: impl AsyncFnOnce() -> String) {
    let crm = Receiver::start(|_| 200).await;
    let directories = [(); 2].map(|()| tempfile::tempdir().expect("a directory can be made"));
    let first = Server::start(directories[0].path(), configuration(original, &crm.url())).await;
    let traffic = Traffic::start(&first).await;
    traffic.until(200).await;
    let known = leads(&first).await;
    let before = traffic.acknowledged();
    let restored = backup().await;
    let after = traffic.acknowledged() + BATCH;
    traffic.until(after + 200).await;
    let sent = traffic.stop().await;
    assert_eq!(counted(&first).await, sent);
    let all = leads(&first).await;

    let second = Server::start(directories[1].path(), configuration(&restored, &crm.url())).await;
    let found = counted(&second).await;
    assert!((before..=after).contains(&found), "{before} <= {found} <= {after}");
    let kept = leads(&second).await;
    assert_eq!(kept.len() as u64, found / EACH, "users and accounts are of one moment");
    // A lead that was on its way in the log gets its id where it is stored.
    assert!(kept.is_superset(&known), "what was a lead is the same lead");

    // What is not known to be in the backup is sent again, and as nobody knows, everything is.
    let mut connection = Connection::open(second.address()).await.expect("it connects");
    for from in (0..sent).step_by(BATCH as usize) {
        post(&mut connection, from).await;
    }
    assert_eq!(counted(&second).await, sent);
    let now = leads(&second).await;
    assert_eq!(now.len() as u64, sent / EACH);
    assert!(now.is_superset(&kept));
    assert!(now.difference(&kept).all(|id| !all.contains(id)), "an id is never used for two leads");
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("the command can be run; `make setup` installs it");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded_while_it_runs() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let (file, copy) = (directory.path().join("handraiser.db"), directory.path().join("handraiser-backup.db"));
    let store = |path: &Path| format!("{{ embedded: {{ path: {} }} }}", path.display());
    rehearse(&store(&file), async || {
        let sql = format!("VACUUM INTO '{}'", copy.display());
        run(Command::new("sqlite3").arg(&file).arg(sql));
        assert_eq!(run(Command::new("sqlite3").arg(&copy).arg("PRAGMA integrity_check")), "ok");
        store(&copy)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded_stopped_and_copied() {
    let crm = Receiver::start(|_| 200).await;
    let directories = [(); 2].map(|()| tempfile::tempdir().expect("a directory can be made"));
    let store = |at: &Path| format!("{{ embedded: {{ path: {} }} }}", at.join("handraiser.db").display());
    let (here, there) = (directories[0].path(), directories[1].path());
    let mut first = Server::start(here, configuration(&store(here), &crm.url())).await;
    let traffic = Traffic::start(&first).await;
    traffic.until(40).await;
    let sent = traffic.stop().await;
    assert!(first.terminate().success());
    run(Command::new("sh").args(["-c", "cp -p \"$0\"/handraiser.db* \"$1\""]).args([here, there]));
    let second = Server::start(there, configuration(&store(there), &crm.url())).await;
    assert_eq!(counted(&second).await, sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_snapshot_while_it_runs() {
    let redis = redis_server::Server::durable();
    let files = tempfile::tempdir().expect("a directory can be made");
    let mut restored = None;
    rehearse(&format!("{{ redis: {{ url: \"{}\" }} }}", redis.url()), async || {
        let copy = files.path().join("backup.rdb");
        redis.cli(&["--rdb", &copy.display().to_string()]);
        let arguments = ["--appendonly", "no", "--dbfilename", "backup.rdb"];
        let server = redis_server::Server::start_on(&arguments, |directory| {
            std::fs::copy(&copy, directory.join("backup.rdb")).expect("it can be copied");
        });
        assert_eq!(server.cli(&["config", "set", "appendonly", "yes", "appendfsync", "always"]), "OK");
        redis_server::await_that("the append-only file is written", || {
            let persistence = server.cli(&["info", "persistence"]);
            persistence.contains("aof_rewrite_in_progress:0") && persistence.contains("aof_rewrite_scheduled:0")
        });
        let url = server.url();
        restored = Some(server);
        format!("{{ redis: {{ url: \"{url}\", durability: fsync }} }}")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_append_only_files_while_it_runs() {
    let redis = redis_server::Server::durable();
    let mut restored = None;
    rehearse(&format!("{{ redis: {{ url: \"{}\" }} }}", redis.url()), async || {
        // No rewrite may change the set of files while it is copied.
        assert_eq!(redis.cli(&["config", "set", "auto-aof-rewrite-percentage", "0"]), "OK");
        redis_server::await_that("no rewrite is under way", || {
            redis.cli(&["info", "persistence"]).contains("aof_rewrite_in_progress:0")
        });
        let server = redis_server::Server::start_on(&["--appendonly", "yes", "--appendfsync", "always"], |directory| {
            run(Command::new("cp").arg("-rp").args([&redis.directory().join("appendonlydir"), directory]));
        });
        assert_eq!(redis.cli(&["config", "set", "auto-aof-rewrite-percentage", "100"]), "OK");
        let url = server.url();
        restored = Some(server);
        format!("{{ redis: {{ url: \"{url}\", durability: fsync }} }}")
    })
    .await;
}

/// Waits until a cluster that was started again serves its slots.
fn await_cluster(cluster: &Cluster) {
    let serves = |node: &redis_server::Server| node.cli(&["cluster", "info"]).contains("cluster_state:ok");
    redis_server::await_that("the cluster serves its slots", || cluster.nodes().all(serves));
}

/// Copies what a directory holds.
fn copy(from: &Path, to: &Path) {
    run(Command::new("sh").args(["-c", "cp -rp \"$0\"/. \"$1\""]).args([from, to]));
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_cluster_stopped_and_copied() {
    let crm = Receiver::start(|_| 200).await;
    let durable = ["--appendonly", "yes", "--appendfsync", "always"];
    let mut cluster = Cluster::of(3, 0, Duration::from_secs(5), &durable);
    let store = format!("{{ redis: {{ urls: [\"{}\"], cluster: true }} }}", cluster.urls().join("\", \""));
    let directories = [(); 3].map(|()| tempfile::tempdir().expect("a directory can be made"));
    let start = async |at: &tempfile::TempDir| Server::start(at.path(), configuration(&store, &crm.url())).await;

    let mut first = start(&directories[0]).await;
    let traffic = Traffic::start(&first).await;
    traffic.until(100).await;
    let backed_up = traffic.stop().await;
    assert_eq!(counted(&first).await, backed_up);
    let kept = leads(&first).await;
    assert!(first.terminate().success());
    let copies: Vec<_> =
        cluster.masters.iter().map(|_| tempfile::tempdir().expect("a directory can be made")).collect();
    for (master, to) in cluster.masters.iter_mut().zip(&copies) {
        master.cli(&["shutdown"]);
        copy(master.directory(), to.path());
        master.restart();
    }
    await_cluster(&cluster);

    // What comes after the backup is lost with the disks.
    let mut second = start(&directories[1]).await;
    let mut connection = Connection::open(second.address()).await.expect("it connects");
    let sent = backed_up + 100 * BATCH;
    for from in (backed_up..sent).step_by(BATCH as usize) {
        post(&mut connection, from).await;
    }
    assert_eq!(counted(&second).await, sent);
    let all = leads(&second).await;
    assert!(second.terminate().success());
    for (master, from) in cluster.masters.iter_mut().zip(&copies) {
        master.kill();
        run(Command::new("sh").args(["-c", "rm -rf \"$0\"/*"]).arg(master.directory()));
        copy(from.path(), master.directory());
        master.restart();
    }
    await_cluster(&cluster);

    let third = start(&directories[2]).await;
    assert_eq!(counted(&third).await, backed_up);
    assert_eq!(leads(&third).await, kept);
    let mut connection = Connection::open(third.address()).await.expect("it connects");
    for from in (0..sent).step_by(BATCH as usize) {
        post(&mut connection, from).await;
    }
    assert_eq!(counted(&third).await, sent);
    let now = leads(&third).await;
    assert_eq!(now.len() as u64, sent / EACH);
    assert!(now.difference(&kept).all(|id| !all.contains(id)), "an id is never used for two leads");
}
