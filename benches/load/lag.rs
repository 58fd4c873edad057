//! How far applying is behind the log, at a given rate of batches.
//!
//! A server observes at each commit how long the oldest entry in it has been in the log, in milliseconds; every other entry waited
//! for less. Its buckets (`handraiser_lag_seconds` at `/metrics`) tell exactly which share of the commits was within one of their
//! bounds; percentiles are known up to the next bound only.

use std::net::SocketAddr;
use std::time::Duration;

use crate::harness::http::Connection;
use crate::open;
use crate::story::Request;

pub struct Lag {
    /// Of batches, in events a second.
    pub rate: f64,
    pub commits: Vec<Bucket>,
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
    open::run(address, requests, rate / events as f64, length).await?;
    let mut commits = buckets(address).await?;
    commits.iter_mut().zip(before).for_each(|(now, before)| now.commits -= before.commits);
    Ok(Lag { rate, commits })
}

async fn buckets(address: SocketAddr) -> anyhow::Result<Vec<Bucket>> {
    let mut connection = Connection::open(address).await?;
    connection.exchange(format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
    let text = String::from_utf8_lossy(connection.body());
    let lines = text.lines().filter_map(|line| line.strip_prefix("handraiser_lag_seconds_bucket{le=\""));
    let bucket = |line: &str| {
        let (bound, commits) = line.split_once("\"} ")?;
        Some(Bucket { seconds: bound.parse().unwrap_or(f64::INFINITY), commits: commits.parse().ok()? })
    };
    Ok(lines.filter_map(bucket).collect())
}
