//! Senders that retry as Segment does: everything that was not acknowledged is sent again with the same message ids, in
//! requests that are put together anew.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use tokio::task::JoinHandle;

use super::ledger::{Call, Ledger};
use crate::harness::http::Connection;

/// The write key of the campaign's source.
pub const WRITE_KEY: &str = "crash-write-key";

/// How long an answer is waited for. A server that was stopped may take the request all the same, when it goes on.
const PATIENCE: Duration = Duration::from_secs(3);

pub struct Senders {
    tasks: Vec<JoinHandle<()>>,
}

impl Senders {
    pub fn start(count: u64, seed: u64, ledger: &Arc<Ledger>, servers: &[SocketAddr]) -> Self {
        let start =
            |n| tokio::spawn(run(StdRng::seed_from_u64(seed ^ (n << 32)), Arc::clone(ledger), servers.to_vec()));
        Self { tasks: (1..=count).map(start).collect() }
    }

    /// Waits until everything was acknowledged.
    pub async fn finish(self) {
        for task in self.tasks {
            tokio::time::timeout(Duration::from_secs(120), task)
                .await
                .expect("everything is acknowledged within two minutes")
                .expect("a sender does not panic");
        }
    }
}

async fn run(mut dice: StdRng, ledger: Arc<Ledger>, servers: Vec<SocketAddr>) {
    let mut connection = None;
    while let Some(calls) = ledger.take(&mut dice) {
        if calls.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        }
        let request = request(&calls, dice.random_ratio(1, 4).then(|| ledger.remembered(&mut dice)).flatten());
        match exchange(&mut connection, &servers, &request, &mut dice).await {
            Ok(200) => ledger.acknowledge(calls, &mut dice),
            answer => {
                connection = None;
                ledger.refuse(calls, answer.map_or_else(|error| error.kind().to_string(), |status| status.to_string()));
            }
        }
        tokio::time::sleep(Duration::from_millis(dice.random_range(5..60))).await;
    }
}

async fn exchange(
    connection: &mut Option<Connection>,
    servers: &[SocketAddr],
    request: &[u8],
    dice: &mut StdRng,
) -> std::io::Result<u16> {
    let connection = match connection {
        Some(connection) if dice.random_ratio(19, 20) => connection,
        other => {
            let server = *servers.choose(dice).expect("there is a server");
            other.insert(Connection::open(server).await?)
        }
    };
    let answer = tokio::time::timeout(PATIENCE, connection.exchange(request)).await;
    answer.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
}

/// A batch, now and then with a call that was acknowledged before.
fn request(calls: &[Call], once_more: Option<Call>) -> Vec<u8> {
    let items: Vec<&str> = calls.iter().chain(&once_more).map(|call| call.json.as_str()).collect();
    let body = format!(r#"{{"writeKey":"{WRITE_KEY}","batch":[{}]}}"#, items.join(","));
    let length = body.len();
    format!("POST /v1/batch HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}
