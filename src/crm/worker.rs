//! Works the queue of one destination: makes the request, sends it, and decides what becomes of the entry.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::breaker::{Admission as Circuit, Breaker};
use super::client::{Answer, Connections, SendError};
use super::retry::{self, Failure, Verdict};
use super::webhook::{self, Request, Unsendable};
use super::{Destination, DestinationName};
use crate::engine::SharedConfig;
use crate::engine::queue::backoff::later;
use crate::engine::queue::{Admission, Handler, Work};
use crate::lead::LeadEvent;
use crate::store::{Claimed, Outcome, StoreError};
use crate::time::{Clock, Millis};

/// What a delivery may take beyond the exchange itself.
const BESIDES: Duration = Duration::from_secs(5);
/// The deadline when the destination isn't configured any more: nothing is sent then.
const UNCONFIGURED: Duration = Duration::from_secs(10);
/// When an entry of a destination that isn't configured any more is looked at again.
const LATER: Duration = Duration::from_mins(1);

/// Delivers to one destination. Reads the configuration afresh for every delivery, so that a mended URL or secret counts at
/// once.
pub struct Deliverer {
    name: DestinationName,
    config: SharedConfig,
    clock: Clock,
    breaker: Mutex<Breaker>,
    connections: Mutex<Option<Connections>>,
}

impl Deliverer {
    /// A worker for the queue of the destination `name`; it connects when there is something to deliver.
    #[must_use]
    pub fn new(name: DestinationName, config: SharedConfig, clock: Clock) -> Self {
        Self { name, config, clock, breaker: Mutex::default(), connections: Mutex::default() }
    }

    fn destination(&self) -> Option<Destination> {
        self.config.load().destinations.iter().find(|destination| destination.name == self.name).cloned()
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connections, made anew when it has changed whom they may reach or trust.
    fn connections(&self, destination: &Destination) -> Result<Connections, SendError> {
        let (allowed, ca) = (&destination.allow_addresses, destination.webhook.ca.as_ref());
        let mut kept = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some(made) if made.allowed() == allowed && made.authorities() == ca => Ok(made.clone()),
            _ => Ok(kept.insert(Connections::new(allowed, ca)?).clone()),
        }
    }

    async fn deliver(&self, destination: &Destination, claimed: &Claimed) -> Outcome {
        let payload = &claimed.entry.payload;
        let parsed = serde_json::from_str(payload).map_err(|error| Unsendable::Payload(error.to_string()));
        let made = parsed.and_then(|event: LeadEvent| {
            let request = webhook::request(&destination.webhook, payload, &event, self.clock.now())?;
            Ok((event, request))
        });
        let (event, request) = match made {
            Ok(made) => made,
            Err(error) => return self.unsendable(destination, claimed, &error),
        };
        let mut ticket = match Ticket::take(self) {
            Ok(ticket) => ticket,
            // Parked where it is: no attempt was made, and none is counted.
            Err(until) => return parked(claimed, until),
        };
        let started = Instant::now();
        let answer = self.send(destination, request).await;
        ticket.used = true;
        metrics::histogram!("handraiser_delivery_seconds", "destination" => self.name.to_string())
            .record(started.elapsed().as_secs_f64());
        match webhook::judge(&answer, self.clock.now()) {
            Ok(()) => self.delivered(&event),
            Err(failure) => self.failed_attempt(destination, claimed, failure),
        }
    }

    async fn send(&self, destination: &Destination, request: Request) -> Result<Answer, SendError> {
        let (connections, webhook) = (self.connections(destination)?, &destination.webhook);
        let Request { headers, body } = request;
        connections.post(&webhook.url, headers, body, webhook.timeout, webhook.max_response_bytes).await
    }

    fn delivered(&self, event: &LeadEvent) -> Outcome {
        if self.breaker().succeeded() {
            tracing::info!(destination = %self.name, "the destination is back");
        }
        self.count("delivered");
        if let Ok(received) = event.lead.timestamps.received.parse::<jiff::Timestamp>() {
            let delay = self.clock.now().since(Millis(received.as_millisecond())).max(0);
            metrics::histogram!("handraiser_event_to_delivered_seconds", "destination" => self.name.to_string())
                .record(Duration::from_millis(delay.unsigned_abs()).as_secs_f64());
        }
        Outcome::Done { keep: true }
    }

    fn failed_attempt(&self, destination: &Destination, claimed: &Claimed, failure: Failure) -> Outcome {
        let now = self.clock.now();
        self.note_failure(destination, &failure, now);
        self.again_or_dead(destination, claimed, failure, now)
    }

    fn again_or_dead(&self, destination: &Destination, claimed: &Claimed, failure: Failure, now: Millis) -> Outcome {
        let reason = failure.reason.clone();
        let outcome = retry::outcome(&destination.retry, claimed.entry.attempts, failure, now, rand::random());
        self.report(claimed, &outcome, &reason);
        outcome
    }

    /// Tells the circuit breaker: a refused message comes from a living destination, anything else speaks against it.
    fn note_failure(&self, destination: &Destination, failure: &Failure, now: Millis) {
        let mut breaker = self.breaker();
        if failure.verdict == Verdict::Refused {
            breaker.succeeded();
            return;
        }
        if let Some(wait) = failure.retry_after {
            breaker.pause(later(now, wait.min(destination.retry.cap)));
        }
        if let Some(until) = breaker.failed(now) {
            let pause_ms = until.since(now);
            tracing::warn!(destination = %self.name, pause_ms, "the destination keeps failing; deliveries are parked");
        }
    }

    /// Nothing was sent. What the configuration can mend is tried again; what is in the message itself is not.
    fn unsendable(&self, destination: &Destination, claimed: &Claimed, error: &Unsendable) -> Outcome {
        let verdict = if error.is_of_the_message() { Verdict::Refused } else { Verdict::Failed };
        let failure = Failure { verdict, error: error.to_string(), reason: error.kind().to_owned(), retry_after: None };
        self.again_or_dead(destination, claimed, failure, self.clock.now())
    }

    /// Says what became of a failed delivery; what the receiver answered stays with the entry, where operators may see it.
    fn report(&self, claimed: &Claimed, outcome: &Outcome, reason: &str) {
        let (delivery, destination) = (&claimed.entry.id, &self.name);
        match outcome {
            Outcome::Dead { attempts, .. } => {
                self.count("dead");
                tracing::warn!(%destination, delivery, attempts, reason, "gave up a delivery; it is among the dead letters");
            }
            Outcome::Retry { attempts, .. } => {
                self.count("retried");
                tracing::info!(%destination, delivery, attempts, reason, "a delivery failed and is tried again");
            }
            Outcome::Done { .. } => {}
        }
    }

    fn count(&self, outcome: &'static str) {
        metrics::counter!(
            "handraiser_deliveries_total", "destination" => self.name.to_string(), "outcome" => outcome
        )
        .increment(1);
    }
}

/// Puts an entry back without counting an attempt.
fn parked(claimed: &Claimed, until: Millis) -> Outcome {
    let entry = &claimed.entry;
    let error = entry.last_error.clone().unwrap_or_else(|| "parked while the destination keeps failing".to_owned());
    Outcome::Retry { due: until, attempts: entry.attempts, error }
}

#[async_trait]
impl Handler for Deliverer {
    async fn handle(&self, claimed: &Claimed) -> Result<Work, StoreError> {
        let outcome = match self.destination() {
            Some(destination) => self.deliver(&destination, claimed).await,
            // Kept, not given up: the destination may come back with the next reload.
            None => Outcome::Retry {
                due: later(self.clock.now(), LATER),
                attempts: claimed.entry.attempts,
                error: format!("destination `{}` is not configured", self.name),
            },
        };
        Ok(outcome.into())
    }

    fn deadline(&self) -> Duration {
        self.destination().map_or(UNCONFIGURED, |destination| destination.webhook.timeout + BESIDES)
    }

    fn admission(&self, now: Millis) -> Admission {
        match self.breaker().admits(now) {
            Circuit::Open => Admission::Open,
            Circuit::Probe => Admission::One,
            Circuit::Parked(until) => Admission::Parked(until),
        }
    }

    fn failed(&self, claimed: &Claimed, error: &str, now: Millis) -> Outcome {
        let Some(destination) = self.destination() else { return parked(claimed, later(now, LATER)) };
        let (error, reason) = (error.to_owned(), "our own fault".to_owned());
        let failure = Failure { verdict: Verdict::Failed, error, reason, retry_after: None };
        self.again_or_dead(&destination, claimed, failure, now)
    }
}

/// The circuit breaker's leave to make an attempt. Given back unused, for example because the server stops, it makes room for
/// another probe.
struct Ticket<'d> {
    deliverer: &'d Deliverer,
    used: bool,
}

impl<'d> Ticket<'d> {
    fn take(deliverer: &'d Deliverer) -> Result<Self, Millis> {
        deliverer.breaker().begin(deliverer.clock.now())?;
        Ok(Self { deliverer, used: false })
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if !self.used {
            self.deliverer.breaker().abandoned();
        }
    }
}
