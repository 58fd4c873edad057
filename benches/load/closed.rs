//! The highest rate that is kept up: every connection sends its next request as soon as the last one was answered, and the clock
//! stops only when all of it is applied. A sender that is told to come back later (503) does.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::harness::http::Connection;
use crate::story::Request;

/// How long a sender waits that was told to come back later.
const LATER: Duration = Duration::from_millis(20);
/// How long is waited until everything is applied.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug, Default)]
pub struct Rate {
    pub requests_per_second: f64,
    pub events_per_second: f64,
    pub body_bytes: usize,
}

/// Drives `requests`, one connection each, for `length`, and counts the answers with status 200; any other but 503 fails the run.
pub async fn run(addresses: &[SocketAddr], requests: Vec<Request>, length: Duration) -> anyhow::Result<Rate> {
    let (events, bytes) = requests.first().map_or((0, 0), |request| (request.events, request.len()));
    let start = Instant::now();
    let tasks: Vec<_> = requests
        .into_iter()
        .zip(addresses.iter().cycle())
        .map(|(request, address)| tokio::spawn(drive(*address, request, start + length)))
        .collect();
    let mut answered = 0_u64;
    for task in tasks {
        answered += task.await.context("a connection's task ended early")??;
    }
    if let Some(address) = addresses.first() {
        applied(*address).await?;
    }
    let requests_per_second = answered as f64 / start.elapsed().as_secs_f64();
    Ok(Rate { requests_per_second, events_per_second: requests_per_second * events as f64, body_bytes: bytes })
}

async fn drive(address: SocketAddr, mut request: Request, until: Instant) -> anyhow::Result<u64> {
    let mut connection = Connection::open(address).await?;
    let mut answered = 0;
    while Instant::now() < until {
        match connection.exchange(request.next()).await? {
            200 => answered += 1,
            503 => tokio::time::sleep(LATER).await,
            status => bail!("answered {status}: {}", String::from_utf8_lossy(connection.body())),
        }
    }
    Ok(answered)
}

/// Waits until nothing in any log waits to be applied. The bare echo has no log.
async fn applied(address: SocketAddr) -> anyhow::Result<()> {
    let mut connection = Connection::open(address).await?;
    let start = Instant::now();
    let request = format!("GET /ready HTTP/1.1\r\nHost: {address}\r\n\r\n");
    while start.elapsed() < PATIENCE {
        connection.exchange(request.as_bytes()).await?;
        let ready: Value = serde_json::from_slice(connection.body()).unwrap_or_default();
        if ready["lag_entries"].as_u64().unwrap_or(0) == 0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    bail!("not everything is applied within {} s", PATIENCE.as_secs())
}
