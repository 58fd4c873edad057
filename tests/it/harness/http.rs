//! One keep-alive HTTP/1.1 connection that costs the generator as little as possible.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends one request and reads its whole answer; answers the status.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<u16> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let mut total = None;
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if total.is_none() {
                total = answer_length(&self.buffer);
            }
            if total.is_some_and(|total| self.buffer.len() >= total) {
                return status(&self.buffer);
            }
        }
    }

    /// A header of the last answer.
    pub fn header(&self, name: &str) -> Option<String> {
        let head = find(&self.buffer, b"\r\n\r\n").map(|end| String::from_utf8_lossy(&self.buffer[..end]))?;
        head.lines().find_map(|line| {
            let (header, value) = line.split_once(':')?;
            header.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }

    /// The body of the last answer.
    pub fn body(&self) -> &[u8] {
        find(&self.buffer, b"\r\n\r\n").map(|head| &self.buffer[head + 4..]).unwrap_or_default()
    }
}

fn status(answer: &[u8]) -> io::Result<u16> {
    let digits = answer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
    digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| ErrorKind::InvalidData.into())
}

/// Bytes of head and body together, once the head is there. Answers here always state their length.
fn answer_length(answer: &[u8]) -> Option<usize> {
    let head = find(answer, b"\r\n\r\n")?;
    Some(head + 4 + content_length(&String::from_utf8_lossy(&answer[..head])).unwrap_or(0))
}

/// What the head of a message says of its body.
pub fn content_length(head: &str) -> Option<usize> {
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") { value.trim().parse().ok() } else { None }
    })
}

pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
