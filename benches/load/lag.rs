//! How far applying is behind the log, at a given rate of batches.
//!
//! A server observes at each commit how long the oldest entry in it has been in the log, in milliseconds; every other entry waited
//! for less. Its buckets (`handraiser_lag_seconds` at `/metrics`) have a bound at 100 ms, so that the share of commits within it
//! is exact, while percentiles are known up to the next bound only. Beside them, `lag_ms` of `/ready`: the age of the oldest
//! entry that waits, looked at every few milliseconds.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;

use crate::harness::http::Connection;
use crate::latency::{Latencies, Summary};
use crate::open;
use crate::story::Request;

const LOOK: Duration = Duration::from_millis(5);

pub struct Lag {
    /// Of batches, in events a second.
    pub rate: f64,
    pub commits: Vec<Bucket>,
    pub looks: Summary,
}

/// So many commits with an oldest entry of at most so many seconds, those of smaller buckets included.
#[derive(Clone, Copy)]
pub struct Bucket {
    pub seconds: f64,
    pub commits: u64,
}

impl Lag {
    pub fn count(&self) -> u64 {
        self.commits.last().map_or(0, |bucket| bucket.commits)
    }

    /// The share of commits within so many seconds, which must be a bound.
    pub fn within(&self, seconds: f64) -> f64 {
        let found = self.commits.iter().rfind(|bucket| bucket.seconds <= seconds);
        found.map_or(0.0, |bucket| bucket.commits as f64 / self.count().max(1) as f64)
    }

    /// The smallest bound that holds for this share of the commits.
    pub fn bound(&self, share: f64) -> Duration {
        let needed = share * self.count() as f64;
        let found = self.commits.iter().find(|bucket| bucket.commits as f64 >= needed);
        Duration::try_from_secs_f64(found.map_or(0.0, |bucket| bucket.seconds)).unwrap_or(Duration::MAX)
    }
}

/// Sends batches, `rate` events a second, and observes the server at `address` meanwhile.
pub async fn run(address: SocketAddr, requests: Vec<Request>, rate: f64, length: Duration) -> anyhow::Result<Lag> {
    let events = requests.first().map_or(1, |request| request.events);
    let before = buckets(address).await?;
    let load = open::run(address, requests, rate / events as f64, length);
    let (_, looks) = tokio::try_join!(load, look(address, length))?;
    let mut commits = buckets(address).await?;
    commits.iter_mut().zip(before).for_each(|(now, before)| now.commits -= before.commits);
    Ok(Lag { rate, commits, looks })
}

async fn look(address: SocketAddr, length: Duration) -> anyhow::Result<Summary> {
    let mut connection = Connection::open(address).await?;
    let mut lags = Latencies::default();
    let (start, mut ticks) = (Instant::now(), tokio::time::interval(LOOK));
    while start.elapsed() < length {
        ticks.tick().await;
        let ready: Value = serde_json::from_slice(get(&mut connection, address, "/ready").await?)?;
        lags.add(Duration::from_millis(ready["lag_ms"].as_u64().context("`/ready` tells no lag")?));
    }
    Ok(lags.summary())
}

async fn buckets(address: SocketAddr) -> anyhow::Result<Vec<Bucket>> {
    let mut connection = Connection::open(address).await?;
    let text = String::from_utf8(get(&mut connection, address, "/metrics").await?.to_vec())?;
    let lines = text.lines().filter_map(|line| line.strip_prefix("handraiser_lag_seconds_bucket{le=\""));
    let bucket = |line: &str| {
        let (bound, commits) = line.split_once("\"} ")?;
        Some(Bucket { seconds: bound.parse().unwrap_or(f64::INFINITY), commits: commits.parse().ok()? })
    };
    Ok(lines.filter_map(bucket).collect())
}

async fn get<'a>(connection: &'a mut Connection, address: SocketAddr, path: &str) -> anyhow::Result<&'a [u8]> {
    connection.exchange(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
    Ok(connection.body())
}
