//! The highest rate: every connection sends its next request as soon as the last one was answered.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::harness::http::Connection;
use crate::story::Request;

#[derive(Clone, Copy, Debug, Default)]
pub struct Rate {
    pub requests_per_second: f64,
    pub events_per_second: f64,
    pub body_bytes: usize,
}

/// Drives `requests`, one connection each, for `length`, and counts the answers with status 200; any other fails the run.
pub async fn run(address: SocketAddr, requests: Vec<Request>, length: Duration) -> anyhow::Result<Rate> {
    let (events, bytes) = requests.first().map_or((0, 0), |request| (request.events, request.len()));
    let start = Instant::now();
    let tasks: Vec<_> =
        requests.into_iter().map(|request| tokio::spawn(drive(address, request, start + length))).collect();
    let mut answered = 0_u64;
    for task in tasks {
        answered += task.await.context("a connection's task ended early")??;
    }
    let requests_per_second = answered as f64 / start.elapsed().as_secs_f64();
    Ok(Rate { requests_per_second, events_per_second: requests_per_second * events as f64, body_bytes: bytes })
}

async fn drive(address: SocketAddr, mut request: Request, until: Instant) -> anyhow::Result<u64> {
    let mut connection = Connection::open(address).await?;
    let mut answered = 0;
    while Instant::now() < until {
        let status = connection.exchange(request.next()).await?;
        if status != 200 {
            bail!("answered {status}: {}", String::from_utf8_lossy(connection.body()));
        }
        answered += 1;
    }
    Ok(answered)
}
