//! A receiver that stands for a fast CRM: it counts different signed leads and answers at once, in a thread of its own, so that
//! it takes no turn from the senders.

use std::collections::HashSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::harness::http::{Connection, content_length, find};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
/// How many connections measure the receiver alone: as many as a destination has by default.
const CONNECTIONS: usize = 8;

pub struct Counter {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    /// Dropping it ends the thread.
    _end: oneshot::Sender<()>,
}

#[derive(Default)]
struct Seen {
    /// By their `webhook-id`: what is delivered twice counts once.
    ids: HashSet<String>,
    /// When the last of them came.
    at: Option<Instant>,
    body: Vec<u8>,
}

impl Counter {
    pub fn start() -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let seen = Arc::<Mutex<Seen>>::default();
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

    pub fn url(&self) -> String {
        format!("http://{}/leads", self.address)
    }

    /// How many leads arrived, and when the last one did.
    pub fn count(&self) -> (usize, Option<Instant>) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (seen.ids.len(), seen.at)
    }

    /// One of the leads.
    pub fn example(&self) -> Vec<u8> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).body.clone()
    }

    /// Requests a second that the receiver takes when nothing is before it.
    pub async fn alone(&self, body: &[u8], length: Duration) -> anyhow::Result<f64> {
        let head = format!("POST /leads HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n", self.address, body.len());
        let request = Arc::new([head.as_bytes(), body].concat());
        let start = Instant::now();
        let send = |request: Arc<Vec<u8>>| async move {
            let mut connection = Connection::open(self.address).await?;
            let mut answered = 0_u64;
            while start.elapsed() < length {
                connection.exchange(&request).await?;
                answered += 1;
            }
            io::Result::Ok(answered)
        };
        let answered = futures::future::try_join_all((0..CONNECTIONS).map(|_| send(Arc::clone(&request)))).await?;
        Ok(answered.iter().sum::<u64>() as f64 / start.elapsed().as_secs_f64())
    }
}

async fn accept(listener: std::net::TcpListener, seen: Arc<Mutex<Seen>>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let seen = Arc::clone(&seen);
        // A connection that breaks is the sender's matter: it sends again.
        tokio::spawn(async move { serve(stream, &seen).await.ok() });
    }
}

async fn serve(mut stream: TcpStream, seen: &Mutex<Seen>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(16 * 1024);
    while stream.read_buf(&mut buffer).await? > 0 {
        while let Some(head) = find(&buffer, b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&buffer[..head]);
            let end = head + 4 + content_length(&text).unwrap_or(0);
            if buffer.len() < end {
                break;
            }
            if let (Some(id), Some(_)) = (header(&text, "webhook-id"), header(&text, "webhook-signature")) {
                seen.lock().unwrap_or_else(PoisonError::into_inner).add(id, &buffer[head + 4..end]);
            }
            stream.write_all(ANSWER).await?;
            buffer.drain(..end);
        }
    }
    Ok(())
}

impl Seen {
    fn add(&mut self, id: &str, body: &[u8]) {
        if self.ids.insert(id.to_owned()) {
            self.at = Some(Instant::now());
        }
        if self.body.is_empty() {
            self.body = body.to_vec();
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    fields.into_iter().find_map(|(field, value)| field.eq_ignore_ascii_case(name).then(|| value.trim()))
}
