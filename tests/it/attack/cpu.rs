//! What the worst event costs that a stranger can send, beside an ordinary one.
//!
//! `cargo test --release --locked --test it attack::cpu -- --nocapture` prints what `docs/security.md` says.

use serde_json::{Map, Value, json};

use crate::harness::Server;
use crate::harness::http::Connection;
use crate::harness::server::ADMIN_TOKEN;

/// Conditions that look at texts and lists of strangers in every way that costs something.
const CONFIGURATION: &str = r#"
traits: { user: { bio: text, title: text, tags: { type: list } } }
counters:
  tasks: { of: user, event: Task Created }
definitions:
  - { name: regex, of: user, intent: [ 'user.bio.matches("(a+)+b")' ] }
  - { name: words, of: user, intent: [ 'user.bio.containsWord(["growth", "revenue", "sales"])' ] }
  - { name: each, of: user, intent: [ 'user.tags.exists(t, user.bio.contains(t))' ] }
  - { name: each regex, of: user, intent: [ 'user.tags.exists(t, t.matches("(a+)+b"))' ] }
  - { name: busy, of: user, intent: [ 'tasks.within(30d) > 1000' ] }
routes: [ { name: all, to: self_serve } ]
"#;

struct Target {
    server: Server,
    connection: Connection,
    _directory: tempfile::TempDir,
}

impl Target {
    async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let path = directory.path().join("handraiser.db");
        let server = Server::start(directory.path(), |address| {
            format!(
                "server: {{ listen: '{address}', admin_token: {ADMIN_TOKEN} }}\nstore: {{ embedded: {{ path: '{}' }} }}\n\
                 sources: {{ web: {{ write_key: cpu-web-key }} }}\n{CONFIGURATION}",
                path.display()
            )
        });
        let server = server.await;
        let connection = Connection::open(server.address()).await.expect("it listens");
        Self { server, connection, _directory: directory }
    }

    /// Milliseconds of the CPU that the server has had.
    fn cpu_ms(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.server.pid())).expect("it runs");
        let (_, rest) = stat.rsplit_once(") ").expect("the name ends");
        rest.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number") * 10).sum()
    }

    /// Milliseconds of the CPU that one of so many events takes, sent alone, until it is applied.
    async fn cost(&mut self, events: u32, event: impl Fn(u32) -> Value) -> f64 {
        let before = self.cpu_ms();
        for n in 0..events {
            let body = event(n).to_string();
            let head = format!(
                "POST /v1/batch?writeKey=cpu-web-key HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            let status = self.connection.exchange(format!("{head}{body}").as_bytes()).await.expect("an answer");
            assert_eq!(status, 200);
        }
        // Reads what was written: all of it is applied by then.
        self.server.admin("/rejected?limit=1").await.expect("an answer");
        let taken = u32::try_from(self.cpu_ms() - before).expect("not weeks");
        f64::from(taken) / f64::from(events)
    }
}

/// One of twenty users, so that their records are there already.
fn call(n: u32, traits: &Map<String, Value>) -> Value {
    json!({ "batch": [{ "type": "identify", "userId": format!("u{}", n % 20), "traits": traits, "messageId": format!("{n}-{}", traits.len()) }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worst_event_costs_a_small_multiple_of_an_ordinary_one() {
    let mut target = Target::start().await;
    let ordinary = |n: u32| {
        let mut traits = Map::new();
        traits.insert("title".to_owned(), json!("Head of Operations"));
        traits.insert("bio".to_owned(), json!("grows things"));
        traits.insert("logins".to_owned(), json!(n));
        call(n, &traits)
    };
    let worst = |n: u32| {
        // What is kept of a text, of a list and of all traits, full to the brim, with nothing that ends a search early.
        let mut traits: Map<String, Value> =
            (0..190).map(|k| (format!("trait_{k}_{n}"), json!("a".repeat(125)))).collect();
        traits.insert("bio".to_owned(), json!("a".repeat(1_024)));
        traits.insert("tags".to_owned(), json!((0..100).map(|k| format!("b{k:05}")).collect::<Vec<_>>()));
        call(n, &traits)
    };
    let length = worst(0).to_string().len();
    assert!((28_000..32_000).contains(&length), "as large as an event may be: {length}");
    target.cost(40, &ordinary).await;
    let (usual, most) = (target.cost(400, &ordinary).await, target.cost(200, &worst).await);
    println!("an ordinary event takes {usual:.3} ms of the CPU, the worst {most:.3} ms: {:.1} times", most / usual);
    assert!(most < 20.0 * usual, "{most} ms, and {usual} ms for an ordinary one");
}
