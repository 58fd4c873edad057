//! The highest rate that is kept up: every connection sends its next request as soon as the last one was answered, and the clock
//! stops only when all of it is applied. A sender that is told to come back later (503) does, with the same request.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::cpu::Cpu;
use crate::harness::http::Connection;
use crate::story::Request;
use crate::world::World;

/// How long a sender waits that was told to come back later.
const LATER: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug, Default)]
pub struct Rate {
    pub requests: u64,
    /// In a request.
    pub events: usize,
    pub body_bytes: usize,
    pub seconds: f64,
    pub cpu: Cpu,
}

impl Rate {
    pub fn requests_per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    pub fn all_events(&self) -> f64 {
        self.requests as f64 * self.events as f64
    }

    pub fn events_per_second(&self) -> f64 {
        self.all_events() / self.seconds
    }

    /// CPU seconds as microseconds for each event.
    pub fn micros(&self, cpu_seconds: f64) -> f64 {
        cpu_seconds * 1e6 / self.all_events().max(1.0)
    }
}

/// Drives `requests`, one connection each, for `length` or until they end, shared by the servers in turn. Counts the answers with
/// status 200; any other but 503 fails the run.
pub async fn run(world: &World, requests: Vec<Request>, length: Duration) -> anyhow::Result<Rate> {
    let (events, body_bytes) = requests.first().map_or((0, 0), |request| (request.events, request.len()));
    let (start, before) = (Instant::now(), Cpu::so_far(world));
    let tasks: Vec<_> = requests
        .into_iter()
        .zip(world.addresses.iter().cycle())
        .map(|(request, address)| tokio::spawn(drive(*address, request, start + length)))
        .collect();
    let mut requests = 0;
    for task in tasks {
        requests += task.await.context("a connection's task ended early")??;
    }
    world.settle().await?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(Rate { requests, events, body_bytes, seconds, cpu: Cpu::so_far(world) - before })
}

async fn drive(address: SocketAddr, mut request: Request, until: Instant) -> anyhow::Result<u64> {
    let mut connection = Connection::open(address).await?;
    let mut answered = 0;
    while Instant::now() < until && request.advance() {
        send(&mut connection, request.bytes()).await?;
        answered += 1;
    }
    Ok(answered)
}

/// Sends a request until it is taken.
pub async fn send(connection: &mut Connection, request: &[u8]) -> anyhow::Result<()> {
    loop {
        match connection.exchange(request).await? {
            200 => return Ok(()),
            503 => tokio::time::sleep(LATER).await,
            status => bail!("answered {status}: {}", String::from_utf8_lossy(connection.body())),
        }
    }
}
