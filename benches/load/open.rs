//! Latency at a given rate: requests fall due by the clock, whatever became of those before, and each is measured from the
//! moment at which it was due. A server that stalls for a second is charged for all that came due in that second.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::closed::send;
use crate::harness::http::Connection;
use crate::latency::{Latencies, Summary};
use crate::story::Request;

/// Sends `rate` requests a second for `length`, shared by the connections in turn.
pub async fn run(address: SocketAddr, requests: Vec<Request>, rate: f64, length: Duration) -> anyhow::Result<Summary> {
    let mut senders = Vec::with_capacity(requests.len());
    let mut tasks = Vec::with_capacity(requests.len());
    for request in requests {
        let (sender, receiver) = unbounded_channel();
        senders.push(sender);
        let connection = Connection::open(address).await?;
        tasks.push(tokio::spawn(drive(connection, request, receiver)));
    }
    // A thread of its own: the runtime's timers tick in milliseconds, a thread's sleep is good to some 60 µs.
    let pacer = std::thread::spawn(move || pace(&senders, rate, length));
    let mut latencies = Latencies::default();
    for task in tasks {
        latencies.merge(&task.await.context("a connection's task ended early")??);
    }
    pacer.join().map_err(|_| anyhow::anyhow!("the pacer panicked"))?;
    Ok(latencies.summary())
}

fn pace(senders: &[UnboundedSender<Instant>], rate: f64, length: Duration) {
    let start = Instant::now();
    let total = (rate * length.as_secs_f64()) as u64;
    for (n, sender) in (0..total).zip(senders.iter().cycle()) {
        let due = start + Duration::from_secs_f64(n as f64 / rate);
        let wait = due.saturating_duration_since(Instant::now());
        if !wait.is_zero() {
            std::thread::sleep(wait);
        }
        // Fails only when the connection's task failed, which it reports itself.
        let _ = sender.send(due);
    }
}

async fn drive(
    mut connection: Connection,
    mut request: Request,
    mut due: UnboundedReceiver<Instant>,
) -> anyhow::Result<Latencies> {
    let mut latencies = Latencies::default();
    while let Some(due) = due.recv().await {
        request.advance();
        send(&mut connection, request.bytes()).await?;
        latencies.add(due.elapsed());
    }
    Ok(latencies)
}
