//! Reading what was written on a Redis Cluster, where each shard commits alone and messages travel, while events never stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::Server;
use crate::harness::http::Connection;
use crate::harness::server::ADMIN_TOKEN;
use crate::redis_server::Cluster;

const SENDERS: u64 = 6;
const BATCH: u64 = 20;
const QUESTIONS: usize = 12;

fn configuration(store: &str, address: std::net::SocketAddr) -> String {
    format!(
        r#"
server: {{ listen: "{address}", admin_token: {ADMIN_TOKEN} }}
store: {store}
sources: {{ app: {{ write_key: key }} }}
counters:
  tasks: {{ of: account, event: Task Created }}
  mine:  {{ of: user, event: Task Created }}
definitions: [ {{ name: busy, of: account, intent: tasks >= 1000000 }} ]
routes: [ {{ name: everyone, to: self_serve }} ]
"#
    )
}

/// Events of many people of one account for each sender, so that each request becomes messages between shards.
async fn send(address: std::net::SocketAddr, sender: u64, taken: Arc<AtomicU64>, stop: Arc<AtomicBool>) {
    let mut connection = Connection::open(address).await.expect("it connects");
    let mut number = 0;
    while !stop.load(Ordering::SeqCst) {
        let event = |nth: u64| {
            json!({
                "type": "track", "event": "Task Created", "messageId": format!("m{sender}-{}", number + nth),
                "userId": format!("u{sender}-{nth}"), "context": { "groupId": format!("a{sender}") },
            })
        };
        let body = json!({ "batch": (0..BATCH).map(event).collect::<Vec<_>>() }).to_string();
        let head =
            "POST /v1/batch HTTP/1.1\r\nHost: t\r\nAuthorization: Basic a2V5Og==\r\nContent-Type: application/json";
        let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        if connection.exchange(request.as_bytes()).await.expect("it is answered") == 200 {
            number += BATCH;
            taken.store(number, Ordering::SeqCst);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_is_answered_under_load_with_what_was_acknowledged_before() {
    let cluster = tokio::task::block_in_place(|| Cluster::of(3, 0, Duration::from_secs(5), &[]));
    let store = format!("{{ redis: {{ urls: [\"{}\"], cluster: true }} }}", cluster.urls().join("\", \""));
    let directories = [(); 2].map(|()| tempfile::tempdir().expect("a directory can be made"));
    let start = async |at: &tempfile::TempDir| Server::start(at.path(), |address| configuration(&store, address)).await;
    let servers = [start(&directories[0]).await, start(&directories[1]).await];
    let stop = Arc::new(AtomicBool::new(false));
    let taken: Vec<Arc<AtomicU64>> = (0..SENDERS).map(|_| Arc::default()).collect();
    let mut senders = tokio::task::JoinSet::new();
    for (sender, taken) in (0..).zip(&taken) {
        let address = servers[usize::try_from(sender).expect("a few") % 2].address();
        senders.spawn(send(address, sender, Arc::clone(taken), Arc::clone(&stop)));
    }
    let counted = async |server: &Server, sender: usize| {
        let (known, asked) = (taken[sender].load(Ordering::SeqCst), Instant::now());
        let explained = server.admin(&format!("/explain/account/a{sender}")).await;
        let explained = explained.unwrap_or_else(|| panic!("no answer within {:?}\n{}", asked.elapsed(), server.log()));
        (known, explained["counters"]["tasks"].as_f64().expect("a number") as u64)
    };
    while taken.iter().any(|taken| taken.load(Ordering::SeqCst) == 0) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for question in 0..QUESTIONS {
        let (known, found) = counted(&servers[question % 2], question % taken.len()).await;
        assert!(found >= known, "{found} of {known}");
    }
    stop.store(true, Ordering::SeqCst);
    senders.join_all().await;
    for sender in 0..taken.len() {
        let (sent, found) = counted(&servers[sender % 2], sender).await;
        assert_eq!(found, sent);
    }
}
