//! The way to a destination: no more often than it may be asked, and within its bounds.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::client::{Connections, SendError};
use super::exchange::{Request, Response};
use super::pace::{Limit, Pace};
use super::retry::Failure;
use super::room::{self, Room};
use super::session::Wire;
use super::spec::Http;
use super::watch::Watch;
use crate::time::{Clock, Millis};

/// How long a delivery waits by itself until a limit lets its next request pass; for longer it waits in its list.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// The way of one delivery's requests to its destination.
pub struct Line<'l> {
    /// Of the destination.
    pub connections: Connections,
    /// How it is reached.
    pub http: &'l Http,
    /// What went out to it lately.
    pub pace: &'l Mutex<Pace>,
    /// How often it may be asked.
    pub limits: &'l [Limit],
    /// What its large answers may take.
    pub room: Room,
    /// The clock.
    pub clock: &'l Clock,
    /// Sees what goes over it, where somebody wants to know.
    pub watch: Option<&'l Watch>,
}

#[async_trait]
impl Wire for Line<'_> {
    async fn exchange(&self, request: Request) -> Result<Response, Failure> {
        let mut waited = Duration::ZERO;
        while let Err(until) = self.take(&request) {
            let wait = Duration::from_millis(until.since(self.clock.now()).max(1).unsigned_abs());
            waited += wait;
            if waited > PATIENCE {
                return Err(Failure::paced(wait));
            }
            tokio::time::sleep(wait).await;
        }
        let started = Instant::now();
        self.watch.iter().for_each(|watch| watch.asks(&request));
        let Http { timeout, max_response_bytes, .. } = *self.http;
        let sent = self.connections.send(request, timeout, max_response_bytes, &self.room).await;
        self.watch.iter().for_each(|watch| watch.answered(sent.as_ref().ok(), started.elapsed()));
        sent.map_err(|error| match error {
            // Of our own making: it says nothing of the destination, and is no attempt.
            SendError::Crowded => Failure::paced(room::PATIENCE),
            error => Failure::unanswered(error.to_string(), error.kind()),
        })
    }
}

impl Line<'_> {
    fn take(&self, request: &Request) -> Result<(), Millis> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner).take(self.limits, request, self.clock.now())
    }
}
