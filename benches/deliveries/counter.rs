//! A receiver that stands for a fast CRM: it notes when each lead came and answers at once, in a thread of its own. What it takes of memory
//! is taken when it starts.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::harness::http::{content_length, find};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

pub struct Counter {
    pub address: SocketAddr,
    seen: Arc<Seen>,
    /// Dropping it ends the thread.
    _end: oneshot::Sender<()>,
}

struct Seen {
    since: Instant,
    /// By number of the lead: after how many microseconds it came; 0 as long as it didn't.
    at: Box<[AtomicU64]>,
    different: AtomicUsize,
    last: AtomicU64,
}

impl Counter {
    /// For leads with numbers below `most`.
    pub fn start(most: usize) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let at = (0..most).map(|_| AtomicU64::new(0)).collect();
        let seen =
            Arc::new(Seen { since: Instant::now(), at, different: AtomicUsize::new(0), last: AtomicU64::new(0) });
        let (end, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! { _ = accept(listener, shared) => {}, _ = ended => {} }
            });
        });
        Ok(Self { address, seen, _end: end })
    }

    /// How many different leads came.
    pub fn count(&self) -> usize {
        self.seen.different.load(Ordering::Relaxed)
    }

    /// Waits until so many came; when the last of them did.
    pub async fn reached(&self, count: usize, patience: Duration) -> anyhow::Result<Instant> {
        let start = Instant::now();
        while self.count() < count {
            anyhow::ensure!(start.elapsed() < patience, "{} of {count} leads came", self.count());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(self.seen.since + Duration::from_micros(self.seen.last.load(Ordering::Relaxed)))
    }

    /// When a lead came.
    pub fn came(&self, number: usize) -> Option<Instant> {
        let micros = self.seen.at.get(number)?.load(Ordering::Relaxed);
        (micros > 0).then(|| self.seen.since + Duration::from_micros(micros))
    }
}

async fn accept(listener: std::net::TcpListener, seen: Arc<Seen>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let seen = Arc::clone(&seen);
        // A connection that breaks is the sender's matter: it sends again.
        tokio::spawn(async move { serve(stream, &seen).await.ok() });
    }
}

async fn serve(mut stream: TcpStream, seen: &Seen) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(16 * 1024);
    while stream.read_buf(&mut buffer).await? > 0 {
        while let Some(head) = find(&buffer, b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&buffer[..head]);
            let end = head + 4 + content_length(&text).unwrap_or(0);
            if buffer.len() < end {
                break;
            }
            if let Some(number) = number(&text) {
                seen.add(number);
            }
            stream.write_all(ANSWER).await?;
            buffer.drain(..end);
        }
    }
    Ok(())
}

impl Seen {
    fn add(&self, number: usize) {
        let micros = self.since.elapsed().as_micros().max(1) as u64;
        let first = self.at.get(number).map(|at| at.compare_exchange(0, micros, Ordering::Relaxed, Ordering::Relaxed));
        if first.is_some_and(|first| first.is_ok()) {
            self.last.fetch_max(micros, Ordering::Relaxed);
            self.different.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The number of a lead, of `webhook-id: evt_17`.
fn number(head: &str) -> Option<usize> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let id = fields.into_iter().find(|(field, _)| field.eq_ignore_ascii_case("webhook-id"))?.1;
    id.trim().strip_prefix("evt_")?.parse().ok()
}
