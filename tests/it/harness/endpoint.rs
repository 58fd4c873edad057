//! An HTTP server whose answers a function gives: what the receiver of webhooks and the stand-ins of vendors are made of.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::http::{content_length, find};

/// One request.
#[derive(Clone, Debug)]
pub struct Call {
    pub at: Instant,
    pub method: String,
    pub path: String,
    /// What is named several times is a list with commas.
    pub query: BTreeMap<String, String>,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Call {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

/// What it is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A status, headers and a body.
    Is(u16, Vec<(&'static str, String)>, String),
    /// Nothing: the connection breaks off, though the request was worked.
    Reset,
    /// Nothing, ever.
    Hang,
    /// A status, and a body that comes a byte at a time.
    Drip,
}

impl Answer {
    pub fn json(status: u16, body: &Value) -> Self {
        Self::Is(status, Vec::new(), body.to_string())
    }
}

type Answering = dyn Fn(Call) -> Answer + Send + Sync;

/// A server that stops when it is dropped.
pub struct Endpoint {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Endpoint {
    /// Listens on a free port and answers as `answer` says.
    pub async fn start(answer: impl Fn(Call) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a loopback port can be bound");
        let address = listener.local_addr().expect("a bound socket has an address");
        let answer: Arc<Answering> = Arc::new(answer);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = Arc::clone(&answer);
                // A connection that breaks is the sender's matter: it sends again.
                tokio::spawn(async move { serve(stream, &*answer).await.ok() });
            }
        });
        Self { address, task }
    }

    /// `http://127.0.0.1:…/`
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, answer: &Answering) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while let Some((call, length)) = read(&mut stream, &mut buffer).await? {
        buffer.drain(..length);
        let (status, headers, body) = match answer(call) {
            Answer::Is(status, headers, body) => (status, headers, body),
            Answer::Reset => return Ok(()),
            Answer::Hang => std::future::pending().await,
            Answer::Drip => return drip(&mut stream).await,
        };
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let reply = format!(
            "HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(reply.as_bytes()).await?;
    }
    Ok(())
}

async fn drip(stream: &mut TcpStream) -> io::Result<()> {
    stream
        .write_all(b"HTTP/1.1 200 Status\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{")
        .await?;
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        stream.write_all(b" ").await?;
    }
}

/// The next request and its length in bytes; `None` when the sender hung up in between.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<(Call, usize)>> {
    loop {
        if let Some(head) = find(buffer, b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&buffer[..head]).into_owned();
            if let Some((body, length)) = body(&text, &buffer[head + 4..]) {
                return Ok(Some((call(&text, String::from_utf8_lossy(&body).into_owned()), head + 4 + length)));
            }
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

/// The body, and how many bytes it takes; `None` as long as it isn't all there.
fn body(head: &str, rest: &[u8]) -> Option<(Vec<u8>, usize)> {
    if !head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        let length = content_length(head).unwrap_or(0);
        return Some((rest.get(..length)?.to_vec(), length));
    }
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let line = find(&rest[at..], b"\r\n")?;
        let digits = String::from_utf8_lossy(&rest[at..at + line]);
        let length = usize::from_str_radix(&digits, 16).expect("the length of a chunk");
        let begin = at + line + 2;
        body.extend_from_slice(rest.get(begin..begin + length)?);
        at = begin + length + 2;
        if rest.len() < at {
            return None;
        }
        if length == 0 {
            return Some((body, at));
        }
    }
}

fn call(head: &str, body: String) -> Call {
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default());
    let url = url::Url::parse(&format!("http://here{target}")).expect("a request names a path");
    let mut query: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in url.query_pairs() {
        let stands = query.entry(name.into_owned());
        stands.and_modify(|all| all.extend([",", &*value])).or_insert_with(|| value.into_owned());
    }
    let pairs = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let headers = pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    Call { at: Instant::now(), method, path: url.path().to_owned(), query, headers, body }
}
