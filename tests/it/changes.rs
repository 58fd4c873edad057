//! Changes of the configuration: which took force, how they differ, the way back, and what would be lost asks first.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::http::Connection;
use crate::harness::server::{ADMIN_TOKEN, PROGRAM};
use crate::harness::{Redis, Server, eventually};

const SOON: Duration = Duration::from_secs(30);

/// A server that follows a file, and what is asked of it on the command line.
struct Desk {
    server: Server,
    file: PathBuf,
    text: String,
}

impl Desk {
    async fn start(directory: &Path, store: &str) -> Self {
        let mut text = String::new();
        let server = Server::start(directory, |address| {
            text = configuration(address, store);
            text.clone()
        })
        .await;
        Self { server, file: directory.join("handraiser.yaml"), text }
    }

    /// Writes the file as it was first, changed.
    fn write(&self, change: impl FnOnce(&str) -> String) {
        std::fs::write(&self.file, change(&self.text)).unwrap();
    }

    /// What a command says: its exit code, and its words without what changes from run to run.
    fn run(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).env_clear().env("HANDRAISER_SERVER", format!("http://{}", self.server.address()));
        let output = command.env("HANDRAISER_ADMIN_TOKEN", ADMIN_TOKEN).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let here = self.file.parent().unwrap().display().to_string();
        let text = text.replace(&format!("{here}/"), "").replace(&self.server.address().to_string(), "ADDRESS");
        (output.status.code().unwrap(), text)
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let (code, text) = self.run(arguments);
        assert_eq!(code, 0, "{arguments:?}: {text}");
        text
    }

    async fn send(&self, key: &str, event: &Value) {
        let body = json!({ "writeKey": key, "batch": [event] }).to_string();
        let head = "POST /v1/batch HTTP/1.1\r\nHost: t\r\nContent-Type: application/json";
        let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let mut connection = Connection::open(self.server.address()).await.unwrap();
        assert_eq!(connection.exchange(request.as_bytes()).await.unwrap(), 200);
    }

    async fn version(&self) -> String {
        self.server.admin("/config").await.unwrap()["version"].as_str().unwrap().to_owned()
    }

    /// Waits until the last change was refused with these words.
    async fn refused(&self, words: &str) -> String {
        let told = eventually("the change is refused", SOON, async || {
            let config = self.server.admin("/config").await?;
            let message = config["last_reload_error"]["message"].as_str()?.to_owned();
            message.contains(words).then_some(message)
        });
        told.await
    }

    async fn in_force_other_than(&self, before: &str) -> String {
        eventually("the change is in force", SOON, async || {
            Some(self.version().await).filter(|version| version != before)
        })
        .await
    }
}

fn configuration(address: SocketAddr, store: &str) -> String {
    format!(
        r#"server: {{ listen: "{address}", admin_token: {ADMIN_TOKEN} }}
store: {store}
sources:
  app: {{ write_key: the-write-key-1 }}
  old: {{ write_key: the-write-key-2 }}
counters:
  tasks: {{ of: user, event: Task Created }}
  large: {{ of: user, event: Task Created, where: properties.size > 5 }}
definitions:
  - {{ name: busy, of: user, intent: [ tasks >= 1 ] }}
routes:
  - {{ name: everyone, to: self_serve }}
"#
    )
}

fn embedded(directory: &Path) -> String {
    format!("{{ embedded: {{ path: \"{}\" }} }}", directory.join("handraiser.db").display())
}

fn task(user: &str) -> Value {
    json!({ "type": "track", "event": "Task Created", "userId": user, "messageId": user, "properties": { "size": 9 } })
}

fn without(text: &str, word: &str) -> String {
    text.lines().filter(|line| !line.contains(word)).map(|line| format!("{line}\n")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_lost_asks_first() {
    let directory = tempfile::tempdir().unwrap();
    let mut desk = Desk::start(directory.path(), &embedded(directory.path())).await;
    let first = desk.version().await;
    desk.send("the-write-key-2", &task("kim")).await;
    let leads = desk.server.admin("/leads").await.unwrap();
    assert_eq!(
        leads["leads"][0]["lead"]["config_version"],
        json!(first),
        "a lead names the configuration that it was decided under"
    );
    let explained = desk.server.admin("/explain/user/kim").await.unwrap();
    assert_eq!(explained["config_version"], json!(first));

    // A source that still sends and a counter of its own are gone.
    let smaller = |text: &str| without(&without(text, "  old:"), "  large:");
    let other = directory.path().join("other.yaml");
    std::fs::write(&other, smaller(&desk.text)).unwrap();
    let url = format!("http://{}", desk.server.address());
    let (code, said) = desk.run(&["check", other.to_str().unwrap(), "--against", &url]);
    assert_eq!(code, 3, "{said}");
    let said = said.split_once("other.yaml is fine").unwrap().1.replace(&version_of(&said), "HASH");
    insta::assert_snapshot!(said, @r#"
    : 1 source, 1 counter, 1 definition, 0 teams, 1 route, 0 destinations
    version HASH

    busy (user)
      wakes: never, time alone changes nothing
      start: quiet: who qualifies when it appears is noted, not sent

    the running server would refuse it:

    error: `sources.old` would be lost: it sent an event just now, and would be refused
     --> other.yaml
      = help: if it may be, say so: `--accept` (of `serve` and `reload`), or `accept: [sources.old]` in the file

    error: `counters.large` would be lost: it is gone, and its figures with it
     --> other.yaml
      = help: if it may be, say so: `--accept` (of `serve` and `reload`), or `accept: [counters.large]` in the file

    2 errors
    "#);
    desk.write(smaller);
    let message = desk.refused("sources.old").await;
    assert!(message.contains("counters.large"), "{message}");
    assert_eq!(desk.version().await, first);
    let (code, said) = desk.run(&["reload"]);
    assert_eq!(code, 3, "{said}");
    assert!(
        said.contains("stays in force") && said.contains("`sources.old` would be lost: it sent an event"),
        "{said}"
    );
    assert!(desk.server.log().contains("configuration not reloaded: it would lose something"));
    desk.send("the-write-key-2", &task("ben")).await;

    // The file may say what may be lost; or whoever reloads.
    desk.write(|text| format!("accept: [sources.old]\n{}", smaller(text)));
    eventually("the word is heard", SOON, async || {
        let message = desk.refused("counters.large").await;
        (!message.contains("sources.old")).then_some(())
    })
    .await;
    assert!(desk.ok(&["reload", "--accept"]).contains("has taken force"));
    assert_ne!(desk.version().await, first);
    assert!(desk.ok(&["reload"]).contains("has force already"));

    // As at a reload, so at a start.
    desk.write(|text| {
        without(&smaller(text), "definitions").replace("  - { name: busy, of: user, intent: [ tasks >= 1 ] }\n", "")
    });
    desk.refused("`definitions` would be lost").await;
    desk.server.kill();
    desk.server.respawn();
    let status = eventually("the start is refused", SOON, async || desk.server.ended()).await;
    assert_eq!(status.code(), Some(3), "{}", desk.server.log());
    assert!(
        desk.server.log().contains("`definitions` would be lost: there is no such section any more; it had 1 entry")
    );
    desk.server.respawn_with(&["--accept"]);
    desk.server.ready().await;
    desk.server.kill();
    desk.server.respawn();
    desk.server.ready().await;
}

/// A new definition is decided about for people who do nothing any more, on every store, as `handraiser backfill` shows.
async fn the_silent_are_looked_at(store: &str, directory: &Path) {
    let desk = Desk::start(directory, store).await;
    let first = desk.version().await;
    for user in ["kim", "ben", "lee"] {
        desk.send("the-write-key-1", &task(user)).await;
    }
    let everybody =
        |users: &str| format!("everybody was looked at for what the configuration says ({users} users and accounts");
    desk.write(|text| {
        text.replace(
            "definitions:",
            "definitions:\n  - { name: sent, of: user, intent: [ large >= 1 ], start: send }\n  - { name: noted, of: user, intent: [ large >= 1 ] }",
        )
    });
    desk.in_force_other_than(&first).await;
    let leads = eventually("they are leads", SOON, async || {
        let leads = desk.server.admin("/leads?definition=sent").await?;
        (leads["leads"].as_array()?.len() == 3).then_some(leads)
    });
    leads.await;
    eventually("it is told", SOON, async || desk.ok(&["backfill"]).starts_with(&everybody("3")).then_some(())).await;
    let noted = desk.server.admin("/leads?definition=noted").await.unwrap();
    assert_eq!(noted["leads"], json!([]));
    let explained = desk.server.admin("/explain/user/kim").await.unwrap();
    assert_eq!(explained["definitions"][1]["held_back"]["by"], "quiet_start", "{explained:#}");
    let (code, said) = desk.run(&["backfill", "--now", "--definition", "sents"]);
    assert_eq!((code, said.contains("there is no definition `sents`")), (1, true), "{said}");
    desk.ok(&["backfill", "--now", "--definition", "sent"]);
    eventually("it is told", SOON, async || desk.ok(&["backfill"]).starts_with(&everybody("3")).then_some(())).await;
    eventually("it is measured", SOON, async || {
        let (_, metrics) = desk.server.get("/metrics").await?;
        String::from_utf8_lossy(&metrics).contains("\nhandraiser_backfill_open_shards 0\n").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_silent_are_looked_at_in_the_embedded_store() {
    let directory = tempfile::tempdir().unwrap();
    the_silent_are_looked_at(&embedded(directory.path()), directory.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_silent_are_looked_at_in_redis() {
    let (directory, redis) = (tempfile::tempdir().unwrap(), Redis::start("always").await);
    the_silent_are_looked_at(&format!("{{ redis: {{ url: \"{}\" }} }}", redis.url()), directory.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_empty_or_cut_off_never_takes_force() {
    let directory = tempfile::tempdir().unwrap();
    let desk = Desk::start(directory.path(), &embedded(directory.path())).await;
    let first = desk.version().await;
    for text in ["", "# to be written\n", "{}\n"] {
        desk.write(|_| text.to_owned());
        desk.refused("the configuration is empty").await;
        let (code, said) = desk.run(&["check", desk.file.to_str().unwrap()]);
        assert_eq!(code, 1, "{said}");
        desk.write(|text| text.split("definitions").next().unwrap().to_owned());
        desk.refused("`routes` would be lost").await;
    }
    assert_eq!(desk.version().await, first);
    desk.write(str::to_owned);
    eventually("it is right again", SOON, async || {
        desk.server.admin("/config").await.filter(|config| config["last_reload_error"].is_null())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_listed_compared_and_gone_back_to() {
    let directory = tempfile::tempdir().unwrap();
    let desk = Desk::start(directory.path(), &embedded(directory.path())).await;
    let first = desk.version().await;
    desk.write(|text| {
        text.replace("tasks >= 1", "tasks >= 2")
            .replace("  large:", "  # of late\n  fresh: { of: user, event: any }\n  large:")
    });
    let second = desk.in_force_other_than(&first).await;
    let listed = eventually("both are listed", SOON, async || {
        Some(desk.ok(&["config", "list"])).filter(|listed| listed.contains(&second))
    })
    .await;
    let rows: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().take(2).collect()).collect();
    assert_eq!(rows, [["VERSION", "HASH"], ["2", &second], ["1", &first]], "{listed}");

    let shown = desk.ok(&["config", "show", &first]);
    assert!(!shown.contains("the-write-key") && !shown.contains(ADMIN_TOKEN), "no secret is kept:\n{shown}");
    assert!(shown.contains("  app: { write_key: ••• }"), "{shown}");
    insta::assert_snapshot!(desk.ok(&["config", "diff"]), @r"
    + new      counters.fresh
    ~ changed  definitions.busy

    --- handraiser.yaml (version 1)
    +++ handraiser.yaml (version 2)
    @@ -5,8 +5,10 @@
       old: { write_key: ••• }
     counters:
       tasks: { of: user, event: Task Created }
    +  # of late
    +  fresh: { of: user, event: any }
       large: { of: user, event: Task Created, where: properties.size > 5 }
     definitions:
    -  - { name: busy, of: user, intent: [ tasks >= 1 ] }
    +  - { name: busy, of: user, intent: [ tasks >= 2 ] }
     routes:
       - { name: everyone, to: self_serve }
    ");
    assert_eq!(desk.ok(&["config", "diff", "1", "2"]), desk.ok(&["config", "diff"]));
    assert_eq!(desk.run(&["config", "show", "9"]).0, 1);

    let said = desk.ok(&["config", "rollback", "1", desk.file.to_str().unwrap()]);
    assert!(said.contains("version 1 is in the files again"), "{said}");
    assert_eq!(std::fs::read_to_string(&desk.file).unwrap(), desk.text, "with the secrets of the file");
    assert_eq!(desk.in_force_other_than(&second).await, first);
    eventually("it is a version of its own", SOON, async || {
        desk.ok(&["config", "list"]).contains("\n2 ").then_some(())
    })
    .await;
    assert_eq!(desk.run(&["check", desk.file.to_str().unwrap()]).0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_a_store_share_the_versions_and_what_was_accepted() {
    let redis = Redis::start("everysec").await;
    let store = format!("{{ redis: {{ url: \"{}\" }} }}", redis.url());
    let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let one = Desk::start(directories[0].path(), &store).await;
    one.send("the-write-key-2", &task("kim")).await;
    // The same file but for the address, which is the server's own: so their hashes differ.
    let same = |text: &str| text.split_once('\n').unwrap().1.to_owned();
    let common = format!("server: {{ listen: \"127.0.0.1:0\", admin_token: {ADMIN_TOKEN} }}\n{}", same(&one.text));
    let two = Desk::start(directories[1].path(), &store).await;
    for desk in [&one, &two] {
        desk.write(|_| common.clone());
    }
    for desk in [&one, &two] {
        eventually("it is in force", SOON, async || {
            let listed = desk.server.admin("/config/versions").await?;
            let hash = listed["versions"][0]["hash"].as_str()?.to_owned();
            (listed["in_force"] == json!(hash) && desk.server.admin("/config").await?["version"] == json!(hash))
                .then_some(())
        })
        .await;
    }
    let numbers = |listed: Value| listed["versions"].as_array().map(Vec::len);
    let listed = one.server.admin("/config/versions").await.unwrap();
    assert_eq!(two.server.admin("/config/versions").await.map(numbers), Some(numbers(listed)));

    let before = one.version().await;
    // The second has heard nothing of that source itself.
    let smaller = directories[1].path().join("smaller");
    std::fs::write(&smaller, without(&common, "  old:")).unwrap();
    let url = format!("http://{}", two.server.address());
    let check = ["check", smaller.to_str().unwrap(), "--against", &url];
    eventually("the second knows of it", SOON, async || (two.run(&check).0 == 3).then_some(())).await;
    for desk in [&one, &two] {
        desk.write(|_| without(&common, "  old:"));
    }
    for desk in [&one, &two] {
        desk.refused("sources.old").await;
    }
    one.ok(&["reload", "--accept"]);
    let after = two.in_force_other_than(&before).await;
    assert_eq!(one.version().await, after, "accepted once for all of them");
}

fn version_of(said: &str) -> String {
    said.lines().find_map(|line| line.strip_prefix("version ")).unwrap_or("HASH").to_owned()
}
