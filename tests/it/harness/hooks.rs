//! A receiver that stands for the CRM: it takes webhooks, keeps them with the moment of their arrival, and answers what the
//! test wants it to.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::http::{content_length, find};

/// One request that arrived.
#[derive(Clone, Debug)]
pub struct Hook {
    pub at: Instant,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// What it was answered.
    pub status: u16,
}

impl Hook {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(header, _)| header == name).map_or("", |(_, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a delivery is JSON")
    }
}

/// What to answer: a status, decided for each request.
pub type Answer = dyn Fn(&Hook) -> u16 + Send + Sync;

pub struct Receiver {
    address: SocketAddr,
    hooks: Arc<Mutex<Vec<Hook>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Receiver {
    /// Listens on a free port and answers as `answer` says.
    pub async fn start(answer: impl Fn(&Hook) -> u16 + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a loopback port can be bound");
        let address = listener.local_addr().expect("a bound socket has an address");
        let hooks = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(accept(listener, Arc::new(answer), Arc::clone(&hooks)));
        Self { address, hooks, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}/leads", self.address)
    }

    /// Everything that arrived so far, in the order of arrival, repetitions included.
    pub fn hooks(&self) -> Vec<Hook> {
        self.hooks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn count(&self) -> usize {
        self.hooks.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, answer: Arc<Answer>, hooks: Arc<Mutex<Vec<Hook>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (answer, hooks) = (Arc::clone(&answer), Arc::clone(&hooks));
        // A connection that breaks is the sender's matter: it sends again.
        tokio::spawn(async move { serve(stream, &*answer, &hooks).await.ok() });
    }
}

async fn serve(mut stream: TcpStream, answer: &Answer, hooks: &Mutex<Vec<Hook>>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while let Some((mut hook, length)) = read(&mut stream, &mut buffer).await? {
        buffer.drain(..length);
        let status = answer(&hook);
        hook.status = status;
        hooks.lock().unwrap_or_else(PoisonError::into_inner).push(hook);
        let reply =
            format!("HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}");
        stream.write_all(reply.as_bytes()).await?;
    }
    Ok(())
}

/// The next request and its length in bytes; `None` when the sender hung up in between.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<(Hook, usize)>> {
    loop {
        if let Some(head) = find(buffer, b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&buffer[..head]).into_owned();
            let total = head + 4 + content_length(&text).unwrap_or(0);
            if buffer.len() >= total {
                let body = String::from_utf8_lossy(&buffer[head + 4..total]).into_owned();
                return Ok(Some((Hook { at: Instant::now(), headers: headers(&text), body, status: 0 }, total)));
            }
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

fn headers(head: &str) -> Vec<(String, String)> {
    let pairs = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect()
}
