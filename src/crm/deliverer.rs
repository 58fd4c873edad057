//! Sends news to destinations: makes the request, sends it, and says what is to become of the news.

mod link;
mod reading;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use serde::Deserialize;

use self::link::{DestinationLink, Leave};
use super::adapter::LeadNews;
use super::backoff::later;
use super::breaker::Circuit;
use super::line::{Line, PATIENCE};
use super::retry::{self, Failure, Verdict};
use super::room::Rooms;
use super::session::Session;
use super::tried::tried;
use super::watch::Watch;
use super::{Destination, DestinationName, redact};
use crate::apply::Attempt;
use crate::apply::message::{AttemptOutcome, ReadBack};
use crate::engine::{Admission, Before, Dispatcher};
use crate::record::{News, Remembered, Tried};
use crate::time::{Clock, Millis};

/// What a delivery may take beyond the exchange itself.
const BESIDES: Duration = Duration::from_secs(5);
/// The deadline when the destination isn't configured any more: nothing is sent then.
const UNCONFIGURED: Duration = Duration::from_secs(10);
/// When news for a destination that isn't configured any more is looked at again.
const LATER: Duration = Duration::from_mins(1);

/// The destinations in force; a reload swaps them.
pub type SharedDestinations = Arc<ArcSwap<Vec<Destination>>>;

/// Sends to all destinations. Reads their configuration afresh for every delivery, so that a corrected URL or secret counts at
/// once.
pub struct Deliverer {
    destinations: SharedDestinations,
    clock: Clock,
    /// And where each destination stood in the configuration when it was looked for last.
    links: Mutex<HashMap<DestinationName, (Arc<DestinationLink>, usize)>>,
    rooms: Rooms,
}

/// What came of an attempt.
struct Came {
    outcome: AttemptOutcome,
    /// What is remembered of the lead, where that may have changed.
    remembered: Option<Remembered>,
    /// What is kept of it where it failed.
    tried: Option<Tried>,
}

impl Came {
    const fn of(outcome: AttemptOutcome) -> Self {
        Self { outcome, remembered: None, tried: None }
    }

    fn with(self, remembered: Remembered) -> Self {
        Self { remembered: Some(remembered), ..self }
    }
}

/// What is read of a lead event; the rest of it is only passed on.
#[derive(Deserialize)]
struct Brief<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    lead: BriefLead<'a>,
}

#[derive(Deserialize)]
struct BriefLead<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    definition: Cow<'a, str>,
    #[serde(borrow)]
    timestamps: BriefTimes<'a>,
}

#[derive(Deserialize)]
struct BriefTimes<'a> {
    #[serde(borrow)]
    received: Cow<'a, str>,
}

impl<'a> Brief<'a> {
    fn read(json: &'a str) -> Result<Self, Failure> {
        serde_json::from_str(json).map_err(|error| {
            Failure::here(Verdict::Refused, format!("the payload is no lead event: {error}"), "payload")
        })
    }
}

impl Deliverer {
    /// Connects to nothing until there is something to deliver.
    pub fn new(destinations: SharedDestinations, clock: Clock) -> Self {
        Self { destinations, clock, links: Mutex::default(), rooms: Rooms::default() }
    }

    /// A destination as it is configured, and what is known of the ways to it: made when it is first needed, and forgotten when the
    /// destination leaves the configuration. There may be thousands: where nothing has changed, none of this looks at all of them.
    fn known<'d>(&self, name: &str, configured: &'d [Destination]) -> Option<(Arc<DestinationLink>, &'d Destination)> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let named = |at: usize| configured.get(at).filter(|destination| *destination.name == *name);
        if let Some((link, at)) = links.get(name)
            && let Some(destination) = named(*at)
        {
            return Some((Arc::clone(link), destination));
        }
        let Some((at, destination)) = (0..configured.len()).find_map(|at| Some((at, named(at)?))) else {
            links.remove(name);
            return None;
        };
        if links.len() >= configured.len() {
            links.retain(|name, _| configured.iter().any(|destination| destination.name == *name));
        }
        let make = || Arc::new(DestinationLink::new(Arc::clone(&destination.name), &self.rooms));
        let (link, place) = links.entry(Arc::clone(&destination.name)).or_insert_with(|| (make(), at));
        *place = at;
        Some((Arc::clone(link), destination))
    }

    async fn attempt(&self, destination: &Destination, link: &DestinationLink, news: &News, before: &Before) -> Came {
        let remembered = &before.remembered;
        let brief = match Brief::read(&news.json) {
            Ok(brief) => brief,
            Err(failure) => {
                let nothing = (Watch::default(), Duration::ZERO);
                return self.failure(destination, link, news, failure, nothing).with(remembered.clone());
            }
        };
        let leave = match Leave::take(link, self.clock.now()) {
            Ok(leave) => leave,
            // It waits where it is: no attempt was made, and none is counted.
            Err(until) => return Came::of(parked(news, until)).with(remembered.clone()),
        };
        let (watch, started) = (Watch::default(), Instant::now());
        let (came, remembered) = self.bring(destination, link, (news, before), &watch).await;
        let took = started.elapsed();
        link.meters.exchange.record(took);
        let now = self.clock.now();
        link.flowed(came.as_ref().err(), &watch, destination.concurrency, now);
        match came {
            Ok(()) => {
                leave.delivered(now);
                link.knew_us(now);
                Came::of(delivered(link, &brief, now)).with(remembered)
            }
            Err(failure) => {
                // Otherwise nothing was learned of it.
                if failure.of_destination {
                    if failure.verdict == Verdict::Refused {
                        link.knew_us(now);
                    }
                    leave.failed(&failure, destination.retry.cap, now);
                }
                match failure.retry_after.filter(|_| failure.verdict == Verdict::Paced) {
                    Some(wait) => Came::of(parked(news, later(now, wait))).with(remembered),
                    None => self.failure(destination, link, news, failure, (watch, took)).with(remembered),
                }
            }
        }
    }

    /// Has the destination's adapter bring news over; returns what is remembered of the lead by then as well.
    async fn bring(
        &self,
        destination: &Destination,
        link: &DestinationLink,
        (news, before): (&News, &Before),
        watch: &Watch,
    ) -> (Result<(), Failure>, Remembered) {
        let connections = match link.connections(destination) {
            Ok(connections) => connections,
            Err(error) => {
                return (Err(Failure::unanswered(error.to_string(), error.kind())), before.remembered.clone());
            }
        };
        let (adapter, memo) = (destination.kind.adapter(), link.memo(&destination.kind));
        let (http, pace, clock) = (&destination.http, link.pace(), &self.clock);
        let (limits, room) = (adapter.limits(), link.room());
        let line = Line { connections, http, pace, limits, room, clock, watch: Some(watch) };
        let mut session = Session::new(&line, clock, &memo);
        session.remembered.clone_from(&before.remembered);
        session.may_be_there = before.may_be_there;
        let news_of = LeadNews { id: &news.id, json: &news.json, newer: before.newer.as_deref() };
        let came = adapter.deliver(&news_of, &mut session).await;
        (came, session.remembered)
    }

    /// What becomes of news that was not taken, with what is kept of that.
    fn failure(
        &self,
        destination: &Destination,
        link: &DestinationLink,
        news: &News,
        mut failure: Failure,
        (watch, took): (Watch, Duration),
    ) -> Came {
        let tried = tried(destination, news, (&failure, &watch, took), self.clock.now());
        // Somebody may say back what was said to them.
        failure.error = redact::without(&failure.error, &destination.kind.adapter().credentials()).into_owned();
        Came { tried: Some(tried), ..Came::of(self.again_or_dead(destination, link, news, failure)) }
    }

    fn again_or_dead(
        &self,
        destination: &Destination,
        link: &DestinationLink,
        news: &News,
        failure: Failure,
    ) -> AttemptOutcome {
        let (now, reason) = (self.clock.now(), failure.reason.clone());
        let denial = (failure.verdict == Verdict::Denied).then(|| link.denied(news.created, now, &reason));
        let outcome = match denial.filter(|denial| denial.for_good || !denial.counts) {
            Some(denial) => {
                let due = later(now, destination.retry.backoff().wait(denial.times, rand::random()));
                let error = failure.error.into();
                if denial.for_good {
                    AttemptOutcome::Denied { due, error, credentials: destination.credentials() }
                } else {
                    AttemptOutcome::Retry { due, counts: false, error }
                }
            }
            None => retry::outcome(&destination.retry, news.attempts, failure, now, rand::random()),
        };
        match &outcome {
            AttemptOutcome::Dead { .. } => link.gave_up(now, &reason),
            _ => link.meters.retried.increment(1),
        }
        outcome
    }

    fn unconfigured(&self, name: &str) -> AttemptOutcome {
        // Kept, not given up: the destination may come back with the next reload.
        AttemptOutcome::Retry {
            due: later(self.clock.now(), LATER),
            counts: false,
            error: format!("destination `{name}` is not configured").into(),
        }
    }

    fn finished(&self, news: &News, came: Came) -> Attempt {
        let Came { outcome, remembered, tried } = came;
        Attempt { id: Arc::clone(&news.id), at: self.clock.now(), outcome, remembered, tried: tried.map(Box::new) }
    }
}

fn delivered(link: &DestinationLink, brief: &Brief<'_>, now: Millis) -> AttemptOutcome {
    link.meters.delivered.increment(1);
    if let Some(received) = Millis::parse(&brief.lead.timestamps.received) {
        let delay = now.since(received).max(0);
        link.meters.event_to_delivered.record(Duration::from_millis(delay.unsigned_abs()));
    }
    AttemptOutcome::Delivered {
        lead: brief.lead.id.as_ref().into(),
        definition: brief.lead.definition.as_ref().into(),
        kind: brief.kind.as_ref().into(),
    }
}

/// Puts news back without counting an attempt.
fn parked(news: &News, until: Millis) -> AttemptOutcome {
    let error = news.last_error.clone().unwrap_or_else(|| "waits until the destination is back".into());
    AttemptOutcome::Retry { due: until, counts: false, error }
}

#[async_trait]
impl Dispatcher for Deliverer {
    fn admission(&self, destination: &str, now: Millis) -> Admission {
        let configured = self.destinations.load();
        let Some((link, known)) = self.known(destination, &configured) else {
            return Admission::Parked(later(now, LATER));
        };
        match link.admits(now) {
            Circuit::Closed => Admission::Open(link.most(known.concurrency)),
            Circuit::HalfOpen => Admission::Open(1),
            Circuit::Open(until) => Admission::Parked(until),
        }
    }

    fn is_full(&self, destination: &str, is_full: bool) {
        if let Some((link, _)) = self.known(destination, &self.destinations.load()) {
            link.is_full(is_full);
        }
    }

    async fn deliver(&self, destination: &str, news: &News, before: &Before) -> Attempt {
        let configured = self.destinations.load_full();
        let mut came = match self.known(destination, &configured) {
            Some((link, known)) => self.attempt(known, &link, news, before).await,
            None => Came::of(self.unconfigured(destination)),
        };
        came.remembered.take_if(|left| *left == before.remembered);
        self.finished(news, came)
    }

    fn deadline(&self, destination: &str) -> Duration {
        self.known(destination, &self.destinations.load()).map_or(UNCONFIGURED, |(_, known)| {
            let exchanges = known.kind.adapter().exchanges();
            (known.http.timeout + PATIENCE) * exchanges + BESIDES
        })
    }

    async fn read_back(&self, destination: &str, since: Millis, every: i64) -> ReadBack {
        let configured = self.destinations.load_full();
        match self.known(destination, &configured) {
            Some((link, known)) => reading::read_back(known, &link, (since, every), &self.clock).await,
            None => {
                let next = later(self.clock.now(), LATER);
                reading::failed(format!("destination `{destination}` is not configured"), self.clock.now(), next)
            }
        }
    }

    fn failed(&self, destination: &str, news: &News, error: &str) -> Attempt {
        let configured = self.destinations.load_full();
        let came = match self.known(destination, &configured) {
            Some((link, known)) => {
                let failure = Failure::here(Verdict::Failed, error.to_owned(), "our own fault");
                self.failure(known, &link, news, failure, (Watch::default(), Duration::ZERO))
            }
            None => Came::of(self.unconfigured(destination)),
        };
        self.finished(news, came)
    }
}

#[cfg(test)]
mod tests;
